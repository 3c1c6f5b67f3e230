"""DuckDB as a warehouse: a file opened read-only, walled off from the machine, its configuration locked.

Fences, outermost first: the rules of `validate`; in `worker`, `one_select`, since the engine alone lets CREATE
TEMP, CHECKPOINT, LOAD json and SET VARIABLE through; then the engine: read-only, no external access, no extensions,
bounded memory and disk; last the process it runs in, bounded by the operating system and killed when the time is up.
Several threads may call at once.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import duckdb

from sql_tools.errors import WarehouseError
from sql_tools.models import QueryResult, ResultColumn, Table
from sql_tools.settings import Settings, private_folder
from sql_tools.untrusted import flagged
from sql_tools.warehouses.duckdb import catalog
from sql_tools.warehouses.duckdb.errors import open_error, warehouse_error
from sql_tools.warehouses.duckdb.leftovers import remove_leftovers
from sql_tools.warehouses.duckdb.process import Cursor, Processes, loads
from sql_tools.warehouses.duckdb.second_opinion import require_same_reading
from sql_tools.warehouses.names import quote

MAX_TEMP_SIZE = "4GB"
MAX_SECONDS = 10.0  # for what we ask ourselves: plans, distinct values


class DuckDBWarehouse:
    """A read-only DuckDB file. `notes` says which views were left out and why."""

    dialect = "duckdb"
    remote = False
    role = ""

    def __init__(
        self,
        processes: Processes,
        *,
        name: str,
        default_schema: str,
        settings: Settings,
        unreadable_views: catalog.UnreadableViews,
    ) -> None:
        self.name = name
        self.default_schema = default_schema
        self.notes: tuple[str, ...] = ()
        self._processes = processes
        self._settings = settings
        self._unreadable_views = unreadable_views
        self._tables: tuple[Table, ...] | None = None
        self._lock = threading.Lock()

    def tables(self) -> tuple[Table, ...]:
        """Everything readable, by schema and name; read once, then remembered."""
        with self._lock:
            if self._tables is None:
                with _our_errors():
                    tables, notes = catalog.read_tables(
                        _cursor(self._processes),
                        self.default_schema,
                        unreadable_views=self._unreadable_views,
                        system=self._settings.allow_system_tables,
                    )
                self._tables, self.notes = tables, notes + flagged(tables)
            return self._tables

    def explain(self, sql: str) -> None:
        """Bind and plan one SELECT without running it; the engine must read in it what the checks read."""
        with _our_errors():
            parsed = self._processes.call("explain", sql, timeout_seconds=MAX_SECONDS)
        require_same_reading(sql, parsed)

    def is_cheap(self, sql: str) -> bool:
        """Always: it costs the asker's own machine a little time."""
        return True

    def run(self, sql: str, *, max_rows: int, timeout_seconds: float) -> QueryResult:
        """Rows of one SELECT, at most `max_rows`, in DuckDB's Python types."""
        started = time.perf_counter()
        with _our_errors():
            columns, pickled = self._processes.call(
                "select", sql, max_rows + 1, self._settings.max_result_mb * 10**6, timeout_seconds=timeout_seconds
            )
        rows = loads(pickled)
        return QueryResult(
            columns=tuple(ResultColumn(name=name, type=kind) for name, kind in columns),
            rows=tuple(rows[:max_rows]),
            truncated=len(rows) > max_rows,
            seconds=time.perf_counter() - started,
        )

    def close(self) -> None:
        """Let go of the file; closing twice is fine."""
        self._processes.close()


def no_views(tables: tuple[Table, ...], definitions: dict[catalog.Name, str]) -> dict[catalog.Name, str]:
    """Every view is left out: nobody has looked at its SQL."""
    return dict.fromkeys(definitions, "its SQL was not checked")


def connect(
    target: Path, settings: Settings, *, name: str = "", unreadable_views: catalog.UnreadableViews = no_views
) -> DuckDBWarehouse:
    """Open the DuckDB file at `target` read-only; `name` is how the user calls it.

    `unreadable_views` says which views may not be read, and why. Raises WarehouseError if the file is missing, locked,
    damaged, not DuckDB's, holds no tables, or macros in the place of DuckDB's own functions; SettingsError if the memory
    limit makes no sense.
    """
    name = name or str(target)
    with suppress(OSError):  # only a query that outgrows its memory needs it, and says so
        private_folder(settings.cache, "tmp")
        remove_leftovers(_temp_folder(settings), "duckdb-*")
    processes = Processes(target, _configuration(settings), temp_folder=_temp_folder(settings), name=name)
    try:
        macros = catalog.shadowing_macros(_cursor(processes))
        schema = None if macros else catalog.default_schema(_cursor(processes))
    except (duckdb.Error, RuntimeError) as error:
        processes.close()
        if "onflicting lock" not in str(error):  # to look into a file this program holds open would free its lock
            _check_file(target, name)
        raise open_error(error, name, settings) from error
    if macros:
        processes.close()
        raise WarehouseError(
            f"{name} holds macros that take the place of DuckDB's own functions ({', '.join(macros[:5])}), so no result "
            "could be trusted.",
            "Drop them in a copy of the file: DROP MACRO name.",
        )
    if schema is None:
        processes.close()
        raise WarehouseError(f"{name} holds no tables.", "Give a database with at least one table.")
    processes.schema = quote(schema)
    return DuckDBWarehouse(
        processes, name=name, default_schema=schema, settings=settings, unreadable_views=unreadable_views
    )


def _cursor(processes: Processes) -> duckdb.DuckDBPyConnection:
    """A cursor for our own queries: it has what they use of the driver's."""
    return cast(duckdb.DuckDBPyConnection, Cursor(processes))


@contextmanager
def _our_errors() -> Iterator[None]:
    """The engine's errors become ours."""
    try:
        yield
    except duckdb.Error as error:
        raise warehouse_error(error) from error


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
        "max_temp_directory_size": MAX_TEMP_SIZE,
        "lock_configuration": "true",
    }


def _temp_folder(settings: Settings) -> Path:
    """Where queries too big for memory spill; DuckDB makes a folder of its own in it, and removes that when done."""
    return settings.cache / "tmp"


def _check_file(target: Path, name: str) -> None:
    """Refuse what cannot be a database, in better words than the engine's."""
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
