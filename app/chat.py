"""One turn of the chat: a question goes in; an Answer, or a Trouble that can be shown kindly, comes out.

The only place that catches CopilotError. Anything else that escapes is a bug of ours: the user gets one sentence and
the place of the log, the log gets the traceback.
"""

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from langchain_core.language_models import BaseChatModel

from app.background import Job, Report
from app.open_model import open_model
from sql_tools.copilot import ask
from sql_tools.errors import CopilotError
from sql_tools.models import Answer, Question, Stage, Table, Turn
from sql_tools.settings import Settings, read_settings
from sql_tools.warehouses import Warehouse, open_warehouse

T = TypeVar("T")
logger = logging.getLogger("arctic_copilot.chat")


@dataclass(frozen=True)
class Trouble:
    """Why there is no outcome, in a user's words; `hint` says what to do."""

    message: str
    hint: str = ""


@dataclass(frozen=True)
class Desk:
    """What every question needs, opened once a process: never holds rows of an answer."""

    settings: Settings
    warehouse: Warehouse
    model: BaseChatModel
    tables: tuple[Table, ...]


def settings_or_trouble() -> Settings | Trouble:
    """The settings of this process, or what is wrong with them."""
    return _kindly(read_settings, log=None)


def start_opening(settings: Settings) -> Job[Desk | Trouble]:
    """Open warehouse and model behind the page; steps carry the progress of downloads."""
    return Job(lambda report: _kindly(lambda: _open(settings, report), log=log_path(settings)))


def start_turn(desk: Desk, question: str, history: tuple[Turn, ...]) -> Job[Answer | Trouble]:
    """Ask behind the page; each step's label is a Stage."""
    return Job(lambda report: _kindly(lambda: _ask(desk, question, history, report), log=log_path(desk.settings)))


def log_path(settings: Settings) -> Path:
    """Where unexpected errors are written in full."""
    return settings.cache / "logs" / "chat.log"


def _open(settings: Settings, report: Report) -> Desk:
    report("Opening the warehouse", settings.warehouse, None)
    warehouse = open_warehouse(settings.warehouse, settings)
    tables = warehouse.tables()
    report("Starting the model", settings.model, None)
    model = open_model(settings, on_progress=lambda detail, fraction: report("Starting the model", detail, fraction))
    return Desk(settings, warehouse, model, tables)


def _ask(desk: Desk, question: str, history: tuple[Turn, ...], report: Report) -> Answer:
    def on_stage(stage: Stage, detail: str) -> None:
        report(stage, detail, None)

    asked = Question(text=question, history=history)
    return ask(asked, desk.warehouse, desk.model, desk.settings, on_stage=on_stage)


def _kindly(work: Callable[[], T], *, log: Path | None) -> T | Trouble:
    try:
        return work()
    except CopilotError as error:
        return Trouble(error.message, error.hint)
    except Exception as error:
        return _unexpected(error, log)


def _unexpected(error: Exception, log: Path | None) -> Trouble:
    written = log is not None and _write_log(error, log)
    place = str(log) if written else "the terminal that runs the chat"
    return Trouble("Something went wrong inside Arctic Copilot.", f"The details are in {place}.")


def _write_log(error: Exception, log: Path) -> bool:
    """Whether the traceback could be appended to the file; it is always on the terminal too."""
    logger.error("Unexpected error", exc_info=error)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z {''.join(traceback.format_exception(error))}\n")
    except OSError:
        return False
    return True
