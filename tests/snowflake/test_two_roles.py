"""What a role may not see never reaches it: two roles at once in one process, by the library and what is kept on disk.

Whatever a role gets (what the model is told about it too) is searched for the other's canaries, which `firm.py` plants. Proven
on the tests' server: masking and row access policies are not exercised. Two mutants show that the suite can fail.
"""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from firm import CANARY, COUNT, FIRM, GUESSES, KNOWN, OTHER, QUESTIONS, VIEW, attacks, leaks
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import SimpleChatModel
from langchain_core.messages import BaseMessage

from app.commands.kept_answers import read_answer
from app.contract import json_line
from sql_tools import Settings, ask, retrieve
from sql_tools.conversation.suggest import onboarding_questions, suggest_questions
from sql_tools.copilot import check
from sql_tools.diff.compare import checked
from sql_tools.errors import CopilotError
from sql_tools.evaluation.completion_cache import CompletionCache
from sql_tools.models import Question
from sql_tools.proof.replay import kept_answer, replay
from sql_tools.semantic import semantics_of
from sql_tools.semantic.apply import with_semantics
from sql_tools.warehouses import Warehouse
from sql_tools.warehouses.snowflake import kept as snowflake_kept
from sql_tools.warehouses.snowflake import warehouse as engine


class Listening(SimpleChatModel):
    """Remembers each prompt, and answers with the next of its drafts, over and over."""

    drafts: list[str]
    heard: list[str]

    @property
    def _llm_type(self) -> str:
        return "listening"

    def _call(
        self,
        messages: list[BaseMessage],
        stop: Any = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> str:
        self.heard.append("\n".join(str(message.content) for message in messages))
        return self.drafts[len(self.heard) % len(self.drafts)]


@pytest.fixture(scope="module")
def firm(fake_snowflake_server: Any) -> Any:
    fake_snowflake_server.reset()
    fake_snowflake_server.run(*FIRM)
    fake_snowflake_server.completions([{"match": ".", "answer": COUNT}])
    return fake_snowflake_server


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """One cache folder for both roles, with everything kept that can be kept."""
    return Settings(cache_dir=tmp_path, semantic=VIEW, snowflake_schemas="FIRM", keep_catalog=True, share_values=True)


@contextmanager
def opened(firm: Any, role: str, settings: Settings, user: str | None = None) -> Iterator[Warehouse]:
    with (
        firm.session(role, user, database="FIRM", schema="PUBLIC") as session,
        closing(with_semantics(engine.from_session(session, settings), settings)) as warehouse,
    ):
        yield warehouse


def library(warehouse: Warehouse, settings: Settings, drafts: Sequence[str] = (COUNT,), **more: Any) -> list[str]:
    """All that one role gets of the library, and of the command line and the chat's welcome, which show the same objects."""
    model = Listening(drafts=list(drafts), heard=[], **more)
    got = [repr(warehouse.tables()), repr(warehouse.notes), repr(semantics_of(warehouse))]
    got.append(repr(suggest_questions(warehouse.tables(), first=onboarding_questions(semantics_of(warehouse)))))
    for question in QUESTIONS:
        got.append(json_line(ask(question, warehouse, model, settings)).decode())
    got.append(repr(retrieve.retrieve(Question(text="people wages secrets"), warehouse, max_columns=3)))
    return got + model.heard


def errors(warehouse: Warehouse, settings: Settings, statements: Sequence[str]) -> list[str]:
    """What check, diff and the engine itself say to statements that may not run."""
    got = []
    for sql in statements:
        got.append(json_line(check(sql, warehouse, settings)).decode())
        for refuse in (lambda sql=sql: checked(sql, warehouse, settings), lambda sql=sql: warehouse.explain(sql)):
            try:
                got.append(repr(refuse()))
            except CopilotError as error:
                got.append(f"{error.message} {error.hint}")
    return got


@pytest.mark.parametrize("role", CANARY)
def test_each_role_gets_its_own_of_every_kind(role: str, firm: Any, settings: Settings) -> None:
    """The canaries are where the suite looks: else it would prove nothing."""
    with opened(firm, role, settings) as warehouse:
        got = "\n".join(library(warehouse, settings)).lower()
    kinds = (
        "table",
        "column",
        "comment",
        "tablecomment",
        "value",
        "schema",
        "synonym",
        "metric",
        "person earn",
        "description",
    )
    assert [kind for kind in kinds if f"{CANARY[role]}{kind}" not in got] == []


@pytest.mark.parametrize("role", CANARY)
def test_nothing_of_the_other_reaches_a_role_by_the_library(role: str, firm: Any, settings: Settings) -> None:
    with opened(firm, OTHER[role], settings) as theirs:
        library(theirs, settings)
    with opened(firm, role, settings) as warehouse:
        got = library(warehouse, settings)
    assert leaks(role, got) == []


@pytest.mark.parametrize("role", CANARY)
def test_drafts_and_statements_that_guess_names_learn_nothing(role: str, firm: Any, settings: Settings) -> None:
    with opened(firm, role, settings) as warehouse:
        got = errors(warehouse, settings, attacks(role, GUESSES)) + library(warehouse, settings, attacks(role, GUESSES))
    assert leaks(role, got) == []


@pytest.mark.parametrize("role", CANARY)
def test_names_that_are_known_give_no_more_than_what_was_typed(role: str, firm: Any, settings: Settings) -> None:
    typed = attacks(role, KNOWN)
    with opened(firm, role, settings) as warehouse:
        got = errors(warehouse, settings, typed) + library(warehouse, settings, typed)
    assert leaks(role, got, typed) == []


def test_the_command_line_tells_one_user_in_two_roles_nothing_across(firm: Any, tmp_path: Path) -> None:
    """One home folder, one cache, one user: only the role of the connection differs."""
    where = {"database": "FIRM", "schema": "PUBLIC"}
    firm.connections_toml(
        tmp_path / "connections.toml", {role: firm.connection(role, "BOTH", **where) for role in CANARY}
    )
    kept = {"SNOWFLAKE_HOME": str(tmp_path), "ARCTIC_COPILOT_CACHE_DIR": str(tmp_path / "cache")}
    environment = {**os.environ, **kept, "ARCTIC_COPILOT_SNOWFLAKE_SCHEMAS": "FIRM", "ARCTIC_COPILOT_SEMANTIC": VIEW}

    def told(role: str, *arguments: str) -> str:
        command = [sys.executable, "-c", "from app.cli import main; main()", *arguments]
        command += ["--warehouse", f"snowflake:{role}", "--json"]
        ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
        return ended.stdout + ended.stderr

    assert "qzxcomment" in told("HR", "schema").lower()
    got = [told("SALES", "schema"), told("SALES", "check", attacks("SALES", GUESSES)[0])]
    assert "nwxcomment" in got[0].lower()
    assert leaks("SALES", got) == []


def test_a_table_that_is_hidden_and_one_that_is_not_there_read_alike(firm: Any, settings: Settings) -> None:
    with opened(firm, "SALES", settings) as warehouse:
        hidden, missing = (
            re.sub(
                r"PEOPLE_\w+", "X", "\n".join(errors(warehouse, settings, [f"SELECT * FROM FIRM.PUBLIC.PEOPLE_{name}"]))
            )
            for name in ("QZXTABLE", "ABCTABLE")
        )
    assert hidden == missing


def test_one_user_in_two_roles_keeps_two_catalogs(firm: Any, settings: Settings, tmp_path: Path) -> None:
    for role in CANARY:
        with opened(firm, role, settings, user="BOTH") as warehouse:
            assert leaks(role, [repr(warehouse.tables())]) == []
    files = [path.read_bytes().lower() for path in (tmp_path / "snowflake").glob("*.db")]
    assert len(files) == 2
    assert [all(mark.encode() in kept for mark in CANARY.values()) for kept in files] == [False, False]


def test_kept_completions_of_one_role_do_not_reach_the_other(firm: Any, settings: Settings, tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "completions.db", weights="m")
    with opened(firm, "HR", settings) as warehouse:
        library(warehouse, settings, ["SELECT WHO_QZXCOLUMN FROM FIRM.PUBLIC.PEOPLE_QZXTABLE"], cache=cache)
    with opened(firm, "SALES", settings) as warehouse:
        assert leaks("SALES", library(warehouse, settings, cache=cache)) == []


def test_a_kept_answer_gives_the_other_role_no_rows(firm: Any, settings: Settings, tmp_path: Path) -> None:
    sql = "SELECT WHO_QZXCOLUMN FROM FIRM.PUBLIC.PEOPLE_QZXTABLE"
    with opened(firm, "HR", settings) as warehouse:
        answer = ask("Who is there?", warehouse, Listening(drafts=[sql], heard=[]), settings)
    assert "QZXvalue" in repr(answer.rows)
    (tmp_path / "answer.json").write_bytes(json_line(answer))
    with opened(firm, "SALES", settings) as warehouse:
        report = replay(kept_answer(read_answer(tmp_path / "answer.json")), warehouse, settings)
    assert report.status in ("changed", "refused")
    assert leaks("SALES", [json_line(report).decode()], [answer.sql]) == []


def at_once(firm: Any, settings: Settings) -> list[str]:
    """Both roles in one process, eight connections at the same time; whatever leaked to either."""
    gate = threading.Barrier(8)

    def work(role: str) -> list[str]:
        with opened(firm, role, settings) as warehouse:
            gate.wait(60)
            got = library(warehouse, settings) + errors(warehouse, settings, attacks(role, GUESSES[:4]))
        return leaks(role, got)

    with ThreadPoolExecutor(8) as pool:
        return [leak for found in pool.map(work, [*CANARY] * 4) for leak in found]


def test_both_roles_at_once_in_one_process_learn_nothing_of_each_other(firm: Any, settings: Settings) -> None:
    assert at_once(firm, settings) == []


def one_after_the_other(firm: Any, settings: Settings) -> list[str]:
    found = []
    for role in CANARY:
        with opened(firm, role, settings, user="BOTH") as warehouse:
            found += leaks(role, library(warehouse, settings))
    return found


def test_a_kept_catalog_without_the_role_in_its_name_is_caught(
    firm: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mutant: the suite can fail."""
    whole = snowflake_kept.kept_path
    monkeypatch.setattr(
        engine, "kept_path", lambda cache, account, user, role, *more: whole(cache, account, user, *more)
    )
    assert one_after_the_other(firm, settings) != []


def test_a_catalog_shared_between_connections_is_caught(
    firm: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mutant: the first catalog of the process serves all."""
    kept: list[retrieve.Catalog] = []

    def first_catalog(warehouse: Warehouse) -> retrieve.Catalog:
        kept.append(retrieve.Catalog(warehouse))
        return kept[0]

    monkeypatch.setattr(retrieve, "catalog_of", first_catalog)
    assert one_after_the_other(firm, settings) != []
