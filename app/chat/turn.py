"""One turn of the chat: a question goes in; an Answer, or a Trouble that can be shown kindly, comes out.

The only place that catches CopilotError. Anything else that escapes is a bug of ours: the user gets one sentence and
the place of the log, the log gets the traceback.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from langchain_core.language_models import BaseChatModel

from app.chat.background import Job, Report
from app.crash_log import log_what_breaks, write_crash
from sql_tools.conversation.conversation import Conversation
from sql_tools.errors import CopilotError
from sql_tools.models import Answer, Stage, Table
from sql_tools.open_warehouse import open_warehouse
from sql_tools.settings import Settings, read_settings
from sql_tools.warehouses import Warehouse

T = TypeVar("T")
OnProgress = Callable[[str, float | None], None]
LOGS = "logs"


@dataclass(frozen=True)
class Trouble:
    """Why there is no outcome, in a user's words; `hint` says what to do."""

    message: str
    hint: str = ""


@dataclass(frozen=True)
class Desk:
    """What every question needs, opened once a process: never holds rows of an answer.

    `recorded` is what an answer is made within, where answers are also recorded."""

    settings: Settings
    warehouse: Warehouse
    model: BaseChatModel
    tables: tuple[Table, ...]
    recorded: Callable[[str, Callable[[], Answer]], Answer] | None = None


def open_model(settings: Settings, *, warehouse: Warehouse, on_progress: OnProgress) -> BaseChatModel:
    """As `app.open_model`, which the chat in a Snowflake account goes without, and without what that needs."""
    from app import open_model as opener

    return opener.open_model(settings, warehouse=warehouse, on_progress=on_progress)


def settings_or_trouble() -> Settings | Trouble:
    """The settings of this process, or what is wrong with them."""
    try:
        return read_settings()
    except CopilotError as error:
        return Trouble(error.message, error.hint)


def start_opening(settings: Settings) -> Job[Desk | Trouble]:
    """Open warehouse and model behind the page; steps carry the progress of downloads."""
    log_what_breaks(lambda: settings.cache / LOGS)
    return Job(lambda report: kindly(lambda: _open(settings, report), settings.cache / LOGS))


def start_turn(desk: Desk, question: str, answers: tuple[Answer, ...], *, alone: bool = False) -> Job[Answer | Trouble]:
    """Ask behind the page, after the answers that stand above it; each step's label is a Stage."""
    logs = desk.settings.cache / LOGS
    return Job(lambda report: kindly(lambda: _ask(desk, question, answers, alone, report), logs))


def _open(settings: Settings, report: Report) -> Desk:
    def on_progress(what: str, fraction: float | None) -> None:
        report(what, "", fraction)

    report("Opening the warehouse", settings.warehouse, None)
    warehouse = open_warehouse(settings.warehouse, settings, on_progress)
    report("Reading its tables", "", None)
    tables = warehouse.tables()
    report("Getting the model", settings.model, None)
    model = open_model(settings, warehouse=warehouse, on_progress=on_progress)
    return Desk(settings, warehouse, model, tables)


def _ask(desk: Desk, question: str, answers: tuple[Answer, ...], alone: bool, report: Report) -> Answer:
    def on_stage(stage: Stage, detail: str) -> None:
        report(stage, detail, None)

    def asked() -> Answer:
        conversation = Conversation(desk.warehouse, desk.model, desk.settings, answers, same_session=True)
        return conversation.ask(question, alone=alone, on_stage=on_stage)

    return desk.recorded(question, asked) if desk.recorded else asked()


def kindly(work: Callable[[], T], log_folder: Path) -> T | Trouble:
    """What the work brings, or the trouble it ended in."""
    try:
        return work()
    except CopilotError as error:
        return Trouble(error.message, error.hint)
    except Exception as error:
        log = write_crash(error, log_folder)
        where = f"The details are in {log}." if log else "Its details could not be written to a log."
        return Trouble("Something went wrong inside Arctic Copilot.", where)
