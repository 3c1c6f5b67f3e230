"""Why nothing was found, said of a shop whose rows are known: fixtures/shop.sql."""

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from sql_tools import Settings, ask
from sql_tools.diagnostics.empty_result import is_empty, why_empty
from sql_tools.models import Answer, Context
from sql_tools.warehouses import Warehouse


def why(sql: str, warehouse: Warehouse) -> str:
    assert is_empty(warehouse.run(sql, max_rows=5, timeout_seconds=5), sql, "duckdb")
    return why_empty(sql, Context(dialect="duckdb", tables=warehouse.tables(), catalog=warehouse.tables()), warehouse)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "SELECT id FROM customers WHERE name = 'ann' AND credit < 900",
            "No row meets name = 'ann'; the nearest stored value is 'Ann' (1 row).",
        ),
        ("SELECT id FROM customers WHERE region = 'North'", "No row meets region = 'North'; region is one of 'N', 'S'."),
        (
            "SELECT id FROM customers WHERE name LIKE '%Anne%'",
            "No row meets name LIKE '%Anne%'; the nearest stored value is 'Ann' (1 row).",
        ),
        (
            "SELECT COUNT(*) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.name = 'Bop'",
            "No row meets c.name = 'Bop'; the nearest stored value is 'Bob' (1 row).",
        ),
        ("SELECT SUM(total) FROM orders WHERE total > 500", "No row meets total > 500; total of orders lies between 10 and 100."),
        (
            "SELECT id FROM orders WHERE day > DATE '2030-01-01'",
            "No row meets day > CAST('2030-01-01' AS DATE); day of orders lies between 2026-01-02 and 2026-01-11.",
        ),
        (
            "SELECT id FROM orders WHERE status = 'open' AND total = 10",
            "Rows meet status = 'open', rows meet total = 10, but no row meets all conditions.",
        ),
        (
            "SELECT id FROM orders WHERE status = 'open' AND customer_id = 1 AND total < 30",
            "Rows meet customer_id = 1, rows meet total < 30, but no row meets all conditions.",
        ),
        (
            "SELECT id FROM orders WHERE id IN (SELECT order_id FROM payments WHERE kind = 'cheque')",
            "No row meets id IN (SELECT order_id FROM payments WHERE kind = 'cheque'). "
            "No row meets kind = 'cheque'; kind is one of 'card', 'cash'.",
        ),
        (
            "SELECT status FROM orders GROUP BY status HAVING COUNT(*) > 50",
            "Rows are found, but no group meets COUNT(*) > 50.",
        ),
        (
            "SELECT COUNT(*) FROM orders o JOIN shipments s ON s.order_id = o.id WHERE o.total BETWEEN 50 AND 60",
            "Rows of orders meet o.total BETWEEN 50 AND 60, but none of those has a row in shipments.",
        ),
        (
            "SELECT id FROM orders WHERE total = (SELECT weight FROM shipments ORDER BY weight LIMIT 1)",
            "No row meets total = (SELECT weight FROM shipments ORDER BY weight LIMIT 1).",
        ),
        ("SELECT id FROM orders LIMIT 5 OFFSET 50", "Rows are found, but OFFSET skips all of them."),
        ("SELECT id FROM drafts WHERE id > 3", "drafts holds no rows."),
        (
            "SELECT o.id FROM orders o JOIN customers c ON o.id = c.id * 100",
            "The join of orders and customers finds no rows that belong together.",
        ),
        (
            "SELECT id FROM orders INTERSECT SELECT id FROM tags WHERE label = 'old'",
            "The second of the two queries finds no rows.",
        ),
        (
            "SELECT id FROM tags EXCEPT SELECT id FROM orders",
            "Both queries find rows, but EXCEPT takes the second side's rows away.",
        ),
        ("WITH big AS (SELECT * FROM orders WHERE total > 90) SELECT id FROM big WHERE status = 'opn'", "No row meets status = 'opn'; the nearest stored value is 'open' (5 rows)."),
    ],
)  # fmt: skip
def test_the_condition_that_emptied_a_result_is_named(sql: str, reason: str, shop: Warehouse) -> None:
    assert why(sql, shop) == reason


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 0",
        "SELECT total - 10 FROM orders WHERE id = 1",
        "SELECT status, SUM(total) - SUM(total) FROM orders WHERE id = 1 GROUP BY status",
        "SELECT COUNT(*) FROM orders",
    ],
)
def test_a_zero_that_was_computed_from_rows_is_not_empty(sql: str, shop: Warehouse) -> None:
    assert not is_empty(shop.run(sql, max_rows=5, timeout_seconds=5), sql, "duckdb")


def answered(sql: str, warehouse: Warehouse) -> Answer:
    return ask("What about the orders?", warehouse, FakeListChatModel(responses=[sql]), Settings())


def test_the_answer_says_why_nothing_matches(shop: Warehouse) -> None:
    answer = answered("SELECT id FROM orders WHERE total > 500", shop)
    assert answer.message == "No rows match. No row meets total > 500; total of orders lies between 10 and 100."


def test_a_count_of_nothing_says_why(shop: Warehouse) -> None:
    answer = answered("SELECT COUNT(*) FROM orders WHERE total > 500", shop)
    assert (answer.rows, answer.message) == (
        ((0,),),
        "0. No row meets total > 500; total of orders lies between 10 and 100.",
    )
