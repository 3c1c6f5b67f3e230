"""A rule judges: the tree it is given comes out equal, whatever it thinks of it."""

from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from sql_tools import Settings, open_warehouse
from sql_tools.errors import InvalidSQLError, NotChecked
from sql_tools.models import Context
from sql_tools.query.text import parse
from sql_tools.validate import RULES

KINDS = Path(__file__).parents[1] / "kinds"
BLOCKS = [b.strip().splitlines() for b in (KINDS / "cases.txt").read_text("utf-8").split("\n\n") if b.startswith("# ")]


@pytest.mark.parametrize("rule", RULES, ids=[rule.__name__ for rule in RULES])
def test_the_tree_comes_out_equal(rule: object, tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "store.duckdb")) as connection:
        connection.execute((KINDS / "shop.sql").read_text("utf-8"))
    warehouse = open_warehouse(str(tmp_path / "store.duckdb"), Settings(cache_dir=tmp_path))
    tables = warehouse.tables()
    warehouse.close()
    looked = 0
    for block in BLOCKS:
        dialect = "snowflake" if "sf" in block[0].split() else "duckdb"
        with suppress(InvalidSQLError):
            tree = parse(block[1], dialect)
            before, context = tree.copy(), Context(dialect=dialect, tables=tables, catalog=tables)
            with suppress(InvalidSQLError, NotChecked):
                assert isinstance(rule(tree, context), str)  # type: ignore[operator]
            assert tree == before
            assert tree.sql(dialect) == before.sql(dialect)
            looked += 1
    assert looked > 80
