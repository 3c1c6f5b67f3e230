"""DuckDB as a warehouse: a file opened read-only, walled off from the machine, its configuration locked.

Fences, outermost first: the rules of `validate`; here, `_one_select`, since the engine alone lets CREATE TEMP,
CHECKPOINT, LOAD json and SET VARIABLE through; then the engine: read-only, no external access, no extensions,
bounded memory and disk. Each call has its own cursor, so several threads may call at once.
"""

import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from sql_tools.errors import SettingsError, WarehouseError
from sql_tools.models import QueryResult, ResultColumn, Table
from sql_tools.settings import Settings
from sql_tools.warehouses import duckdb_catalog
from sql_tools.warehouses.names import quote, quote_path
from sql_tools.warehouses.time_limit import time_limit

MAX_TEMP_SIZE = "4GB"
MAX_EXPLAIN_SECONDS = 10.0


class DuckDBWarehouse:
    """A read-only DuckDB file. `notes` says which views were left out and why."""

    dialect = "duckdb"
    remote = False

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, name: str, default_schema: str) -> None:
        self.name = name
        self.default_schema = default_schema
        self.notes: tuple[str, ...] = ()
        self._connection = connection
        self._tables: tuple[Table, ...] | None = None
        self._lock = threading.Lock()

    def tables(self) -> tuple[Table, ...]:
        """Everything readable, by schema and name; read once, then remembered."""
        with self._lock:
            if self._tables is None:
                with self._cursor(None) as cursor:
                    self._tables, self.notes = duckdb_catalog.read_tables(cursor, self.default_schema)
            return self._tables

    def distinct_values(self, table: Table, column: str, *, max_values: int) -> tuple[str, ...]:
        """A column's distinct values as text, sorted; none if there are more than `max_values`."""
        path = quote_path(table.schema_name, table.name)
        sql = (
            f"SELECT DISTINCT CAST({quote(column)} AS VARCHAR) AS value FROM {path} "
            f"WHERE value IS NOT NULL LIMIT {max_values + 1}"
        )
        result = self.run(sql, max_rows=max_values, timeout_seconds=MAX_EXPLAIN_SECONDS)
        return () if result.truncated else tuple(sorted(str(row[0]) for row in result.rows))

    def explain(self, sql: str) -> None:
        """Bind and plan one SELECT without running it."""
        with self._cursor(MAX_EXPLAIN_SECONDS) as cursor:
            cursor.execute("EXPLAIN " + _one_select(cursor, sql)).fetchall()

    def run(self, sql: str, *, max_rows: int, timeout_seconds: float) -> QueryResult:
        """Rows of one SELECT, at most `max_rows`, in DuckDB's Python types."""
        started = time.perf_counter()
        with self._cursor(timeout_seconds) as cursor:
            cursor.execute(_one_select(cursor, sql))
            columns = tuple(ResultColumn(name=d[0], type=str(d[1])) for d in cursor.description or ())
            rows = cursor.fetchmany(max_rows + 1)
        return QueryResult(
            columns=columns,
            rows=tuple(rows[:max_rows]),
            truncated=len(rows) > max_rows,
            seconds=time.perf_counter() - started,
        )

    def close(self) -> None:
        """Let go of the file; closing twice is fine."""
        self._connection.close()

    @contextmanager
    def _cursor(self, timeout_seconds: float | None) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor in the default schema, interrupted after `timeout_seconds`; its errors become ours."""
        try:
            cursor = self._connection.cursor()
        except duckdb.Error as error:
            raise WarehouseError(f"{self.name} is closed.", "Open it again.") from error
        try:
            with time_limit(cursor, timeout_seconds):
                cursor.execute(f"USE {quote(self.default_schema)}")
                yield cursor
        except duckdb.Error as error:
            raise warehouse_error(error) from error
        except KeyboardInterrupt:
            cursor.interrupt()
            raise
        finally:
            cursor.close()


def connect(target: Path, settings: Settings, *, name: str = "") -> DuckDBWarehouse:
    """Open the DuckDB file at `target` read-only; `name` is how the user calls it.

    Raises WarehouseError if the file is missing, locked, damaged, not DuckDB's, or holds no tables; SettingsError
    if the memory limit makes no sense.
    """
    name = name or str(target)
    _check_file(target, name)
    with suppress(OSError):  # only a query that outgrows its memory needs it, and says so
        _temp_folder(settings).mkdir(parents=True, exist_ok=True)
    try:
        connection = duckdb.connect(str(target), read_only=True, config=_configuration(settings))
    except (duckdb.Error, RuntimeError) as error:
        raise _open_error(error, name, settings) from error
    try:
        schema = duckdb_catalog.default_schema(connection)
    except duckdb.Error as error:
        connection.close()
        raise warehouse_error(error) from error
    if schema is None:
        connection.close()
        raise WarehouseError(f"{name} holds no tables.", "Give a database with at least one table.")
    return DuckDBWarehouse(connection, name=name, default_schema=schema)


def _configuration(settings: Settings) -> dict[str, str | bool | int | float | list[str]]:
    """The same for every connection to a file: DuckDB shares one instance a file within a process."""
    return {
        "enable_external_access": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "python_enable_replacements": "false",
        "memory_limit": settings.memory_limit,
        "threads": str(min(os.cpu_count() or 1, 8)),
        "temp_directory": str(_temp_folder(settings) / f"duckdb-{os.getpid()}"),
        "max_temp_directory_size": MAX_TEMP_SIZE,
        "lock_configuration": "true",
    }


def _temp_folder(settings: Settings) -> Path:
    """Where queries too big for memory spill; DuckDB makes a folder of its own in it, and removes that when done."""
    return settings.cache / "tmp"


def _check_file(target: Path, name: str) -> None:
    """Refuse what cannot be a database, before the engine complains in its own words."""
    if target.is_dir():
        raise WarehouseError(
            f"{name} is a folder, not a DuckDB file.", "Give a file, or a folder of CSV or Parquet files."
        )
    try:
        with target.open("rb") as file:
            head = file.read(12)
    except FileNotFoundError as error:
        raise WarehouseError(f"There is no file at {name!r}.", "Check the path.") from error
    except OSError as error:
        raise WarehouseError(f"{name} can't be read: {error.strerror}.", "Check the file's permissions.") from error
    if head[8:12] != b"DUCK":
        raise WarehouseError(
            f"{name} is not a DuckDB database: it {'is empty' if not head else 'holds something else'}.",
            "Give a .duckdb or .sqlite file, or a folder of CSV or Parquet files.",
        )


def _one_select(cursor: duckdb.DuckDBPyConnection, sql: str) -> str:
    """The text of the one SELECT in `sql`; WarehouseError for anything else."""
    statements = cursor.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(statement.type.name for statement in statements) or "nothing"
        raise WarehouseError(
            f"Only one SELECT statement may run; this is {kinds}.", "Ask for rows, one query at a time."
        )
    return str(statements[0].query)


def warehouse_error(error: Exception) -> WarehouseError:
    """A driver exception as ours: what the engine says, without its error class, source excerpt and long lists."""
    text = str(error).split("\n\nLINE ")[0].split("\n\tCandidate functions")[0].strip()
    text = re.sub(r'\nDid you mean "(pg_|sqlite_|duckdb_|information_schema|pragma_).*', "", text)
    kind, _, rest = text.partition(" Error: ")
    message = rest if rest and len(kind) < 30 else text
    if isinstance(error, duckdb.OutOfMemoryException):
        return WarehouseError(
            "The query needs more memory than allowed.", "Ask for less, or raise ARCTIC_COPILOT_MEMORY_LIMIT."
        )
    if isinstance(error, duckdb.PermissionException):
        return WarehouseError(
            f"The query reaches outside the database: {message}", "Only the database's own tables can be read."
        )
    return WarehouseError(message)


def _open_error(error: Exception, name: str, settings: Settings) -> WarehouseError | SettingsError:
    """Why a DuckDB file would not open, in words that say what to do."""
    text = str(error)
    if "lock" in text and "onflicting" in text:
        return WarehouseError(
            f"{name} is being written to by another program.", "Close that program, or copy the file and open the copy."
        )
    if "different configuration" in text:
        return WarehouseError(
            f"{name} is already open in this program in another way.", "Close the other connection first."
        )
    if "memory" in text.lower():
        return SettingsError(f"The memory limit {settings.memory_limit!r} can't be used.", "Write it as 2GB or 500MB.")
    if "version" in text:
        return WarehouseError(
            f"{name} was written by another version of DuckDB than {duckdb.__version__}.",
            "Export it there with EXPORT DATABASE, and open the folder of files.",
        )
    return WarehouseError(
        f"{name} can't be opened as a DuckDB database: it is damaged or incomplete.", "Copy it again from its source."
    )
