"""One statement to Snowflake and its rows, with what the product wants said of each: tag, time limit, row cap.

All three go along as parameters of the statement itself, so nothing is left set in the connection. The connector stops
a query of its own accord where the server does not in time, and on Ctrl-C. Several threads may run statements at once.
"""

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sql_tools.errors import WarehouseError
from sql_tools.models import ResultColumn
from sql_tools.query_tag import query_tag
from sql_tools.warehouses.snowflake_errors import CANCELLED_CODES, CUT, code_of, warehouse_error

if TYPE_CHECKING:
    from snowflake.snowpark import Session

GRACE_SECONDS = 2  # after the server should have stopped the query itself
METADATA_SECONDS = 120.0
MAX_METADATA_ROWS = 2_000_000

Row = dict[str, Any]


class Fetched(NamedTuple):
    """The rows of one statement, and what the server calls it."""

    columns: tuple[ResultColumn, ...]
    rows: list[tuple[Any, ...]]
    query_id: str


class Statements:
    """Runs statements over one Session. `reauthenticate` is left to the connector, which renews its own tokens."""

    def __init__(self, session: "Session") -> None:
        self.session = session

    def fetch(self, sql: str, *, max_rows: int, timeout_seconds: float, values: Sequence[Any] = ()) -> Fetched:
        """At most `max_rows` rows; QueryTimeoutError past the limit, WarehouseError for all else that goes wrong."""
        started = time.monotonic()
        try:
            with self.session.connection.cursor() as cursor:
                cursor.execute(
                    sql,
                    params=tuple(values) or None,
                    timeout=math.ceil(timeout_seconds) + GRACE_SECONDS,
                    _statement_params=_parameters(max_rows, timeout_seconds),
                )
                rows = [tuple(row) for row in cursor.fetchmany(max_rows)]
                return Fetched(_columns(cursor.description), rows, str(cursor.sfqid or ""))
        except Exception as error:
            raise _ours(error, timeout_seconds, time.monotonic() - started) from error

    def ask(self, sql: str, *, timeout_seconds: float = METADATA_SECONDS) -> list[Row]:
        """A metadata statement's rows, each by lower-case column name."""
        found = self.fetch(sql, max_rows=MAX_METADATA_ROWS, timeout_seconds=timeout_seconds)
        names = [column.name.lower() for column in found.columns]
        return [dict(zip(names, row, strict=True)) for row in found.rows]

    def describe(self, sql: str) -> None:
        """Bind a query without running it; WarehouseError if Snowflake refuses."""
        try:
            with self.session.connection.cursor() as cursor:
                cursor.describe(sql)
        except Exception as error:
            raise _ours(error, 0.0, 0.0) from error

    def close(self) -> None:
        """End the Session, and with it the sign-on."""
        self.session.close()


def _parameters(max_rows: int, timeout_seconds: float) -> dict[str, str]:
    return {
        "QUERY_TAG": query_tag(),
        "STATEMENT_TIMEOUT_IN_SECONDS": str(max(1, math.ceil(timeout_seconds))),
        "ROWS_PER_RESULTSET": str(max_rows),
    }


def _columns(description: Sequence[Any] | None) -> tuple[ResultColumn, ...]:
    return tuple(ResultColumn(name=told.name, type=_type_name(told)) for told in description or ())


def _type_name(told: Any) -> str:
    """The column's SQL type as Snowflake's catalog would call it."""
    from snowflake.connector.constants import FIELD_ID_TO_NAME

    name = str(FIELD_ID_TO_NAME.get(told.type_code, "VARIANT"))
    if name == "FIXED":
        return f"NUMBER({told.precision},{told.scale})" if told.scale else "NUMBER"
    return {"TEXT": "VARCHAR", "REAL": "FLOAT"}.get(name, name)


def _ours(error: Exception, timeout_seconds: float, spent_seconds: float) -> WarehouseError:
    if isinstance(error, WarehouseError):
        return error
    from snowflake.connector.errors import Error
    from snowflake.snowpark.exceptions import SnowparkClientException

    if not isinstance(error, Error | SnowparkClientException):  # sockets, urllib3, JSON: the line is cut
        return WarehouseError(CUT.message, CUT.hint)
    stopped = code_of(error) in CANCELLED_CODES and spent_seconds < timeout_seconds
    return warehouse_error(error, timeout_seconds=0.0 if stopped else timeout_seconds)
