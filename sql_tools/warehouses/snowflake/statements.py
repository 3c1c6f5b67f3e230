"""One statement to Snowflake and its rows, with what the product wants said of each: tag, time limit, row cap.

All three go along as parameters of the statement itself, so nothing is left set in the connection. Where the server does
not stop a query in time, on Ctrl-C, and where its asker gives it up, it is cancelled from here. Several threads may run statements at once.
"""

import math
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from sql_tools.cancellation import stopping
from sql_tools.errors import UnavailableError, WarehouseError
from sql_tools.models import ResultColumn
from sql_tools.query_tag import query_tag
from sql_tools.warehouses.snowflake.errors import CANCELLED_CODES, CUT, NO_WORD, code_of, warehouse_error

if TYPE_CHECKING:
    from snowflake.snowpark import Session

REQUEST_ID = "requestId"  # the connector's name for a statement's own id, by which it can be cancelled
GRACE_SECONDS = 2  # after the server should have stopped the query itself
CLOSE_SECONDS = 5.0
SECONDS_BETWEEN_ABORTS = 0.5
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
        run = _Run(self.session.connection, sql, values, max_rows, timeout_seconds)
        if find_spec(
            "_snowflake"
        ):  # in a procedure: no second query at once, no network to be cut; the server's limit holds
            run.work()
        else:
            run.watched()
        return run.outcome()

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
        """End the Session, and with it the sign-on; not waited for where the account is out of reach."""
        closing = threading.Thread(target=self._close, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)
        if closing.is_alive():  # else Snowpark tries again when Python ends, and nothing bounds that
            with suppress(AttributeError):
                self.session.connection._rest = None

    def _close(self) -> None:
        with suppress(Exception):
            self.session.close()


class _Run:
    """One statement on its way: in a thread of its own, so that no dead line and no slow server can hold the caller."""

    def __init__(self, connection: Any, sql: str, values: Sequence[Any], max_rows: int, timeout_seconds: float) -> None:
        self.connection, self.sql, self.values = connection, sql, tuple(values) or None
        self.max_rows, self.timeout_seconds = max_rows, timeout_seconds
        self.request = str(uuid4())
        self.parameters = _parameters(max_rows, timeout_seconds)
        self.fetched: Fetched | None = None
        self.error: Exception | None = None
        self.done = threading.Event()
        self.started = time.monotonic()

    def work(self) -> None:
        """Run it here; what went wrong is kept."""
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(self.sql, params=self.values, _statement_params=self.parameters)
                rows = [tuple(row) for row in cursor.fetchmany(self.max_rows)]
                self.fetched = Fetched(_columns(cursor.description), rows, str(cursor.sfqid or ""))
        except Exception as error:
            self.error = error
        finally:
            self.done.set()

    def watched(self) -> None:
        """Run it in a thread, wait as long as it may take; cancel it after that, and where the caller is interrupted."""
        self.parameters[REQUEST_ID] = self.request
        with stopping(self.give_up):
            threading.Thread(target=self.work, daemon=True).start()
            try:
                if not self.done.wait(self.timeout_seconds + GRACE_SECONDS):
                    self.cancel()
            except BaseException:  # Ctrl-C
                self.cancel()
                raise

    def cancel(self) -> None:
        """Have the server stop it, as the connector does; waits a moment for the server to say so."""
        threading.Thread(target=self._abort, daemon=True).start()
        self.done.wait(GRACE_SECONDS)

    def give_up(self) -> None:
        """Cancel it without waiting; its caller is free once the server says so, or a moment later."""

        def ask() -> None:
            self.cancel()
            self.done.set()

        threading.Thread(target=ask, daemon=True).start()

    def _abort(self) -> None:
        """Ask the server to stop it, and again while it goes on: the first may have come before the query itself."""
        ends = time.monotonic() + GRACE_SECONDS
        while not self.done.is_set() and time.monotonic() < ends:
            with suppress(Exception):  # the line may be dead
                url = f"/queries/v1/abort-request?requestId={uuid4()}"
                self.connection.rest.request(url, {"sqlText": self.sql, "requestId": self.request})
            self.done.wait(SECONDS_BETWEEN_ABORTS)

    def outcome(self) -> Fetched:
        """The rows, or what went wrong as ours."""
        if self.fetched is not None:
            return self.fetched
        if self.error is None:
            raise UnavailableError(NO_WORD.message, NO_WORD.hint)
        raise _ours(self.error, self.timeout_seconds, time.monotonic() - self.started) from self.error


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
        return UnavailableError(CUT.message, CUT.hint)
    stopped = code_of(error) in CANCELLED_CODES and spent_seconds < timeout_seconds
    return warehouse_error(error, timeout_seconds=0.0 if stopped else timeout_seconds)
