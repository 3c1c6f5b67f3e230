"""`diff`: what agrees, what differs and how it is said, on a stand-in for Snowflake that answers as a test tells it to."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sql_tools import Settings
from sql_tools.diff.cells import cell_agrees, families_differ
from sql_tools.diff.compare import DiffReport, checked, diff
from sql_tools.diff.local_copy import MAX_COPIED_ROWS, copy_tables, duckdb_type, tables_used
from sql_tools.errors import InvalidSQLError, SettingsError, WarehouseError
from sql_tools.models import Column, QueryResult, ResultColumn, Table
from sql_tools.open_warehouse import open_warehouse
from sql_tools.query.text import parse
from sql_tools.transpile import to_duckdb

ROWS = "(1, 'Ann', DATE '2024-01-31', 2.50), (2, 'Bo', DATE '2024-02-29', 7.25), (3, NULL, NULL, NULL)"


COLUMNS = (("ID", "NUMBER(38,0)"), ("NAME", "VARCHAR"), ("BORN", "DATE"), ("PAY", "NUMBER(10,2)"))


class Engine:
    """A warehouse of one table in memory; `twist` changes what it answers. As `snowflake` it stands in for an account."""

    remote, notes, role = False, (), ""

    def __init__(self, dialect: str, rows: str = ROWS, schema: str = "MAIN", table: str = "PEOPLE") -> None:
        self.dialect = self.name = dialect
        self.twist: Any = lambda result: result
        self.connection = duckdb.connect()
        self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}; SET schema = '{schema}'")
        self.connection.execute(f"CREATE TABLE {table} (id INTEGER, name VARCHAR, born DATE, pay DECIMAL(10, 2))")
        self.connection.execute(f"INSERT INTO {table} VALUES {rows}")
        columns = tuple(Column(name=name, type=kind) for name, kind in COLUMNS)
        self._tables = (Table(schema_name=schema, name=table, columns=columns),)

    def tables(self) -> tuple[Table, ...]:
        return self._tables

    def explain(self, sql: str) -> str | None:
        try:
            self.connection.execute(f"EXPLAIN {to_duckdb(sql) if self.dialect == 'snowflake' else sql}")
        except duckdb.Error as error:
            raise WarehouseError(str(error)) from error
        return None

    def is_cheap(self, sql: str) -> bool:
        return True

    def run(self, sql: str, *, max_rows: int, timeout_seconds: float) -> QueryResult:
        text = to_duckdb(sql) if self.dialect == "snowflake" else sql
        rows = self.connection.execute(text).fetchmany(max_rows + 1)
        columns = tuple(ResultColumn(name=d[0], type=str(d[1])) for d in self.connection.description or ())
        return self.twist(QueryResult(columns=columns, rows=tuple(rows[:max_rows]), truncated=len(rows) > max_rows))

    def close(self) -> None:
        self.connection.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache")


@pytest.fixture
def account() -> Iterator[Engine]:
    with closing(Engine("snowflake")) as opened:
        yield opened


def compared(sql: str, account: Engine, settings: Settings, rows: str = ROWS, **more: str) -> DiffReport:
    with closing(Engine("duckdb", rows, **more)) as local:
        return diff(checked(sql, account, settings), account, local, settings)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM people",
        "SELECT name, pay / 3 FROM people ORDER BY pay DESC",
        "SELECT COUNT(*), SUM(pay), AVG(pay) FROM people",
        "SELECT DATEADD(month, 1, born) AS next_month FROM people",
        "WITH p AS (SELECT name FROM people) SELECT p.name FROM p",
        "SELECT people.name FROM main.people WHERE people.id IN (SELECT id FROM people)",
    ],
)
def test_the_same_data_is_the_same(sql: str, account: Engine, settings: Settings) -> None:
    report = compared(sql, account, settings)
    assert (report.status, report.differences) == ("same", ())


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (ROWS.replace("7.25", "7.26"), "only there: (2, Bo, 2024-02-29, 7.25)"),
        (ROWS.replace("'Bo'", "'bo'"), "only here: (2, bo, 2024-02-29, 7.25)"),
        (ROWS.replace("'Bo'", "'Bo '"), "only here: (2, Bo , 2024-02-29, 7.25)"),
        (ROWS.replace("'Bo'", "''"), "only here: (2, , 2024-02-29, 7.25)"),
        (ROWS + ", (3, NULL, NULL, NULL)", "3 rows there, 4 here"),
        ("(1, 'Ann', DATE '2024-01-31', 2.50)", "only there: (3, NULL, NULL, NULL)"),
    ],
)
def test_one_changed_cell_or_row_is_told(
    rows: str, words: str, account: Engine, settings: Settings, tmp_path: Path
) -> None:
    report = compared("SELECT * FROM people", account, settings, rows)
    assert report.status == "different"
    assert words in report.differences


def _renamed(result: QueryResult) -> QueryResult:
    return result.model_copy(update={"columns": (ResultColumn(name="OTHER", type="NUMBER"), *result.columns[1:])})


def _dated(result: QueryResult) -> QueryResult:
    columns = tuple(ResultColumn(name=column.name, type="TIMESTAMP_NTZ") for column in result.columns)
    return result.model_copy(update={"columns": columns})


def _narrower(result: QueryResult) -> QueryResult:
    return result.model_copy(update={"columns": result.columns[1:], "rows": tuple(row[1:] for row in result.rows)})


@pytest.mark.parametrize(
    ("sql", "twist", "words"),
    [
        ("SELECT id, name FROM people", _renamed, "column 1 is OTHER there, id here"),
        ("SELECT born FROM people", _dated, "born is TIMESTAMP_NTZ there, DATE here"),
        ("SELECT id, name FROM people", _narrower, "1 columns there, 2 here"),
    ],
)
def test_other_columns_and_types_are_told(
    sql: str, twist: Any, words: str, account: Engine, settings: Settings, tmp_path: Path
) -> None:
    account.twist = twist
    assert words.casefold() in [d.casefold() for d in compared(sql, account, settings).differences]


def _reversed(result: QueryResult) -> QueryResult:
    return result.model_copy(update={"rows": tuple(reversed(result.rows))})


@pytest.mark.parametrize(
    ("sql", "status"),
    [
        ("SELECT name, id FROM people", "same"),  # in no order
        ("SELECT name, id FROM people ORDER BY id", "different"),
        ("SELECT name, id FROM people ORDER BY 2", "different"),
        ("SELECT name, id, 1 AS one FROM people ORDER BY one", "same"),  # all tie
        ("SELECT name FROM people ORDER BY id", "different"),  # by what is not shown: the rows tell
    ],
)
def test_order_counts_only_where_the_query_orders(
    sql: str, status: str, account: Engine, settings: Settings, tmp_path: Path
) -> None:
    account.twist = _reversed
    assert compared(sql, account, settings).status == status


def test_a_name_the_query_did_not_give_is_no_difference(account: Engine, settings: Settings) -> None:
    account.twist = _renamed
    assert compared("SELECT COUNT(*) FROM people", account, settings).status == "same"


def test_results_that_were_cut_are_not_compared(account: Engine, settings: Settings) -> None:
    with pytest.raises(SettingsError, match="more than 2 rows"):
        compared("SELECT id FROM people", account, settings.model_copy(update={"max_rows": 2}))


@pytest.mark.parametrize("sql", ["DELETE FROM people", "SELECT nope FROM people", "SELECT * FROM @stage"])
def test_what_may_not_run_there_does_not_run_here(
    sql: str, account: Engine, settings: Settings, tmp_path: Path
) -> None:
    account.twist = lambda result: pytest.fail("it ran")
    with pytest.raises(InvalidSQLError):
        compared(sql, account, settings)


def test_a_table_that_is_not_here_is_told(account: Engine, settings: Settings) -> None:
    with pytest.raises(WarehouseError, match="no table PEOPLE in the local data"):
        compared("SELECT id FROM people", account, settings, table="others")


def test_a_table_of_another_schema_here_is_found_by_its_name(account: Engine, settings: Settings) -> None:
    sql = "SELECT main.people.name FROM main.people JOIN people AS p ON p.id = people.id"
    assert compared(sql, account, settings, schema="elsewhere").status == "same"


def test_tables_used_are_copied_and_no_others(account: Engine, settings: Settings, tmp_path: Path) -> None:
    tree = parse("SELECT name FROM people", "snowflake")
    used, seen = tables_used(tree, account.tables()), {}
    copy_tables(used, account, tmp_path / "copy.duckdb", settings, seen.__setitem__)
    with closing(open_warehouse(str(tmp_path / "copy.duckdb"), settings)) as local:
        report = diff(checked("SELECT * FROM people ORDER BY id", account, settings), account, local, settings)
    assert (seen, report.status) == ({"PEOPLE": 3}, "same")


def test_a_table_too_long_is_not_copied_in_part(account: Engine, settings: Settings, tmp_path: Path) -> None:
    account.twist = lambda result: result.model_copy(update={"truncated": True})
    with pytest.raises(WarehouseError, match=f"more than {MAX_COPIED_ROWS:,} rows"):
        copy_tables(account.tables(), account, tmp_path / "copy.duckdb", settings, lambda name, rows: None)


@pytest.mark.parametrize(
    ("snowflake", "ours"),
    [("NUMBER(38,0)", "DECIMAL(38, 0)"), ("TEXT", "TEXT"), ("VARCHAR(20)", "TEXT(20)"), ("FLOAT", "DOUBLE"), ("BOOLEAN", "BOOLEAN"),
     ("DATE", "DATE"), ("TIMESTAMP_NTZ(9)", "TIMESTAMP"), ("TIMESTAMP_TZ(9)", "TIMESTAMPTZ"), ("ARRAY", "JSON"),
     ("OBJECT", "JSON"), ("GEOGRAPHY", "VARCHAR"), ("BINARY(8)", "BLOB"), ("something new", "VARCHAR")],
)  # fmt: skip
def test_each_type_has_its_column(snowflake: str, ours: str) -> None:
    assert duckdb_type(Column(name="C", type=snowflake)).partition("(")[0] == ours.partition("(")[0]
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t (c {duckdb_type(Column(name='C', type=snowflake))})")


@pytest.mark.parametrize(
    ("theirs", "ours", "type_name", "expected"),
    [
        (Decimal("0.285714"), 2 / 7, "NUMBER(38,6)", True),
        (Decimal("0.285715"), 2 / 7, "NUMBER(38,6)", False),
        (Decimal("0.333333"), Decimal("0.3333333333"), "NUMBER(38,6)", True),
        (Decimal("2.5"), 3, "NUMBER(2,1)", False),
        (5, 5.0, "NUMBER", True),
        (5, 5.4, "NUMBER", False),
        (1, True, "BOOLEAN", False),
        (0.1 + 0.2, 0.3, "FLOAT", True),
        (float("nan"), None, "FLOAT", True),
        ("1", 1, "VARCHAR", False),
        ("a", "A", "VARCHAR", False),
        ('{\n  "a": [1, 2]\n}', {"a": [1, 2]}, "OBJECT", True),
        ('[\n  1,\n  2\n]', "[1,2]", "ARRAY", True),
        ('"x"', "x", "VARIANT", True),
        ("[1]", "[2]", "ARRAY", False),
        (date(2024, 1, 1), datetime(2024, 1, 1), "DATE", True),
        (date(2024, 1, 1), datetime(2024, 1, 1, 1), "DATE", False),
        (None, 0, "NUMBER", False),
        (None, None, "NUMBER", True),
    ],
)  # fmt: skip
def test_cells_agree_at_snowflakes_scale(theirs: Any, ours: Any, type_name: str, expected: bool) -> None:
    assert cell_agrees(theirs, ours, type_name) is expected


def test_every_type_of_both_engines_has_a_family() -> None:
    pairs = [("NUMBER(38,0)", "HUGEINT"), ("VARCHAR", "VARCHAR"), ("TIMESTAMP_NTZ", "TIMESTAMP"), ("VARIANT", "JSON"),
             ("ARRAY", "INTEGER[]"), ("OBJECT", "STRUCT(a INTEGER)"), ("TIMESTAMP_TZ", "TIMESTAMP WITH TIME ZONE"), ("FLOAT", "DOUBLE")]  # fmt: skip
    assert [pair for pair in pairs if families_differ(*pair)] == []
    assert families_differ("DATE", "TIMESTAMP")
    assert families_differ("VARCHAR", "NUMBER")


def test_a_report_is_json(account: Engine, settings: Settings) -> None:
    told = json.loads(compared("SELECT id FROM people", account, settings).model_dump_json())
    assert (told["status"], told["row_count"], told["local_row_count"]) == ("same", 3, 3)
