"""A name as users write it, settings -> the warehouse it stands for, with the semantic file laid over it."""

import os
from functools import partial
from pathlib import Path

from sql_tools.errors import WarehouseError
from sql_tools.rules.stored_views import unreadable_views
from sql_tools.semantic.apply import with_semantics
from sql_tools.settings import Settings
from sql_tools.warehouses import OnProgress, Warehouse


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
    try:
        return with_semantics(opened, settings)
    except BaseException:
        opened.close()
        raise


def _open(target: str, settings: Settings, on_progress: OnProgress | None) -> Warehouse:
    if target.partition(":")[0].lower() == "snowflake":
        from sql_tools.warehouses.snowflake import warehouse as snowflake

        return snowflake.connect(target, settings, on_progress=on_progress)
    from sql_tools.warehouses import demo  # these need the engine, which `import sql_tools` must not
    from sql_tools.warehouses.duckdb import warehouse as duckdb
    from sql_tools.warehouses.files import load

    if target == "demo":
        return duckdb.connect(demo.demo_path(settings, on_progress), settings, name="demo")
    path = Path(target).expanduser()
    if not target.strip() or not os.path.exists(path):  # unlike Path.exists, False for a name too long
        raise WarehouseError(
            f"There is no file or folder at {target!r}.",
            "Give a .duckdb or .sqlite file, a folder of CSV or Parquet files, or `demo`.",
        )
    loaded = load.loaded_path(path, settings, on_progress) if load.must_load(path) else path
    views = partial(unreadable_views, limits=settings.read_limits)
    return duckdb.connect(loaded, settings, name=target, unreadable_views=views)
