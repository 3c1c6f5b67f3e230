"""What is no read is refused, in both dialects, with its reason; what is one is not."""

from pathlib import Path

import pytest

from sql_tools.errors import InvalidSQLError
from sql_tools.models import Column, Context, ReadLimits, Table
from sql_tools.query.text import parse
from sql_tools.rules import allowed_functions, bounds, reads

RULES = (
    reads.only_a_select,
    reads.only_known_nodes,
    reads.only_known_functions,
    reads.only_plain_tables,
    bounds.recursion_is_bounded,
    bounds.products_are_small,
)
FIXTURES = Path(__file__).parent / "fixtures" / "reads.sql"
CATALOG = tuple(
    Table(schema_name="main", name=name, columns=tuple(Column(name=c, type="BIGINT") for c in columns), row_count=rows)
    for name, columns, rows in (("t", "abkdv", 50_000), ("u", "abk", 60_000), ("huge", "ak", 500_000_000))
)


def complaint(sql: str, dialect: str = "duckdb", **limits: object) -> str:
    """Why the checks refuse it, hint included; "" if they don't."""
    context = Context(dialect=dialect, tables=CATALOG, catalog=CATALOG, limits=ReadLimits(**limits))
    try:
        tree = parse(sql, dialect)
        for rule in RULES:
            rule(tree, context)
    except InvalidSQLError as error:
        return f"{error.message} {error.hint}"
    return ""


def cases() -> list[tuple[str, str, str]]:
    """(dialects, SQL, words of the refusal or "ok") of each line `dialects | SQL | words`."""
    lines = [line for line in FIXTURES.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return [tuple(part.strip() for part in line.split(" | ")) for line in lines]


@pytest.mark.parametrize(("dialects", "sql", "words"), cases(), ids=[sql[:60] for _, sql, _ in cases()])
def test_a_read_passes_and_anything_else_is_refused_with_its_reason(dialects: str, sql: str, words: str) -> None:
    for dialect in {"both": ("duckdb", "snowflake")}.get(dialects, (dialects,)):
        found = complaint(sql, dialect)
        assert (found == "") if words == "ok" else (words.lower() in found.lower()), (dialect, found)


def test_every_listed_class_is_a_function_of_the_parser() -> None:
    from sqlglot import exp

    assert [n for n in allowed_functions.CLASSES if not issubclass(getattr(exp, n, int), exp.Func)] == []


def test_a_function_is_allowed_by_its_full_name_only() -> None:
    sql = "SELECT snowflake.cortex.complete('m', 'x')"
    assert "not on the list" in complaint(sql, "snowflake")
    assert "not on the list" in complaint(sql, "snowflake", allowed_functions=("complete",))
    assert complaint(sql, "snowflake", allowed_functions=("snowflake.cortex.complete",)) == ""
    assert complaint("SELECT ai_complete('m', 'x')", "snowflake", allowed_functions=("ai_complete",)) == ""


@pytest.mark.parametrize(
    ("sql", "dialect"),
    [
        ("SELECT * FROM information_schema.tables", "duckdb"),
        ("SELECT * FROM duckdb_settings()", "duckdb"),
        ("SELECT * FROM snowflake.account_usage.query_history", "snowflake"),
    ],
)
def test_system_views_are_read_only_if_a_setting_says_so(sql: str, dialect: str) -> None:
    assert complaint(sql, dialect)
    assert complaint(sql, dialect, system_tables=True) == ""


def test_a_table_of_the_catalog_may_be_called_like_a_file() -> None:
    table = CATALOG[0].model_copy(update={"name": "sales.csv"})
    context = Context(dialect="duckdb", tables=(table,), catalog=(table,))
    tree = parse('SELECT a FROM "sales.csv"', "duckdb")
    assert reads.only_plain_tables(tree, context).startswith("no files")


def test_the_limit_of_a_product_is_a_setting() -> None:
    assert "about 3,000,000,000 rows" in complaint("SELECT t.a FROM t, u")
    assert complaint("SELECT t.a FROM t, u", max_join_rows=10**10) == ""


@pytest.mark.parametrize("sql", ["SELECT " + "(" * 60 + "1" + ")" * 60, "SELECT " + "abs(" * 400 + "1" + ")" * 400])
def test_deep_nesting_is_said_in_words(sql: str) -> None:
    assert "nested too deeply" in complaint(sql)
