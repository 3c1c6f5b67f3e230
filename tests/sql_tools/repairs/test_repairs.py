"""Each repair wins where it may act and keeps still where it may not: names.sql, joins.sql, literals.sql, lambdas.sql."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from sql_tools import Settings, open_warehouse
from sql_tools.errors import InvalidSQLError, WarehouseError
from sql_tools.models import Context, DraftSQL, ValidSQL
from sql_tools.query.text import parse, write
from sql_tools.validate import BINDING, REPAIRS, validate
from sql_tools.warehouses import Warehouse

HERE = Path(__file__).parent
SHOP = HERE.parent / "kinds" / "shop.sql"
BLOCKS = [
    b.strip().splitlines()
    for f in sorted(HERE.glob("*.sql"))
    for b in f.read_text("utf-8").split("\n\n")
    if b[:1] == "#"
]
WIN = [pytest.param(b[0].split()[2].rstrip(":"), *b[1:], id=b[0][2:]) for b in BLOCKS if b[0].startswith("# WIN")]
KEEP = [pytest.param(*b[1:], id=b[0][2:]) for b in BLOCKS if b[0].startswith("# KEEP")]
BINDS = {repair.__name__ for repair in BINDING} | {"lambda_keywords"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    path = tmp_path_factory.mktemp("repairs") / "store.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SHOP.read_text("utf-8"))
    opened = open_warehouse(str(path), Settings(cache_dir=path.parent))
    yield opened
    opened.close()


def mended(draft: str, warehouse: Warehouse) -> ValidSQL:
    context = Context(dialect="duckdb", tables=warehouse.tables(), catalog=warehouse.tables())
    return validate(DraftSQL(text=draft, dialect="duckdb"), context, explain=warehouse.explain, repairs=REPAIRS)


@pytest.mark.parametrize(("rule", "draft", "runs"), WIN)
def test_it_wins(rule: str, draft: str, runs: str, store: Warehouse) -> None:
    valid = mended(draft, store)
    assert valid.text == write(parse(runs, "duckdb"), "duckdb")
    assert {change.rule for change in valid.changes} == {rule}
    assert all(change.before != change.after and change.why for change in valid.changes)
    if rule in BINDS:
        with pytest.raises(WarehouseError):
            store.run(draft, max_rows=1, timeout_seconds=5)


@pytest.mark.parametrize(("draft", "runs"), KEEP)
def test_it_keeps_still(draft: str, runs: str, store: Warehouse) -> None:
    if runs.startswith("! "):
        with pytest.raises(InvalidSQLError) as refused:
            mended(draft, store)
        assert runs[2:] in refused.value.message
        return
    valid = mended(draft, store)
    assert (valid.text, valid.changes) == (write(parse(runs, "duckdb"), "duckdb"), ())


def test_each_repair_keeps_still_as_often_as_it_wins() -> None:
    wins, keeps = (
        Counter(b[0].split()[2].rstrip(":") for b in BLOCKS if b[0].startswith(mark)) for mark in ("# WIN", "# KEEP")
    )
    for repair in REPAIRS:
        name = repair.__name__
        if name != "spelt_as_stored":  # Snowflake's alone: rules/test_snowflake_names.py
            assert 0 < wins[name] <= keeps[name], name
