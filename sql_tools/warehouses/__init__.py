"""One engine a file. `open_warehouse` picks the file; each defines `connect(target, settings)`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from sql_tools.errors import WarehouseError
from sql_tools.models import QueryResult, Table
from sql_tools.settings import Settings

OnProgress = Callable[[str, float], None]  # what is being done, and the fraction done


class Warehouse(Protocol):
    """What the pipeline needs from an engine. Reads only; each method raises WarehouseError in words to act on.

    What runs `within` a Cancellation that is cancelled is stopped in the engine itself, and the call raises Stopped: one
    warehouse serves all askers of a process, so it is not the warehouse that one of them cancels.
    """

    name: str  # how the user named it, for messages
    dialect: str  # sqlglot's name of its SQL
    remote: bool  # data lives in a service, not on this machine
    notes: tuple[str, ...]  # what was left out or changed on the way in, one sentence each
    role: str  # under which the engine runs what we send; empty where the engine knows no roles

    def tables(self) -> tuple[Table, ...]:
        """All that can be read, in a stable order, with keys, comments, row counts, values and samples."""

    def explain(self, sql: str) -> str | None:
        """Bind and plan without running; says what it would read, if the engine tells.

        WarehouseError carries the engine's complaint; OverBudgetError says that a person has to agree first,
        StaleCatalogError that `tables` has changed.
        """

    def is_cheap(self, sql: str) -> bool:
        """May we run this on our own account, to learn about the data, without asking who pays for it?"""

    def run(self, sql: str, *, max_rows: int, timeout_seconds: float) -> QueryResult:
        """Rows of one SELECT; QueryTimeoutError past `timeout_seconds`."""

    def close(self) -> None: ...


def open_warehouse(target: str, settings: Settings, on_progress: OnProgress | None = None) -> Warehouse:
    """The warehouse `target` names: `demo`, a .duckdb or SQLite file, a folder of CSV/Parquet files, or `snowflake`,
    with `:NAME` for one of the connections in connections.toml.

    The demo is built and foreign files are loaded on first use, both kept in the cache; `on_progress` hears of that.
    Where `settings.semantic` names a semantic file, its meaning is in the tables. Raises WarehouseError with a hint when
    there is nothing to read, SemanticFileError if that file is no good.
    """
    opened = _open(target, settings, on_progress)
    if not settings.semantic:
        return opened
    from sql_tools.semantic.apply import with_semantics  # it needs this file

    try:
        return with_semantics(opened, settings)
    except BaseException:
        opened.close()
        raise


def _open(target: str, settings: Settings, on_progress: OnProgress | None) -> Warehouse:
    if target.partition(":")[0].lower() == "snowflake":
        from sql_tools.warehouses import snowflake

        return snowflake.connect(target, settings, on_progress=on_progress)
    from sql_tools.warehouses import demo, duckdb, load  # they need the engine; `import sql_tools` must not

    if target == "demo":
        return duckdb.connect(demo.demo_path(settings, on_progress), settings, name="demo")
    path = Path(target).expanduser()
    if not target.strip() or not os.path.exists(path):  # unlike Path.exists, False for a name too long
        raise WarehouseError(
            f"There is no file or folder at {target!r}.",
            "Give a .duckdb or .sqlite file, a folder of CSV or Parquet files, or `demo`.",
        )
    loaded = load.loaded_path(path, settings, on_progress) if load.must_load(path) else path
    return duckdb.connect(loaded, settings, name=target)
