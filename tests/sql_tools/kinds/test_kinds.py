"""Kinds of SQL that once failed, of public reports and our own, with siblings of each: cases.txt, on shop.sql."""

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from sql_tools import Settings, check, open_warehouse
from sql_tools.errors import InvalidSQLError
from sql_tools.json_contract import to_json
from sql_tools.models import Context, DraftSQL, Table
from sql_tools.validate import validate
from sql_tools.warehouses import Warehouse

HERE = Path(__file__).parent
BLOCKS = [b.strip().splitlines() for b in (HERE / "cases.txt").read_text("utf-8").split("\n\n") if b.startswith("# ")]
CASES = [
    pytest.param(*block[1:3], id=block[0][2:])
    for block in BLOCKS
    if " sf " not in block[0] and "sf" not in block[0].split()
]
SNOWFLAKE = [pytest.param(*block[1:3], id=block[0][2:]) for block in BLOCKS if "sf" in block[0].split()]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    path = tmp_path_factory.mktemp("kinds") / "store.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute((HERE / "shop.sql").read_text("utf-8"))
    opened = open_warehouse(str(path), Settings(cache_dir=path.parent))
    yield opened
    opened.close()


@pytest.mark.parametrize(("sql", "expected"), CASES)
def test_a_kind(sql: str, expected: str, store: Warehouse) -> None:
    report = check(sql, store, Settings())
    mark, _, wanted = expected.partition(" ")
    if mark == "!":
        assert not report.allowed
        assert wanted in report.problems[0].message
        return
    assert report.allowed, report.problems
    assert report.changes == ()
    if mark == "=":
        rows = store.run(report.sql, max_rows=100, timeout_seconds=5).rows
        assert to_json(rows) == json.loads(wanted)
        return
    name, _, words = wanted.partition(" | ")
    found = next(c for c in report.checks if c.name == name)
    assert found.outcome != "passed"
    assert words in found.detail


@pytest.mark.parametrize(("sql", "expected"), SNOWFLAKE)
def test_a_kind_in_snowflakes_dialect(sql: str, expected: str, store: Warehouse) -> None:
    tables = tuple(_upper(table) for table in store.tables())
    context = Context(dialect="snowflake", tables=tables, catalog=tables)
    draft = DraftSQL(text=sql, dialect="snowflake")
    if expected == "ok":
        assert validate(draft, context).changes == ()
        return
    with pytest.raises(InvalidSQLError) as refused:
        validate(draft, context)
    assert expected[2:] in f"{refused.value.message} {refused.value.hint}"


def test_every_kind_has_siblings() -> None:
    kinds = {block[0].split()[1] for block in BLOCKS}
    for kind in kinds:
        assert sum(block[0].startswith(f"# {kind} sibling") for block in BLOCKS) >= 3, kind


def _upper(table: Table) -> Table:
    """The table as Snowflake would have stored its names."""
    columns = tuple(c.model_copy(update={"name": c.name.upper()}) for c in table.columns)
    return table.model_copy(update={"name": table.name.upper(), "columns": columns})
