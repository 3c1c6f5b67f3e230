"""DuckDB as a warehouse: a file opened read-only, walled off from the machine, its configuration locked.

Fences, outermost first: the rules of `validate`; here, `_one_select`, since the engine alone lets CREATE TEMP,
CHECKPOINT, LOAD json and SET VARIABLE through; then the engine: read-only, no external access, no extensions,
bounded memory and disk. Each call has its own cursor, so several threads may call at once.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from sql_tools.errors import WarehouseError
from sql_tools.models import QueryResult, ResultColumn, Table
from sql_tools.settings import Settings
from sql_tools.warehouses import duckdb_catalog
from sql_tools.warehouses.duckdb_errors import open_error, warehouse_error
from sql_tools.warehouses.interruptible import interruptible
from sql_tools.warehouses.leftovers import remove_leftovers
from sql_tools.warehouses.names import quote

MAX_TEMP_SIZE = "4GB"
MAX_SECONDS = 10.0  # for what we ask ourselves: plans, distinct values


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
                with self._cursor() as cursor:
                    self._tables, self.notes = duckdb_catalog.read_tables(cursor, self.default_schema)
            return self._tables

    def explain(self, sql: str) -> None:
        """Bind and plan one SELECT without running it."""
        with self._cursor() as cursor:
            plan = "PREPARE checked AS " + _one_select(cursor, sql)  # unlike EXPLAIN, draws no picture of the plan
            interruptible(cursor, lambda: cursor.execute(plan), timeout_seconds=MAX_SECONDS)

    def run(self, sql: str, *, max_rows: int, timeout_seconds: float) -> QueryResult:
        """Rows of one SELECT, at most `max_rows`, in DuckDB's Python types."""
        started = time.perf_counter()
        with self._cursor() as cursor:
            select = _one_select(cursor, sql)
            columns, rows = interruptible(
                cursor, lambda: _fetch(cursor, select, max_rows + 1), timeout_seconds=timeout_seconds
            )
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
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of its own for one call, in the default schema; the engine's errors become ours."""
        try:
            cursor = self._connection.cursor()
        except duckdb.Error as error:
            raise WarehouseError(f"{self.name} is closed.", "Open it again.") from error
        try:
            cursor.execute(f"USE {quote(self.default_schema)}")
            yield cursor
        except duckdb.Error as error:
            raise warehouse_error(error) from error
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
        remove_leftovers(_temp_folder(settings), "duckdb-*")
    try:
        connection = duckdb.connect(str(target), read_only=True, config=_configuration(settings))
    except (duckdb.Error, RuntimeError) as error:
        raise open_error(error, name, settings) from error
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


def _fetch(
    cursor: duckdb.DuckDBPyConnection, select: str, max_rows: int
) -> tuple[tuple[ResultColumn, ...], list[tuple[Any, ...]]]:
    """Columns and the first rows of a query that passed `_one_select`."""
    cursor.execute(select)
    columns = tuple(ResultColumn(name=d[0], type=str(d[1])) for d in cursor.description or ())
    return columns, cursor.fetchmany(max_rows)


def _one_select(cursor: duckdb.DuckDBPyConnection, sql: str) -> str:
    """The text of the one SELECT in `sql`; WarehouseError for anything else."""
    try:
        statements = cursor.extract_statements(sql)
    except TypeError as error:  # half a surrogate pair, say
        raise WarehouseError("The SQL is not valid text.", "Remove the characters that are no letters.") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(statement.type.name for statement in statements) or "nothing"
        raise WarehouseError(
            f"Only one SELECT statement may run; this is {kinds}.", "Ask for rows, one query at a time."
        )
    if statements[0].named_parameters:
        raise WarehouseError(
            "The SQL has placeholders (? or $1) and no values for them.", "Write the values themselves."
        )
    return str(statements[0].query)
