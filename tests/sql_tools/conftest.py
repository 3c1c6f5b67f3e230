"""A small shop in a real DuckDB file, whose rows can be counted by hand; and databases made for one test, in its own folder."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from sql_tools import Settings
from sql_tools.open_warehouse import open_warehouse
from sql_tools.warehouses import Warehouse

SHOP = Path(__file__).parent / "fixtures" / "shop.sql"


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    path: Path = tmp_path_factory.mktemp("shop") / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SHOP.read_text())
    opened = open_warehouse(str(path), Settings(cache_dir=path.parent))
    yield opened
    opened.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", memory_limit="500MB")


@pytest.fixture
def duckdb_file(tmp_path: Path) -> Callable[..., Path]:
    """duckdb_file(*statements, name="shop") -> path of a DuckDB file in which they ran."""

    def make(*statements: str, name: str = "shop") -> Path:
        path = tmp_path / f"{name}.duckdb"
        with duckdb.connect(str(path)) as connection:
            for statement in statements:
                connection.execute(statement)
        return path

    return make


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Callable[..., Path]:
    """sqlite_path(*statements, name="shop") -> path of a SQLite file in which they ran."""

    def make(*statements: str, name: str = "shop") -> Path:
        path = tmp_path / f"{name}.sqlite"
        connection = sqlite3.connect(path)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()
        return path

    return make


@pytest.fixture
def opened(settings: Settings) -> Iterator[Callable[[Path], Warehouse]]:
    """opened(path) -> the warehouse there, closed after the test."""
    warehouses: list[Warehouse] = []

    def make(path: Path) -> Warehouse:
        warehouses.append(open_warehouse(str(path), settings))
        return warehouses[-1]

    yield make
    for warehouse in warehouses:
        warehouse.close()
