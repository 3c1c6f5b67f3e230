"""Snowflake's case rules: unquoted names are upper case, quoted ones as they stand; a draft that misses them is mended."""

import pytest

from sql_tools.errors import InvalidSQLError
from sql_tools.models import Column, Context, DraftSQL, Table
from sql_tools.prompt import schema_text
from sql_tools.validate import REPAIRS, validate


def table(name: str, *columns: str, **where: object) -> Table:
    found = tuple(Column(name=column, type="NUMBER") for column in columns)
    return Table(name=name, columns=found, **{"database": "SHOP", "schema_name": "PUBLIC", **where})  # type: ignore[arg-type]


TABLES = (
    table("ORDERS", "ID", "TOTAL", "status"),
    table("lower case", "id", "ID", "Mixed"),
    table("VISITS", "DAY", schema_name="WEB", in_default_schema=False),
    table("STAFF", "NAME", database="HR", in_default_schema=False, in_default_database=False),
    table("visits", "DAY", schema_name="web", in_default_schema=False),
)
CONTEXT = Context(dialect="snowflake", tables=TABLES, catalog=TABLES)


@pytest.mark.parametrize(
    ("draft", "runs", "mended"),
    [
        ("select o.id from orders o", "SELECT O.ID FROM ORDERS AS O", False),
        ('select o."status" from orders as o', 'SELECT O."status" FROM ORDERS AS O', False),
        ("select status from orders", 'SELECT "status" FROM ORDERS', True),
        ('select "orders"."id" from "orders"', 'SELECT "orders".ID FROM ORDERS AS "orders"', True),
        ('select id, "id", mixed from "lower case"', 'SELECT ID, "id", "Mixed" FROM "lower case"', True),
        ("with t as (select total as x from orders) select t.x from T", "WITH T AS (SELECT TOTAL AS X FROM ORDERS) SELECT T.X FROM T", False),
        ("select sum(total) as s from orders order by s", "SELECT SUM(TOTAL) AS S FROM ORDERS ORDER BY S", False),
        ("select day from web.visits", "SELECT DAY FROM WEB.VISITS", False),
        ("select day from visits", "SELECT DAY FROM WEB.VISITS", True),
        ('select day from "web"."visits"', 'SELECT DAY FROM "web"."visits"', False),
        ("select name from staff", "SELECT NAME FROM HR.PUBLIC.STAFF", True),
        ("select s.name from hr.public.staff s, orders", "SELECT S.NAME FROM HR.PUBLIC.STAFF AS S, ORDERS", False),
    ],
)  # fmt: skip
def test_a_draft_runs_as_snowflake_reads_names(draft: str, runs: str, mended: bool) -> None:
    valid = validate(DraftSQL(text=draft, dialect="snowflake"), CONTEXT, repairs=REPAIRS)
    assert valid.text == runs
    assert bool(valid.changes) is mended


@pytest.mark.parametrize(
    ("written", "runs"),
    [
        ("select status from orders", None),
        ('select id, "id", "Mixed" from "lower case"', 'SELECT ID, "id", "Mixed" FROM "lower case"'),
        ('select "orders"."id" from "orders"', None),
        ("select o.id from orders o where o.total > 1", "SELECT O.ID FROM ORDERS AS O WHERE O.TOTAL > 1"),
    ],
)
def test_what_somebody_wrote_is_judged_as_snowflake_reads_it(written: str, runs: str | None) -> None:
    draft = DraftSQL(text=written, dialect="snowflake")
    if runs is None:
        with pytest.raises(InvalidSQLError, match="There is no"):
            validate(draft, CONTEXT)
    else:
        valid = validate(draft, CONTEXT)
        assert (valid.text, valid.changes) == (runs, ())


def test_a_table_of_another_database_is_not_found_under_the_wrong_one() -> None:
    with pytest.raises(InvalidSQLError, match=r"There is no table OTHER\.PUBLIC\.STAFF"):
        validate(DraftSQL(text="select name from other.public.staff", dialect="snowflake"), CONTEXT)


def test_the_prompt_writes_names_as_sql_has_to() -> None:
    shown = schema_text(CONTEXT)
    assert 'CREATE TABLE "lower case" (\n  "id" NUMBER,\n  ID NUMBER,\n  "Mixed" NUMBER,' in shown
    assert "CREATE TABLE HR.PUBLIC.STAFF (" in shown
    assert "CREATE TABLE WEB.VISITS (" in shown


def test_names_on_other_engines_stay_as_written() -> None:
    tables = (table("orders", "id"),)
    context = Context(dialect="duckdb", tables=tables, catalog=tables)
    draft = DraftSQL(text="select O.ID from Orders O", dialect="duckdb")
    assert validate(draft, context, repairs=REPAIRS).text == "SELECT O.ID FROM Orders AS O"
