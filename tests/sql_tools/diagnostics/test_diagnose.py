"""Seeded defects x detected: fixtures/defects.sql holds title, SQL, and the check that must fail, or `!` the rule that
must refuse, with its words. What is RIGHT must pass everything."""

from pathlib import Path

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from sql_tools import Settings, ask, check
from sql_tools.copilot import CheckReport
from sql_tools.diagnostics.diagnose import ALL, diagnose
from sql_tools.errors import InvalidSQLError
from sql_tools.models import Context, DraftSQL
from sql_tools.validate import validate
from sql_tools.warehouses import Warehouse

FIXTURES = Path(__file__).parent / "fixtures"
BLOCKS = [block.strip().splitlines() for block in (FIXTURES / "defects.sql").read_text().split("\n\n")]
DEFECTS = [pytest.param(*block[1:], id=block[0][2:]) for block in BLOCKS if not block[0].startswith("# RIGHT")]
RIGHT = [pytest.param(block[1], id=block[0][9:]) for block in BLOCKS if block[0].startswith("# RIGHT")]


def looked_at(sql: str, warehouse: Warehouse) -> CheckReport:
    return check(sql, warehouse, Settings())


@pytest.mark.parametrize(("sql", "expected"), DEFECTS)
def test_a_seeded_defect_is_detected(sql: str, expected: str, shop: Warehouse) -> None:
    report = looked_at(sql, shop)
    name, _, words = expected.removeprefix("! ").partition(" | ")
    if expected.startswith("!"):
        assert [problem.rule for problem in report.problems] == [name]
        assert words in report.problems[0].message
    else:
        assert report.allowed, report.problems
        assert words in next(c.detail for c in report.checks if c.name == name)
        assert {c.name for c in report.checks if not c.passed} - {"limits_lose_nothing"} == {name} - {
            "limits_lose_nothing"
        }


@pytest.mark.parametrize("sql", RIGHT)
def test_right_sql_raises_no_doubt(sql: str, shop: Warehouse) -> None:
    report = looked_at(sql, shop)
    assert report.allowed, report.problems
    assert [c for c in report.checks if not c.passed] == []


@pytest.mark.parametrize(("sql", "expected"), [case for case in DEFECTS if case.values[1].startswith("! ")])
def test_what_is_refused_is_refused_without_asking_the_engine(sql: str, expected: str, shop: Warehouse) -> None:
    context = Context(dialect="duckdb", tables=shop.tables(), catalog=shop.tables())
    with pytest.raises(InvalidSQLError) as refused:
        validate(DraftSQL(text=sql, dialect="duckdb"), context)
    assert refused.value.rule == expected[2:].partition(" | ")[0]


def test_limit_without_order_is_odd_where_a_ranking_was_asked_for(shop: Warehouse) -> None:
    def odd(question: str) -> list[str]:
        context = Context(dialect="duckdb", question=question, tables=shop.tables(), catalog=shop.tables())
        return [c.name for c in diagnose("SELECT id FROM orders LIMIT 3", context, shop).checks if not c.passed]

    assert odd("Which are the three largest orders?") == ["limits_are_ordered"]
    assert odd("Show me three orders") == []


def test_every_doubt_is_a_check_of_its_own(shop: Warehouse) -> None:
    names = {c.name for c in looked_at("SELECT COUNT(*) FROM orders", shop).checks}
    assert {"each_row_counted_once", *(diagnostic.__name__ for diagnostic in ALL)} <= names


def test_snowflake_may_calculate_with_text_that_holds_numbers(shop: Warehouse) -> None:
    context = Context(dialect="snowflake", tables=shop.tables(), catalog=shop.tables())
    assert validate(DraftSQL(text='SELECT SUM("name") FROM "customers"', dialect="snowflake"), context)
    with pytest.raises(InvalidSQLError, match="calculates with text"):
        validate(DraftSQL(text="""SELECT "day" + 'a week' FROM "orders" """, dialect="snowflake"), context)


def test_an_answer_with_rows_counted_twice_offers_the_right_query(shop: Warehouse) -> None:
    sql = "SELECT SUM(o.total), SUM(p.amount) FROM orders o JOIN payments p ON p.order_id = o.id"
    answer = ask("What are the totals of orders and payments?", shop, FakeListChatModel(responses=[sql]), Settings())
    assert (answer.status, answer.rows) == ("answered", ((690, 552),))
    assert [c.name for c in answer.checks if not c.passed] == ["each_row_counted_once"]
    assert shop.run(answer.rewritten, max_rows=5, timeout_seconds=5).rows == ((550, 552),)


def test_the_offered_query_passes_its_own_checks(shop: Warehouse) -> None:
    first = looked_at(
        "SELECT o.status, SUM(o.total) FROM orders o JOIN payments p ON p.order_id = o.id GROUP BY 1", shop
    )
    second = looked_at(first.rewritten, shop)
    assert second.allowed
    assert [c for c in second.checks if not c.passed] == []


def test_a_doubt_that_breaks_costs_neither_the_answer_nor_the_others(
    shop: Warehouse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object) -> list[str]:
        raise KeyError("x")

    monkeypatch.setattr(f"{diagnose.__module__}.ALL", (broken, *ALL))
    context = Context(dialect="duckdb", tables=shop.tables(), catalog=shop.tables())
    found = diagnose("SELECT id FROM orders", context, shop).checks
    names = [check.name for check in found]
    assert names[-1] == ALL[-1].__name__
    (broken_check,) = (check for check in found if check.name == "broken")
    assert (broken_check.outcome, broken_check.detail) == ("not_checked", "it broke on this SQL (KeyError)")
    assert "broken broke" in caplog.text
