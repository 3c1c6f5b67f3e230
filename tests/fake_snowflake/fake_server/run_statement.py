"""Runs a statement that came in: in a thread of its own, within its limits, with its values; its end goes into the log."""

import threading
import time
import uuid
from typing import Any

from fake_server import control, results, statements
from fake_server.account import Session
from fake_server.engine import Watch
from fake_server.errors import SnowflakeError
from fake_server.results import Result
from fake_server.running import RUNNING, Running
from fake_server.world import WORLD
from fakesnow.converter import from_binding


def failure(error: SnowflakeError, query_id: str = "") -> dict[str, Any]:
    code = f"{error.code:06d}"
    told = {
        "errorCode": code,
        "sqlState": error.sqlstate,
        "queryId": query_id,
        "internalError": False,
        "line": 0,
        "pos": 0,
    }
    return {"data": told, "code": code, "message": error.message, "success": False, "headers": None}


def start(session: Session, body: dict[str, Any], request_id: str) -> Running:
    """Begin to run the statement in a thread of its own."""
    parameters = {key.upper(): value for key, value in (body.get("parameters") or {}).items()}
    ran = session.account.begin(session, body["sqlText"], parameters, str(uuid.uuid4()))
    running = Running(session, ran, Watch(timeout_of(session, parameters)))
    RUNNING[request_id] = RUNNING[ran.query_id] = running
    threading.Thread(target=run, args=(running, body), daemon=True).start()
    return running


def run(running: Running, body: dict[str, Any]) -> None:
    """Run it to its end, and write into the log how it went."""
    session, ran = running.session, running.ran
    try:
        with running.watch.running():
            control.delay(session.account, ran.sql, running.watch)
            result = execute(session, body, running.watch)
        result.query_id = ran.query_id
        result.capped(int(setting(session, ran.parameters, "ROWS_PER_RESULTSET") or 0))
        ran.rows = result.count
        if not body.get("describeOnly"):
            session.account.keep(result, session)
        running.answer = {"data": results.body(result, session), "success": True, "code": None, "message": None}
    except SnowflakeError as error:
        ran.error = (error.code, error.message)
        running.answer = failure(error, ran.query_id)
    except Exception as error:  # ours, or the engine's: what Snowflake calls an internal error
        ran.error = (603, f"{type(error).__name__}: {error}")
        running.answer = failure(
            SnowflakeError(603, "XX000", f"SQL execution internal error: {ran.error[1]}"), ran.query_id
        )
    ran.ended = time.time()
    if not body.get("describeOnly"):
        session.last_query_id = ran.query_id
    running.done.set()


def execute(session: Session, body: dict[str, Any], watch: Watch) -> Result:
    values = bound(body.get("bindings") or {})
    return statements.execute(
        session, WORLD.engine(session.account), body["sqlText"], values, watch, describe=bool(body.get("describeOnly"))
    )


def bound(bindings: dict[str, Any]) -> Any:
    """The values of `?`s: one tuple, or a list of them for a batch; None if there are none."""
    if not bindings:
        return None
    ordered = [bindings[str(number)] for number in range(1, len(bindings) + 1)]
    if any(isinstance(b["value"], list) for b in ordered):
        columns = [[one_value({**b, "value": v}) for v in b["value"]] for b in ordered]
        return list(zip(*columns, strict=True))
    return tuple(one_value(b) for b in ordered)


def one_value(binding: dict[str, Any]) -> Any:
    if binding["value"] is None:
        return None
    return float(binding["value"]) if binding["type"] == "REAL" else from_binding(binding)


def setting(session: Session, parameters: dict[str, Any], key: str) -> Any:
    """A parameter of the statement, else of the session."""
    return parameters.get(key, session.parameters.get(key))


def timeout_of(session: Session, parameters: dict[str, Any]) -> float:
    """The shortest of what statement or session and the warehouse allow; 0 for none."""
    own = float(setting(session, parameters, "STATEMENT_TIMEOUT_IN_SECONDS") or 0)
    thing = session.account.thing("WAREHOUSE", session.warehouse) if session.warehouse else None
    floor = float(thing.said.get("statement_timeout") or 0) if thing else 0.0
    return min([seconds for seconds in (own, floor) if seconds] or [0.0])
