"""The child process in which DuckDB works: run as a script, it answers requests on stdin until stdin ends.

DuckDB passes its own memory limit while it plans (`repeat('x', 500000000)`, `list_sort(range(100000000))`), a query
deep in such work hears no interrupt, and a native crash takes its process along. So the engine lives here, under a
limit of the operating system, in a process that its parent may kill at any time; `process` is that parent.

Imports nothing of ours: it starts in a tenth of a second. A message is a length of 8 bytes and a pickle.
Requests are (op, ...); replies ("ok", value) or ("error", class name, text). Ops: open, select, explain, own.
"""

import os
import pickle
import queue
import re
import shutil
import struct
import sys
import threading
from datetime import tzinfo
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import duckdb

LENGTH = struct.Struct("<Q")
ROWS_A_FETCH = 500
UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
SLACK_BYTES = 512 * 2**20  # for what is not under the engine's own limit: its code, threads, our rows
OUT_OF_MEMORY = ("OutOfMemoryException", "MemoryError")


class Refused(Exception):
    """Not one SELECT, or more than may be sent; the text says why."""


class RowPickler(pickle.Pickler):
    """Time zones go by name: pickled plainly they would need `getattr` on the other side."""

    def persistent_id(self, obj: Any) -> Any:
        """The zone's name, where `obj` is a named zone."""
        name = getattr(obj, "key", None) or getattr(obj, "zone", None) if isinstance(obj, tzinfo) else None
        return ("zone", name) if name else None


class Engine:
    """One open file. `checked` off and an empty `config` leave nothing but the limits: for tests of each fence alone."""

    def __init__(self, path: str, config: dict[str, Any], *, read_only: bool, checked: bool, limited: bool) -> None:
        self.checked = checked
        self.connection = duckdb.connect(path, read_only=read_only, config=config)
        self.schema = ""
        self.temp_folder = str(config.get("temp_directory", ""))
        if limited:
            _limit_memory(self.connection)
        self.virtual_limit = _virtual_bytes() + SLACK_BYTES

    def select(self, sql: str, max_rows: int, max_bytes: int) -> tuple[list[tuple[str, str]], bytes]:
        """(name, type) of each column, and the pickled list of at most `max_rows` rows."""
        with self._cursor() as cursor:
            cursor.execute(one_select(cursor, sql) if self.checked else sql)
            columns = [(d[0], str(d[1])) for d in cursor.description or ()]
            return columns, _rows(cursor, max_rows, max_bytes)

    def explain(self, sql: str) -> str:
        """Bind and plan, without EXPLAIN's picture of the plan; the engine's own parse of the text, as JSON."""
        with self._cursor() as cursor:
            cursor.execute("PREPARE checked AS " + (one_select(cursor, sql) if self.checked else sql))
            return str(cursor.execute("SELECT system.main.json_serialize_sql(?::VARCHAR)", [sql]).fetchall()[0][0])

    def own(self, sql: str, parameters: list[Any] | None) -> bytes:
        """Pickled rows of a query of ours, which may be no SELECT."""
        with self._cursor() as cursor:
            return dumps(cursor.execute(sql, parameters).fetchall())

    def is_worn(self) -> bool:
        """Has it kept so much address space that a later query would fail? Then a new process is better."""
        return _virtual_bytes() > self.virtual_limit

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self.connection.cursor()
        if self.schema:
            cursor.execute("USE " + self.schema)
        return cursor


def one_select(cursor: duckdb.DuckDBPyConnection, sql: str) -> str:
    """The text of the one SELECT in `sql`; Refused for anything else, since the engine alone lets CREATE TEMP through."""
    try:
        statements = cursor.extract_statements(sql)
    except TypeError as error:  # half a surrogate pair, say
        raise Refused("The SQL is not valid text.|Remove the characters that are no letters.") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(statement.type.name for statement in statements) or "nothing"
        raise Refused(f"Only one SELECT statement may run; this is {kinds}.|Ask for rows, one query at a time.")
    if statements[0].named_parameters:
        raise Refused("The SQL has placeholders (? or $1) and no values for them.|Write the values themselves.")
    return str(statements[0].query)


def _rows(cursor: duckdb.DuckDBPyConnection, max_rows: int, max_bytes: int) -> bytes:
    """The first rows, pickled; Refused as soon as they are larger than `max_bytes`."""
    rows: list[tuple[Any, ...]] = []
    size = 0
    while len(rows) < max_rows:
        batch = cursor.fetchmany(min(ROWS_A_FETCH, max_rows - len(rows)))
        if not batch:
            break
        rows += batch
        if max_rows > ROWS_A_FETCH:
            size += len(dumps(batch))
            _check_size(size, max_bytes)
    pickled = dumps(rows)
    _check_size(len(pickled), max_bytes)
    return pickled


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise Refused(
            f"The rows are larger than {max_bytes // 10**6:,} MB.|Ask for fewer rows or columns, or raise "
            "ARCTIC_COPILOT_MAX_RESULT_MB."
        )


def dumps(value: Any) -> bytes:
    """The value pickled, time zones by name."""
    buffer = BytesIO()
    RowPickler(buffer, protocol=5).dump(value)
    return buffer.getvalue()


def _limit_memory(connection: duckdb.DuckDBPyConnection) -> None:
    """Bound what this process may map: half as much again as the engine's own limit, and some slack.

    Linux obeys; macOS takes the limit and ignores it, Windows has none: there only the engine's own limit and the
    time limit hold.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    amount, unit = re.fullmatch(r"([\d.]+) (\w+)", _memory_limit(connection)).groups()  # type: ignore[union-attr]
    limit = _virtual_bytes() + int(float(amount) * UNITS[unit] * 1.5) + SLACK_BYTES
    for what, value in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, limit)):
        try:
            hard = resource.getrlimit(what)[1]
            bounded = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(what, (bounded, bounded))
        except (OSError, ValueError):
            continue


def _memory_limit(connection: duckdb.DuckDBPyConnection) -> str:
    return str(connection.execute("SELECT current_setting('memory_limit')").fetchall()[0][0])


def _virtual_bytes() -> int:
    """Address space in use; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0


def answer(engine: Engine, request: tuple[Any, ...]) -> Any:
    """What one request gives; the engine's exceptions pass through."""
    op, *arguments = request
    if op == "select":
        return engine.select(*arguments)
    if op == "explain":
        return engine.explain(*arguments)
    if op == "schema":
        engine.schema = arguments[0]
        return None
    return engine.own(*arguments)


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer until the parent goes away, even in the middle of a query, or this process has worn out."""
    inbox: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
    engine: Engine | None = None
    temp_folder = [""]

    def listen() -> None:
        while (body := read_message(requests)) is not None:
            inbox.put(pickle.loads(body))
        shutil.rmtree(temp_folder[0], ignore_errors=True)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        request = inbox.get()
        try:
            if engine is None:
                temp_folder[0] = str(request[2].get("temp_directory", ""))
                engine = Engine(request[1], request[2], **request[3])
                reply: tuple[Any, ...] = ("ok", None)
            else:
                reply = ("ok", answer(engine, request))
        except Exception as error:
            reply = ("error", type(error).__name__, str(error))
        worn = engine is None or engine.is_worn() or reply[1] in (*OUT_OF_MEMORY, "FatalException", "InternalException")
        write_message(replies, pickle.dumps((worn, *reply)))


def read_message(stream: BinaryIO) -> bytes | None:
    """The next message's body; None where the stream ends."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = stream.read(length)
    return body if len(body) == length else None


def write_message(stream: BinaryIO, body: bytes) -> None:
    """Send one message; BrokenPipeError if nobody listens."""
    stream.write(LENGTH.pack(len(body)) + body)
    stream.flush()


def main() -> None:
    """Keep stdout for replies alone, whatever a library prints."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
