"""Who asks inside an account, and with what: what the administrator chose, and the asker's options on top of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sql_tools.conversation.kept import answer_of
from sql_tools.errors import SettingsError
from sql_tools.models import Answer
from sql_tools.settings import Settings, read_settings

if TYPE_CHECKING:
    from snowflake.snowpark import Session

Json = dict[str, Any]

CHOSEN = (
    "max_rows",
    "timeout_seconds",
    "snowflake_schemas",
    "semantic",
    "allow_scan_gb",
)  # settings an asker may choose
MORE = ("request", "history")
NOT_KEPT = {"keep_catalog": False}


@dataclass(frozen=True)
class Deployment:
    """What the administrator chose: settings; the procedure that writes the audit row (empty: none is written); the schema
    in which a session may keep the catalog it read (empty: none does)."""

    settings: Mapping[str, Any]
    record: str = ""
    kept_in: str = ""


@dataclass(frozen=True)
class Call:
    """One call: who asks, with what, under which settings."""

    session: "Session"
    deployment: Deployment
    settings: Settings
    request: str
    history: tuple[Answer, ...] = ()


def begin(session: "Session", options: Json | None, deployment: Deployment) -> Call:
    """The call with the deployment's settings under the asker's; SettingsError for an option there is not."""
    given = _lower(options)
    settings = choose_settings(given, deployment)
    return Call(session, deployment, settings, str(given.get("request") or uuid4().hex), _history(given.get("history")))


def choose_settings(options: Json | None, deployment: Deployment) -> Settings:
    """What the administrator chose, with what the asker may choose on top; SettingsError for what there is not."""
    given = _lower(options)
    if unknown := [name for name in given if name not in CHOSEN + MORE]:
        raise SettingsError(f"There is no option {unknown[0]!r:.40}.", f"There are {', '.join(CHOSEN + MORE)}.")
    chosen = {name: given[name] for name in CHOSEN if name in given}
    return read_settings(**{**deployment.settings, **NOT_KEPT, **chosen})


def read_deployment(path: Path) -> Deployment:
    """What the administrator chose, as it was uploaded."""
    deployed = json.loads(path.read_text(encoding="utf-8"))
    return Deployment(settings=deployed["settings"], record=deployed["record"], kept_in=deployed.get("kept_in", ""))


def _lower(options: Json | None) -> Json:
    """Options by lower-case name: SQL users write either."""
    return {str(name).lower(): value for name, value in (options or {}).items()}


def _history(given: Any) -> tuple[Answer, ...]:
    """What was asked and answered before, as the caller has it: read as a file is, and believed as little."""
    if given is not None and not isinstance(given, list | tuple):
        told = "Give a list of {question, sql}, or of what ASK returned, oldest first."
        raise SettingsError("The option history is malformed.", told)
    return tuple(answer_of(one) for one in given or ())
