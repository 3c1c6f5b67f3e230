import time

import pytest

from sql_tools.copilot import check
from sql_tools.errors import WarehouseError
from sql_tools.models import ForeignKey
from sql_tools.warehouses.duckdb.contents import MAX_VALUES
from sql_tools.warehouses.duckdb.warehouse import connect

ODD_NAMES = ("order", "two words", 'with "quotes"', "semi;colon", "日本", "Größe", "SELECT", "it's")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def by_name(warehouse):
    return {table.name: table for table in warehouse.tables()}


def test_tables_carry_types_comments_keys_and_counts(duckdb_file, opened):
    warehouse = opened(
        duckdb_file(
            "CREATE TABLE shop (id INTEGER PRIMARY KEY, city VARCHAR)",
            "CREATE TABLE sale (shop_id INTEGER REFERENCES shop (id), amount DECIMAL(9,2))",
            "COMMENT ON TABLE shop IS 'Where we sell'",
            "COMMENT ON COLUMN shop.city IS 'town of the shop'",
            "INSERT INTO shop VALUES (1, 'Bern'), (2, 'Aarau')",
        )
    )
    sale, shop = warehouse.tables()
    assert (shop.comment, shop.primary_key, shop.row_count, shop.database) == ("Where we sell", ("id",), 2, "shop")
    assert [(c.name, c.type, c.comment) for c in shop.columns] == [
        ("id", "INTEGER", ""),
        ("city", "VARCHAR", "town of the shop"),
    ]
    assert sale.foreign_keys == (ForeignKey(columns=("shop_id",), target_table="shop", target_columns=("id",)),)


def test_composite_keys_stay_whole(duckdb_file, opened):
    warehouse = opened(
        duckdb_file(
            "CREATE TABLE a (x INT, y INT, PRIMARY KEY (x, y))",
            "CREATE TABLE b (p INT, q INT, FOREIGN KEY (p, q) REFERENCES a (x, y))",
        )
    )
    tables = by_name(warehouse)
    assert tables["a"].primary_key == ("x", "y")
    assert tables["b"].foreign_keys[0].columns == ("p", "q")
    assert tables["b"].foreign_keys[0].target_columns == ("x", "y")


def test_few_values_are_listed_whole_and_sorted(duckdb_file, opened):
    rows = (
        "SELECT CASE WHEN range % 3 = 0 THEN NULL ELSE 'v' || range % 30 END AS few, range > 4 AS flag FROM range(5000)"
    )
    (table,) = opened(duckdb_file(f"CREATE TABLE t AS {rows}")).tables()
    few, flag = table.columns
    assert few.values == tuple(sorted({f"v{n % 30}" for n in range(5000) if n % 3}))
    assert flag.values == ("false", "true")


def test_a_value_that_comes_late_is_not_missed(duckdb_file, opened):
    rows = "SELECT CASE WHEN range = 49999 THEN 'late' ELSE 'early' END AS word FROM range(50000)"
    (table,) = opened(duckdb_file(f"CREATE TABLE t AS {rows}")).tables()
    assert table.columns[0].values == ("early", "late")


@pytest.mark.parametrize("word", ["'v' || range", "CASE WHEN range < 2000 THEN 'a' ELSE 'v' || range END"])
def test_many_values_are_sampled(duckdb_file, opened, word):
    (table,) = opened(duckdb_file(f"CREATE TABLE t AS SELECT {word} AS word FROM range(5000)")).tables()
    assert table.columns[0].values == ()
    assert 1 <= len(table.columns[0].samples) <= 3


def test_as_many_values_as_allowed_are_few_and_one_more_are_many(duckdb_file, opened):
    warehouse = opened(
        duckdb_file(
            f"CREATE TABLE few AS SELECT 'v' || range AS v FROM range({MAX_VALUES})",
            f"CREATE TABLE many AS SELECT 'v' || range AS v FROM range({MAX_VALUES + 1})",
        )
    )
    tables = by_name(warehouse)
    assert len(tables["few"].columns[0].values) == MAX_VALUES
    assert (tables["many"].columns[0].values, tables["many"].columns[0].samples) == ((), ("v0", "v1", "v2"))


def test_long_texts_are_neither_values_nor_samples(duckdb_file, opened):
    (table,) = opened(duckdb_file("CREATE TABLE t AS SELECT repeat('x', 81) AS long, 7 AS n, 'a'::BLOB AS b")).tables()
    assert [column.values for column in table.columns] == [(), (), ()]
    assert [column.samples for column in table.columns] == [(), ("7",), ()]


def test_main_is_the_default_schema_when_it_holds_tables(duckdb_file, opened):
    warehouse = opened(duckdb_file("CREATE SCHEMA other", "CREATE TABLE other.a (x INT)", "CREATE TABLE b (x INT)"))
    assert [(table.path, table.in_default_schema) for table in warehouse.tables()] == [
        (("b",), True),
        (("other", "a"), False),
    ]


def test_else_the_fullest_schema_is_the_default_and_needs_no_name(duckdb_file, opened):
    warehouse = opened(
        duckdb_file(
            "CREATE SCHEMA a; CREATE SCHEMA z; CREATE TABLE a.one AS SELECT 1 AS n",
            "CREATE TABLE z.two AS SELECT 2 AS n; CREATE TABLE z.three AS SELECT 3 AS n",
        )
    )
    assert [table.path for table in warehouse.tables()] == [("a", "one"), ("three",), ("two",)]
    assert warehouse.run("SELECT n FROM two", max_rows=9, timeout_seconds=9).rows == ((2,),)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_work_all_the_way(duckdb_file, opened, name):
    create = f"CREATE SCHEMA {quoted(name)}; CREATE TABLE {quoted(name)}.{quoted(name)} ({quoted(name)} VARCHAR)"
    insert = f"INSERT INTO {quoted(name)}.{quoted(name)} VALUES ('x')"
    warehouse = opened(duckdb_file(create, insert, name="odd"))
    (table,) = warehouse.tables()
    assert (table.schema_name, table.name, table.columns[0].name) == (name, name, name)
    assert table.columns[0].values == ("x",)
    assert warehouse.run(f"SELECT {quoted(name)} FROM {quoted(name)}", max_rows=1, timeout_seconds=9).rows == (("x",),)


def test_views_over_files_are_left_out_with_a_note(duckdb_file, opened, tmp_path):
    csv = tmp_path / "outside.csv"
    csv.write_text("a\n1\n")
    warehouse = opened(
        duckdb_file("CREATE TABLE t (a INT)", f"CREATE VIEW outside AS FROM '{csv}'", "CREATE VIEW inside AS FROM t")
    )
    assert sorted(by_name(warehouse)) == ["inside", "t"]
    assert len(warehouse.notes) == 1
    assert "outside is left out" in warehouse.notes[0]


def test_nothing_but_views_over_files_is_an_error(duckdb_file, opened, tmp_path):
    csv = tmp_path / "outside.csv"
    csv.write_text("a\n1\n")
    with pytest.raises(WarehouseError, match="outside is left out") as caught:
        opened(duckdb_file(f"CREATE VIEW outside AS FROM '{csv}'")).tables()
    assert "Views over files" in caught.value.hint


def test_a_view_whose_column_is_gone_is_left_out(duckdb_file, opened):
    warehouse = opened(
        duckdb_file("CREATE TABLE t (a INT, b INT)", "CREATE VIEW v AS SELECT b FROM t", "ALTER TABLE t DROP COLUMN b")
    )
    assert list(by_name(warehouse)) == ["t"]
    assert "v is left out" in warehouse.notes[0]


def test_a_view_that_fails_on_a_row_keeps_its_columns(duckdb_file, opened):
    (table,) = opened(duckdb_file("CREATE VIEW v AS SELECT s::INT AS n FROM (VALUES ('x')) t(s)")).tables()
    assert [column.name for column in table.columns] == ["n"]
    assert table.columns[0].samples == ()


def test_two_thousand_columns_are_read_in_seconds(duckdb_file, opened):
    columns = ", ".join(f"'v' || range % 7 AS c{n}" if n % 2 else f"range * {n} AS c{n}" for n in range(2000))
    warehouse = opened(duckdb_file(f"CREATE TABLE wide AS SELECT {columns} FROM range(3000)"))
    started = time.monotonic()
    (table,) = warehouse.tables()
    assert time.monotonic() - started < 20
    assert len(table.columns) == 2000
    assert table.columns[1].values == tuple(f"v{n}" for n in range(7))


def test_tables_are_read_once(duckdb_file, opened):
    warehouse = opened(duckdb_file("CREATE TABLE t (a INT)"))
    assert warehouse.tables() is warehouse.tables()


def test_the_engines_own_views_are_there_only_if_a_setting_says_so(duckdb_file, opened, settings):
    path = duckdb_file("CREATE TABLE t AS SELECT 1 AS a")
    assert [table.name for table in opened(path).tables()] == ["t"]
    open_to_all = settings.model_copy(update={"allow_system_tables": True})
    warehouse = connect(path, open_to_all)
    report = check("SELECT table_name FROM information_schema.tables", warehouse, open_to_all)
    warehouse.close()
    assert report.allowed
    assert not check("SELECT table_name FROM information_schema.tables", opened(path), settings).allowed
