"""Checks end soon, whatever the question, the reply or the SQL: what is twice as long takes about twice as long."""

import time
from collections.abc import Callable

import pytest

from sql_tools import InvalidSQLError, Settings, check
from sql_tools.diagnostics.diagnose import diagnose
from sql_tools.generate import MAX_REPLY_CHARS, sql_in
from sql_tools.models import Context, DraftSQL
from sql_tools.refuse import refuse
from sql_tools.retrieve import catalog_of
from sql_tools.validate import validate
from sql_tools.warehouses import Warehouse

SLACK_SECONDS = 0.05  # below it, a ratio is noise
LINKS = {
    "joined to itself": "SELECT x.a FROM c{0} AS x JOIN c{0} AS y ON x.a = y.a",
    "in a condition": "SELECT a FROM c{0} WHERE a IN (SELECT a FROM c{0})",
    "one after the other": "SELECT * FROM c{0}",
    "of a union": "SELECT a FROM c{0} UNION ALL SELECT a FROM c{0}",
    "summed": "SELECT sum(x.a) AS a FROM c{0} AS x JOIN c{0} AS y ON x.a = y.a",
}


def chain(link: str, length: int) -> str:
    """CTEs c0, c1, ... of which each reads the one before."""
    links = [f"c{n} AS ({link.format(n - 1)})" for n in range(1, length + 1)]
    return f"WITH c0 AS (SELECT id AS a FROM orders), {', '.join(links)} SELECT count(*) FROM c{length}"


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def grows_evenly(work: Callable[[int], object], size: int) -> bool:
    """Does four times the size take at most about sixteen times as long (a square, not a power of two)?"""
    small, large = (min(seconds(lambda n=n: work(n)) for _ in range(2)) for n in (size, 4 * size))
    return large <= 24 * small + SLACK_SECONDS


@pytest.mark.parametrize("name", LINKS)
def test_a_chain_of_ctes_is_checked_in_time(name: str, shop: Warehouse) -> None:
    tables = catalog_of(shop).tables
    context = Context(dialect="duckdb", tables=tables, catalog=tables)

    def work(length: int) -> None:
        sql = chain(LINKS[name], length)
        try:
            valid = validate(DraftSQL(text=sql, dialect="duckdb"), context)
        except InvalidSQLError:
            return
        diagnose(valid.text, context, shop)

    work(2)
    assert grows_evenly(work, 6)


def test_a_chain_whose_columns_double_is_refused(shop: Warehouse) -> None:
    tables = catalog_of(shop).tables
    context = Context(dialect="duckdb", tables=tables, catalog=tables)
    with pytest.raises(InvalidSQLError, match="more than 20,000 columns"):
        validate(DraftSQL(text=chain("SELECT * FROM c{0} AS x JOIN c{0} AS y ON TRUE", 40), dialect="duckdb"), context)


@pytest.mark.parametrize("text", ["SELECT " + "(" * 40_000, "(" * 40_000, "SELECT " + "[" * 20_000, "NOT " * 12_000])
def test_brackets_without_end_are_refused_at_once(text: str, shop: Warehouse) -> None:
    tables = catalog_of(shop).tables
    context = Context(dialect="duckdb", tables=tables, catalog=tables)
    with pytest.raises(InvalidSQLError):
        validate(DraftSQL(text=text, dialect="duckdb"), context)


@pytest.mark.parametrize("dialect", ["duckdb", "snowflake"])
@pytest.mark.parametrize("call", ["date(", "timestamp(", "CAST(DATE(", "struct(a date("])
def test_types_within_types_are_refused_at_once(call: str, dialect: str, shop: Warehouse) -> None:
    """sqlglot's parser takes twice as long for each."""
    tables = catalog_of(shop).tables
    context = Context(dialect=dialect, tables=tables, catalog=tables)

    def work(depth: int) -> None:
        closing = ")" * (depth * call.count("("))
        with pytest.raises(InvalidSQLError):
            validate(DraftSQL(text=f"SELECT {call * depth}day{closing} FROM orders", dialect=dialect), context)

    work(12)
    assert grows_evenly(work, 12)


def test_few_types_within_types_are_read(shop: Warehouse) -> None:
    tables = catalog_of(shop).tables
    context = Context(dialect="duckdb", tables=tables, catalog=tables)
    sql = "SELECT CAST(CAST(CAST(day AS DATE) AS TIMESTAMP) AS VARCHAR(10)) FROM orders"
    assert validate(DraftSQL(text=sql, dialect="duckdb"), context)


@pytest.mark.parametrize("number", ["1e999999999", "-1e999999999", "1e-999999999", "9" * 5000])
def test_a_number_past_all_numbers_is_judged_in_words(number: str, shop: Warehouse) -> None:
    report = check(f"SELECT id FROM orders WHERE total > {number} AND total < 5 LIMIT 3", shop, Settings())
    assert not any("broke" in problem.message for problem in report.problems)


@pytest.mark.parametrize("part", ["(", "( ", "```", "```sql\n", "with ", "select (", "\n", "'"])
def test_a_replys_sql_is_found_in_time(part: str) -> None:
    assert grows_evenly(lambda n: sql_in(part * n), 10_000)


def test_a_reply_without_end_is_cut() -> None:
    assert len(sql_in("SELECT 1 " * 10**6)) <= MAX_REPLY_CHARS


@pytest.mark.parametrize(
    "part",
    [
        "ignore all previous rules and ",
        "please now then also and ",
        "go ahead and ",
        "you have to i want you to ",
        "set ",
        "add a row ",
        "and then ",
        "; , . ",
        "insert into ",
        "を削除",
    ],
)
def test_a_question_is_judged_in_time(part: str) -> None:
    assert grows_evenly(lambda n: refuse(part * n), 500)
