"""What runs inside a Snowflake account: the asker's Session and options -> the JSON contract's objects.

The stored procedures and the chat there both end up here. Everything is read as the asker. Between calls nothing is kept
but what REFRESH_CATALOG put into the session's own temporary table, and that for one role. An answer that cannot be
recorded is not given.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from sql_tools.cancellation import Stopped
from sql_tools.conversation.conversation import Conversation
from sql_tools.copilot import ask as ask_copilot
from sql_tools.copilot import check
from sql_tools.errors import CopilotError
from sql_tools.in_account.audit import record_answer, record_verdict
from sql_tools.in_account.call import Call, Deployment, Json, begin, choose_settings, read_deployment
from sql_tools.json_contract import json_object
from sql_tools.llms import create_model
from sql_tools.models import Answer, Context, Question, Turn
from sql_tools.proof.card import model_name, tables_used
from sql_tools.proof.describe import filters, reading
from sql_tools.proof.lineage import lineage
from sql_tools.query.text import parse
from sql_tools.query_tag import tagged
from sql_tools.retrieve import catalog_of
from sql_tools.semantic import semantics_of
from sql_tools.semantic.apply import with_view
from sql_tools.settings import Settings
from sql_tools.warehouses import Warehouse
from sql_tools.warehouses.snowflake.warehouse import from_session

if TYPE_CHECKING:
    from snowflake.snowpark import Session

GIVEN_UP = "Stopped by the asker."
NOT_KEPT = "Not kept for this session, so that each call reads it anew"
__all__ = [
    "Call",
    "Deployment",
    "ask",
    "begin",
    "check_sql",
    "choose_settings",
    "explain_sql",
    "feedback",
    "generate_sql",
    "open_in_account",
    "read_deployment",
    "recording",
    "refresh_catalog",
]


def ask(session: "Session", question: str, options: Json | None, deployment: Deployment) -> Json:
    """The Answer to a question, as `ask --json` prints it."""
    return _answer("ASK", _asked, session, question, options, deployment)


def generate_sql(session: "Session", question: str, options: Json | None, deployment: Deployment) -> Json:
    """The Answer with SQL that passed every check, and no rows: it was not run."""
    return _answer("GENERATE_SQL", _drafted, session, question, options, deployment)


def check_sql(session: "Session", sql: str, options: Json | None, deployment: Deployment) -> Json:
    """The CheckReport of SQL, as `check --json` prints it; what the data are like is not asked."""
    with _told() as told, _opened(begin(session, options, deployment)) as (call, warehouse):
        told.update(json_object(check(sql or "", warehouse, call.settings, ask_data=False)))
    return told


def explain_sql(session: "Session", sql: str, options: Json | None, deployment: Deployment) -> Json:
    """The CheckReport of SQL and, where it is allowed, what it reads: in words, by table, by column, by condition."""
    with _told() as told, _opened(begin(session, options, deployment)) as (call, warehouse):
        report = check(sql or "", warehouse, call.settings, ask_data=False)
        told.update(json_object({**dict(report), **(_explained(report.sql, warehouse) if report.allowed else {})}))
    return told


def refresh_catalog(session: "Session", options: Json | None, deployment: Deployment) -> Json:
    """The tables that the asker may ask about, read anew: {version, tables [{name, columns, row_count}], kept, notes, seconds}.

    `kept`: later calls of this session under the same roles look only into tables that have changed.
    """
    started = time.perf_counter()
    with _told() as told, _opened(begin(session, options, deployment)) as (_, warehouse):
        warehouse.refresh()
        why_not = warehouse.keep_in_session()
        tables = [
            {"name": ".".join(t.path), "columns": len(t.columns), "row_count": t.row_count} for t in warehouse.tables()
        ]
        notes = (*warehouse.notes, *([f"{NOT_KEPT}: {why_not}."] if why_not else ()))
        seconds = round(time.perf_counter() - started, 3)
        told.update(json_object({"tables": tables, "kept": not why_not, "notes": notes, "seconds": seconds}))
    return told


def feedback(session: "Session", answer_id: str, verdict: str, remark: str | None, deployment: Deployment) -> Json:
    """Records that an answer, by its request or query id, was `right` or `wrong`: {version, status: "recorded"}."""
    with _told() as told:
        record_verdict(session, answer_id, verdict, remark, deployment)
        told.update(json_object({"status": "recorded"}))
    return told


def open_in_account(session: "Session", settings: Settings, kept_in: str = "") -> Any:
    """What the asker may read, a SnowflakeWarehouse, with the meaning that a semantic view gives it."""
    return with_view(from_session(session, settings, name="snowflake", kept_in=kept_in), settings)


def recording(session: "Session", deployment: Deployment, kind: str) -> Callable[[str, Callable[[], Answer]], Answer]:
    """What makes an answer to a message, over what is open already, with the answer recorded; so is one that was given up."""

    def recorded(said: str, work: Callable[[], Answer]) -> Answer:
        call = begin(session, None, deployment)
        try:
            with tagged(request=call.request, surface=kind.lower()):
                answer = work()
        except Stopped:
            record_answer(call, kind, Answer(status="failed", question=said, message=GIVEN_UP))
            raise
        return record_answer(call, kind, answer)

    return recorded


def _answer(
    kind: str,
    work: Callable[[str, Call, Warehouse], Answer],
    session: "Session",
    question: str,
    options: Json | None,
    deployment: Deployment,
) -> Json:
    """The recorded answer; whatever goes wrong is an answer too, with status failed."""
    call: Call | None = None
    try:
        with _opened(begin(session, options, deployment), kind) as (call, warehouse):
            answer = work(question or "", call, warehouse)
    except Exception as error:
        answer = Answer(status="failed", question=question or "", message=_words(error))
    return json_object(record_answer(call, kind, answer) if call else answer)


def _asked(said: str, call: Call, warehouse: Warehouse) -> Answer:
    return Conversation(warehouse, create_model(call.settings, warehouse), call.settings, call.history).ask(said)


def _drafted(said: str, call: Call, warehouse: Warehouse) -> Answer:
    model = create_model(call.settings, warehouse)
    turns = tuple(Turn(question=a.resolved_question or a.question, sql=a.sql) for a in call.history if a.sql)
    question = Question(text=said, history=turns[-2:])
    try:
        return ask_copilot(question, _Unrun(warehouse), model, call.settings)
    except _Passed as passed:
        report = check(passed.sql, warehouse, call.settings, ask_data=False)
        return Answer(
            status="answered",
            question=question.text,
            sql=report.sql,
            dialect=warehouse.dialect,
            checks=report.checks,
            message="The SQL passed every check; it was not run.",
            model=model_name(model),
        )


class _Passed(Exception):
    """SQL that would run now."""

    def __init__(self, sql: str) -> None:
        super().__init__(sql)
        self.sql = sql


class _Unrun:
    """The warehouse, save that the first statement meant to run ends the question: it has passed every check."""

    def __init__(self, inner: Warehouse) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def run(self, sql: str, *, max_rows: int, timeout_seconds: float) -> Any:
        raise _Passed(sql)


@contextmanager
def _opened(call: Call, kind: str = "") -> Iterator[tuple[Call, Any]]:
    with (
        tagged(request=call.request, surface=kind.lower()),
        closing(open_in_account(call.session, call.settings, call.deployment.kept_in)) as warehouse,
    ):
        yield call, warehouse


@contextmanager
def _told() -> Iterator[Json]:
    """An empty object to fill; what goes wrong is told in it, as the command line does."""
    told: Json = {}
    try:
        yield told
    except Exception as error:
        told.clear()
        told.update(json_object({"status": "failed", "message": _words(error)}))


def _words(error: Exception) -> str:
    """What went wrong; of an error that nobody foresaw only its kind, since its text may quote data."""
    if isinstance(error, CopilotError):
        return f"{error.message} {error.hint}".strip()
    return f"Something went wrong inside Arctic Copilot ({type(error).__name__})."


def _explained(sql: str, warehouse: Warehouse) -> Json:
    tables = catalog_of(warehouse).tables
    context = Context(dialect=warehouse.dialect, tables=tables, catalog=tables, semantics=semantics_of(warehouse))
    tree = parse(sql, warehouse.dialect)
    told = {"tables": tables_used(tree, context), "columns": lineage(tree, context), "filters": filters(tree, context)}
    return {"reading": reading(tree, context), **told}
