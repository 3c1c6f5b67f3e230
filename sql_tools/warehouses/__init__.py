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
    """What the pipeline needs from an engine. Reads only; each method raises WarehouseError in words to act on."""

    name: str  # how the user named it, for messages
    dialect: str  # sqlglot's name of its SQL
    remote: bool  # data lives in a service, not on this machine
    notes: tuple[str, ...]  # what was left out or changed on the way in, one sentence each

    def tables(self) -> tuple[Table, ...]:
        """All that can be read, in a stable order, with keys, comments, row counts, values and samples."""

    def explain(self, sql: str) -> None:
        """Bind and plan without running; WarehouseError carries the engine's complaint."""

    def run(self, sql: str, *, max_rows: int, timeout_seconds: float) -> QueryResult:
        """Rows of one SELECT; QueryTimeoutError past `timeout_seconds`."""

    def close(self) -> None: ...


def open_warehouse(target: str, settings: Settings, on_progress: OnProgress | None = None) -> Warehouse:
    """The warehouse `target` names: `demo`, a .duckdb or SQLite file, or a folder of CSV/Parquet files.

    The demo is built and foreign files are loaded on first use, both kept in the cache; `on_progress` hears of that.
    Raises WarehouseError with a hint when there is nothing to read.
    """
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
