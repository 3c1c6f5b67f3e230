"""A small shop in a real DuckDB file, whose rows are few enough to be counted by hand."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from sql_tools import Settings
from sql_tools.warehouses import Warehouse, open_warehouse

SHOP = Path(__file__).parent / "fixtures" / "shop.sql"


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    path: Path = tmp_path_factory.mktemp("shop") / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SHOP.read_text())
    opened = open_warehouse(str(path), Settings(cache_dir=path.parent))
    yield opened
    opened.close()
