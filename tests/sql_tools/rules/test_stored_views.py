"""Views and macros that a database file brings along."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sql_tools import Settings, WarehouseError, check, open_warehouse
from sql_tools.warehouses import Warehouse

MakeFile = Callable[..., Path]
Opened = Callable[[Path], Warehouse]
TABLE = "CREATE TABLE t AS SELECT 1 AS id, 'B' AS name"


@pytest.mark.parametrize(
    ("view", "why"),
    [
        ("CREATE VIEW v AS SELECT * FROM duckdb_settings()", "duckdb_settings"),
        ("CREATE VIEW v AS SELECT (SELECT value FROM duckdb_settings() LIMIT 1) AS x FROM t", "duckdb_settings"),
        ("CREATE VIEW v AS SELECT * FROM query('SELECT 1')", "query"),
        ("CREATE VIEW v AS SELECT * FROM information_schema.tables", "engine's own views"),
        ("CREATE VIEW v AS SELECT count(*) AS n FROM range(100000000) a, range(10000000) b", "over the limit"),
        ("CREATE VIEW v AS WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i FROM n) SELECT * FROM n", "never end"),
        ("CREATE VIEW v AS SELECT current_setting('temp_directory') AS home", "not on the list"),
        ("CREATE MACRO m(x) AS TABLE SELECT x; CREATE VIEW v AS SELECT * FROM m(1)", "Function m"),
        ("CREATE MACRO g(x) AS getvariable(x); CREATE VIEW v AS SELECT g('a') AS a FROM t", "Function g"),
    ],
)
def test_a_view_that_may_not_be_asked_for_is_left_out_with_a_note(
    view: str, why: str, duckdb_file: MakeFile, opened: Opened
) -> None:
    warehouse = opened(duckdb_file(TABLE, *view.split("; ")))
    assert [table.name for table in warehouse.tables()] == ["t"]
    (note,) = warehouse.notes
    assert note.startswith("v is left out: ")
    assert why in note


def test_a_view_over_a_view_that_is_left_out_is_left_out(duckdb_file: MakeFile, opened: Opened) -> None:
    views = ("CREATE VIEW bad AS SELECT * FROM duckdb_settings()", "CREATE VIEW worse AS SELECT * FROM bad")
    warehouse = opened(duckdb_file(TABLE, *views))
    assert [table.name for table in warehouse.tables()] == ["t"]
    assert len(warehouse.notes) == 2


SETTING = (
    "CREATE TABLE hidden (id INTEGER, home VARCHAR GENERATED ALWAYS AS (current_setting('temp_directory')) VIRTUAL)"
)


def test_a_table_with_a_computed_column_that_may_not_be_asked_for_is_left_out(
    duckdb_file: MakeFile, opened: Opened
) -> None:
    views = ("CREATE VIEW over_it AS SELECT home FROM hidden", "CREATE VIEW beside AS SELECT id FROM hidden")
    warehouse = opened(duckdb_file(TABLE, SETTING, *views))
    assert [table.name for table in warehouse.tables()] == ["t"]
    assert "hidden is left out: " in " ".join(warehouse.notes)
    assert "not on the list" in " ".join(warehouse.notes)


def test_a_table_with_an_ordinary_computed_column_is_read(duckdb_file: MakeFile, opened: Opened) -> None:
    table = (
        "CREATE TABLE o (net INTEGER, \"the gross\" INTEGER GENERATED ALWAYS AS (net * 2), note VARCHAR DEFAULT 'a')"
    )
    warehouse = opened(duckdb_file(TABLE, table, "INSERT INTO o (net) VALUES (3)"))
    assert check('SELECT "the gross" FROM o', warehouse, Settings()).allowed
    assert warehouse.notes == ()


@pytest.mark.parametrize(
    "view",
    [
        "CREATE VIEW v (a, b) AS SELECT id, lower(name) FROM t WHERE id IN (SELECT id FROM t) ORDER BY 1 LIMIT 3",
        'CREATE VIEW v AS WITH q AS (SELECT * FROM t) SELECT q.* EXCLUDE (name), $$x$$ AS "a ""b" FROM q',
        "CREATE VIEW v AS FROM t SELECT *, id::VARCHAR AS c",
        "CREATE VIEW v AS SELECT name, count(*) FILTER (WHERE id > 0) AS n FROM t GROUP BY ALL",
        "CREATE SCHEMA s; CREATE TABLE s.u AS SELECT 1 AS x; CREATE VIEW s.v AS SELECT x FROM s.u",
    ],
)
def test_an_ordinary_view_is_read(view: str, duckdb_file: MakeFile, opened: Opened) -> None:
    warehouse = opened(duckdb_file(TABLE, *view.split("; ")))
    assert "v" in [table.name for table in warehouse.tables()]
    assert warehouse.notes == ()


@pytest.mark.parametrize(
    "name", ["lower", "sum", "count_star", '"~~"', '"+"', "duckdb_functions", "json_serialize_sql"]
)
def test_a_macro_in_the_place_of_a_function_keeps_the_file_closed(
    name: str, duckdb_file: MakeFile, settings: Settings
) -> None:
    path = duckdb_file(TABLE, f"CREATE MACRO {name}(x) AS 424242")
    with pytest.raises(WarehouseError, match="take the place of DuckDB's own functions"):
        open_warehouse(str(path), settings)


def test_a_macro_of_its_own_name_is_no_function_of_the_list(
    duckdb_file: MakeFile, opened: Opened, settings: Settings
) -> None:
    warehouse = opened(duckdb_file(TABLE, "CREATE MACRO secret(x) AS 1"))
    assert not check("SELECT secret(id) FROM t", warehouse, settings).allowed
