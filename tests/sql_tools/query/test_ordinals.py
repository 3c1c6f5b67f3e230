"""Numbers in GROUP BY and ORDER BY: what they mean, and what happens where they mean nothing."""

import re

import pytest
from sqlglot import parse_one

from sql_tools.copilot import check
from sql_tools.models import Context
from sql_tools.proof.describe import reading
from sql_tools.query.conditions import output_at
from sql_tools.settings import Settings
from sql_tools.warehouses import Warehouse


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT region FROM customers GROUP BY 5",
        "SELECT region FROM customers GROUP BY 0",
        "SELECT region FROM customers ORDER BY 5",
        "SELECT region FROM customers UNION SELECT region FROM rates ORDER BY 3",
    ],
)
def test_a_position_that_names_nothing_is_refused_in_words(shop: Warehouse, sql: str) -> None:
    report = check(sql, shop, Settings())
    assert not report.allowed
    assert re.search("names no output column|out of range", report.problems[0].message)


def test_an_aggregate_may_have_a_filter_of_its_own(shop: Warehouse) -> None:
    assert check("SELECT SUM(total) FILTER (WHERE status = 'open') FROM orders", shop, Settings()).allowed
    assert not check("SELECT day, SUM(total) FILTER (WHERE status = 'open') FROM orders", shop, Settings()).allowed


@pytest.mark.parametrize(
    ("sql", "position", "output"),
    [("SELECT a, b", 2, "b"), ("SELECT a, b", 3, None), ("SELECT a", 0, None), ("SELECT *, b", 2, None), ("SELECT b, *", 1, "b")],
)  # fmt: skip
def test_a_position_after_a_star_is_not_guessed(sql: str, position: int, output: str | None) -> None:
    found = output_at(position, parse_one(f"{sql} FROM t"))
    assert (found.sql() if found is not None else None) == output


def test_the_reading_does_not_guess_it_either() -> None:
    tree = parse_one("SELECT *, b FROM t ORDER BY 2", read="duckdb")
    assert "in order of column 2 of the result" in reading(tree, Context(dialect="duckdb", tables=(), catalog=()))
