"""The card as a whole: what it lists, that it never costs the answer, and that it stays within its time."""

import time
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from sqlglot import parse_one

from sql_tools.copilot import ask
from sql_tools.errors import QueryTimeoutError
from sql_tools.models import Answer, Context, QueryResult
from sql_tools.proof.card import MAX_SECONDS, is_ordered, tables_used
from sql_tools.proof.join_evidence import join_evidence
from sql_tools.settings import Settings
from sql_tools.warehouses import Warehouse
from sql_tools.warehouses.probe import Probe

JOINED = "SELECT c.name, SUM(o.total) AS t FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.name"


def answered(warehouse: Warehouse, sql: str) -> Answer:
    settings = Settings(abstain_above=1)
    answer = ask("How much did each customer order?", warehouse, FakeListChatModel(responses=[sql]), settings)
    assert answer.status == "answered", answer.message
    return answer


def test_the_card_tells_tables_joins_columns_and_hashes(shop: Warehouse) -> None:
    card = answered(shop, JOINED).proof
    assert card is not None
    assert [(table.name, table.row_count) for table in card.tables] == [("customers", 4), ("orders", 10)]
    assert [(join.key, join.rows_before, join.rows_after) for join in card.joins] == [("declared", 4, 10)]
    assert [(c.name, [s.column for s in c.sources]) for c in card.columns] == [("name", ["name"]), ("t", ["total"])]
    assert all(len(digest) == 64 for digest in (card.sql_hash, card.rows_hash, card.catalog_hash, card.prompt_hash))


@pytest.mark.parametrize(
    "error", [KeyError("x"), AttributeError("x"), IndexError("x"), RecursionError(), ValueError("x")]
)
def test_no_failure_of_the_card_costs_the_answer(
    shop: Warehouse, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr("sql_tools.proof.card.lineage", fail)
    answer = answered(shop, JOINED)
    assert answer.proof is None
    assert len(answer.rows) == 4


class Slow:
    """An engine that takes all the time it is given, and a little more."""

    dialect = "duckdb"
    calls = 0

    def is_cheap(self, sql: str) -> bool:
        return True

    def run(self, sql: str, *, max_rows: int, timeout_seconds: float) -> QueryResult:
        self.calls += 1
        time.sleep(timeout_seconds + 0.05)
        raise QueryTimeoutError("Too slow.")


def test_counting_is_given_up_in_time(shop: Warehouse) -> None:
    tables = tuple(table.model_copy(update={"primary_key": ()}) for table in shop.tables())
    context = Context(dialect="duckdb", tables=tables, catalog=tables)
    sql = " UNION ALL ".join([JOINED] * 20)
    slow = Slow()
    found = join_evidence(parse_one(sql, read="duckdb"), context, Probe(slow, max_seconds=MAX_SECONDS))  # type: ignore[arg-type]
    assert len(found) == 20
    assert {join.rows_after for join in found} == {None}
    assert slow.calls == 1  # it takes all the time there is


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("WITH orders AS (SELECT 1 AS id) SELECT id FROM orders", []),
        ("WITH b AS (SELECT id FROM orders), orders AS (SELECT 1 AS id) SELECT b.id FROM b, orders", ["orders"]),
        ("SELECT 1 FROM customers WHERE id IN (SELECT customer_id FROM orders)", ["customers", "orders"]),
        ("SELECT a.id FROM staff a JOIN staff b ON a.id = b.manager_id", ["staff"]),
        ("SELECT 1", []),
    ],
)
def test_only_stored_tables_are_listed_once_each(shop: Warehouse, sql: str, names: list[str]) -> None:
    context = Context(dialect="duckdb", tables=shop.tables(), catalog=shop.tables())
    assert [table.name for table in tables_used(parse_one(sql, read="duckdb"), context)] == names


@pytest.mark.parametrize(
    ("sql", "ordered"),
    [
        ("SELECT a FROM t ORDER BY a", True),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a)", False),
        ("(SELECT a FROM t) ORDER BY a", True),
        ("SELECT a FROM t UNION SELECT a FROM u ORDER BY 1", True),
        ("WITH x AS (SELECT a FROM t ORDER BY a) SELECT a FROM x", False),
    ],
)
def test_only_the_outermost_order_counts(sql: str, ordered: bool) -> None:
    assert is_ordered(parse_one(sql, read="duckdb")) is ordered
