import stat

import pytest

from sql_tools.errors import WarehouseError
from sql_tools.settings import Settings
from sql_tools.warehouses import demo
from sql_tools.warehouses.duckdb.warehouse import connect

SNOWFLAKE_COLUMNS = {"CUSTOMER": 8, "LINEITEM": 16, "NATION": 4, "ORDERS": 9}
SNOWFLAKE_COLUMNS |= {"PART": 9, "PARTSUPP": 5, "REGION": 3, "SUPPLIER": 7}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Settings(cache_dir=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def warehouse(cache):
    opened = connect(demo.demo_path(cache), cache, name="demo")
    yield opened
    opened.close()


def rows(warehouse, sql):
    return warehouse.run(sql, max_rows=100, timeout_seconds=20).rows


def test_tables_and_columns_are_snowflakes(warehouse):
    assert {table.name: len(table.columns) for table in warehouse.tables()} == SNOWFLAKE_COLUMNS
    assert {(table.database, table.schema_name) for table in warehouse.tables()} == {
        ("SNOWFLAKE_SAMPLE_DATA", "TPCH_SF1")
    }
    types = {column.name: column.type for table in warehouse.tables() for column in table.columns}
    assert (types["L_EXTENDEDPRICE"], types["O_ORDERDATE"]) == ("DECIMAL(12,2)", "DATE")


@pytest.mark.parametrize("name", ["ORDERS", "TPCH_SF1.ORDERS", "SNOWFLAKE_SAMPLE_DATA.TPCH_SF1.ORDERS", "orders"])
def test_sql_names_tables_as_on_snowflake(warehouse, name):
    assert rows(warehouse, f"SELECT count(*) FROM {name}") == ((15000,),)


def test_every_table_and_column_has_a_comment_and_every_table_a_key(warehouse):
    for table in warehouse.tables():
        assert table.comment, table.name
        assert table.primary_key, table.name
        assert all(column.comment for column in table.columns), table.name


def test_foreign_keys_hold_in_the_data(warehouse):
    keys = [(table, key) for table in warehouse.tables() for key in table.foreign_keys]
    assert len(keys) == 10
    for table, key in keys:
        join = " AND ".join(f"a.{x} = b.{y}" for x, y in zip(key.columns, key.target_columns, strict=True))
        orphans = f"SELECT count(*) FROM {table.name} a ANTI JOIN {key.target_table} b ON {join}"
        assert rows(warehouse, orphans) == ((0,),)


def test_the_total_price_is_what_its_comment_says(warehouse):
    off = rows(
        warehouse,
        "SELECT max(abs(O_TOTALPRICE - t)) FROM ORDERS JOIN (SELECT L_ORDERKEY, sum(L_EXTENDEDPRICE * (1 - L_DISCOUNT) "
        "* (1 + L_TAX)) AS t FROM LINEITEM GROUP BY ALL) ON O_ORDERKEY = L_ORDERKEY",
    )
    assert off[0][0] < 1


def test_comments_hold_in_the_data(warehouse):
    assert rows(
        warehouse,
        "SELECT min(L_DISCOUNT) >= 0 AND max(L_DISCOUNT) <= 0.1, max(L_TAX) <= 0.08, "
        "count(*) FILTER (L_RETURNFLAG = 'N' AND L_RECEIPTDATE <= DATE '1995-06-17') = 0, "
        "count(*) FILTER (L_RETURNFLAG <> 'N' AND L_RECEIPTDATE > DATE '1995-06-17') = 0 FROM LINEITEM",
    ) == ((True, True, True, True),)
    assert rows(warehouse, "SELECT max(O_SHIPPRIORITY), min(O_ORDERDATE) >= DATE '1992-01-01' FROM ORDERS") == (
        (0, True),
    )


def test_it_is_built_once(warehouse, cache, monkeypatch):
    monkeypatch.setattr(demo, "GENERATOR", "not needed again")
    path = demo.demo_path(cache)
    assert [file.name for file in path.parent.iterdir()] == ["SNOWFLAKE_SAMPLE_DATA.duckdb"]


def test_a_missing_generator_is_said_so(settings, monkeypatch):
    monkeypatch.setattr(demo, "GENERATOR", "no-such-generator")
    with pytest.raises(WarehouseError, match="no-such-generator, which is not installed") as caught:
        demo.demo_path(settings)
    assert "pip install" in caught.value.hint


@pytest.mark.parametrize("script", ["#!/bin/sh\necho no space left >&2\nexit 1\n", "not a program"])
def test_a_failing_generator_is_said_so(settings, monkeypatch, tmp_path, script):
    broken = tmp_path / "broken-generator"
    broken.write_text(script)
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(demo, "_generator", lambda: str(broken))
    with pytest.raises(WarehouseError, match="could not be generated"):
        demo.demo_path(settings)
    assert not list((settings.cache / "demo").rglob("*.duckdb"))
