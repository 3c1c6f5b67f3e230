"""The server's own log as QUERY_HISTORY shows it: of a role, what its user ran; of an admin, everything."""

from datetime import UTC, datetime

import pyarrow as pa
from fake_server.account import Ran, Session
from fake_server.errors import not_found

TEXT, WHOLE, TIME = pa.string(), pa.int64(), pa.timestamp("us", tz="UTC")
COLUMNS = {
    "QUERY_ID": TEXT, "QUERY_TEXT": TEXT, "DATABASE_NAME": TEXT, "SCHEMA_NAME": TEXT, "QUERY_TYPE": TEXT,
    "SESSION_ID": WHOLE, "USER_NAME": TEXT, "ROLE_NAME": TEXT, "WAREHOUSE_NAME": TEXT, "QUERY_TAG": TEXT,
    "EXECUTION_STATUS": TEXT, "ERROR_CODE": TEXT, "ERROR_MESSAGE": TEXT, "START_TIME": TIME, "END_TIME": TIME,
    "TOTAL_ELAPSED_TIME": WHOLE, "ROWS_PRODUCED": WHOLE, "BYTES_SCANNED": WHOLE,
}  # fmt: skip


def as_table(session: Session, log: list[Ran]) -> pa.Table:
    """The statements that the session may see."""
    mine = [ran for ran in log if session.access.is_admin or ran.user == session.user]
    rows = [_row(ran) for ran in mine]
    return pa.table({name: pa.array([row[i] for row in rows], type) for i, (name, type) in enumerate(COLUMNS.items())})


def account_usage(session: Session, view: str) -> pa.Table:
    """SNOWFLAKE.ACCOUNT_USAGE.QUERY_HISTORY, without the delay it has in an account; for admins only."""
    if view != "QUERY_HISTORY" or not session.access.is_admin:
        raise not_found("Object", f"SNOWFLAKE.ACCOUNT_USAGE.{view}")
    return as_table(session, session.account.log)


def _row(ran: Ran) -> tuple[object, ...]:
    start = datetime.fromtimestamp(ran.started, UTC)
    end = datetime.fromtimestamp(ran.ended, UTC) if ran.ended else None
    spent = int(((ran.ended or ran.started) - ran.started) * 1000)
    code, message = (f"{ran.error[0]:06d}", ran.error[1]) if ran.error else (None, None)
    kind = (ran.sql.split(None, 1) or [""])[0].upper()
    return (
        ran.query_id, ran.sql, ran.database, ran.schema, kind, ran.session_id, ran.user, ran.role, ran.warehouse, ran.tag,
        ran.status, code, message, start, end, spent, ran.rows, 0,
    )  # fmt: skip
