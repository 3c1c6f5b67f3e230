"""Snowflake's case rules in checked SQL: unquoted names are upper case, quoted ones as they stand."""

import pytest

from sql_tools.errors import InvalidSQLError
from sql_tools.models import Column, Context, DraftSQL, Table
from sql_tools.prompt import schema_text
from sql_tools.validate import validate


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
    ("draft", "runs"),
    [
        ("select o.id from orders o", "SELECT O.ID FROM ORDERS AS O"),
        ('select o."status" from orders as o', 'SELECT O."status" FROM ORDERS AS O'),
        ("select status from orders", 'SELECT "status" FROM ORDERS'),
        ('select "orders"."id" from "orders"', "SELECT ORDERS.ID FROM ORDERS"),
        ('select id, "id", mixed from "lower case"', 'SELECT ID, "id", "Mixed" FROM "lower case"'),
        ("with t as (select total as x from orders) select t.x from T", "WITH T AS (SELECT TOTAL AS X FROM ORDERS) SELECT T.X FROM T"),
        ("select sum(total) as s from orders order by s", "SELECT SUM(TOTAL) AS S FROM ORDERS ORDER BY S"),
        ("select day from web.visits", "SELECT DAY FROM WEB.VISITS"),
        ("select day from visits", "SELECT DAY FROM WEB.VISITS"),
        ('select day from "web"."visits"', 'SELECT DAY FROM "web"."visits"'),
        ("select name from staff", "SELECT NAME FROM HR.PUBLIC.STAFF"),
        ("select s.name from hr.public.staff s, orders", "SELECT S.NAME FROM HR.PUBLIC.STAFF AS S, ORDERS"),
    ],
)  # fmt: skip
def test_names_run_as_snowflake_reads_them(draft: str, runs: str) -> None:
    valid = validate(DraftSQL(text=draft, dialect="snowflake"), CONTEXT)
    assert " ".join(valid.text.split()) == runs


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
    assert " ".join(validate(DraftSQL(text="select O.ID from Orders O", dialect="duckdb"), context).text.split()) == "SELECT O.id FROM orders AS O"  # fmt: skip
