"""Names of the file in SQL become what they stand for; stored names stay."""

from collections.abc import Callable

import pytest

from sql_tools import Settings, check
from sql_tools.semantic.apply import SemanticWarehouse
from sql_tools.warehouses import Warehouse

from .conftest import FILE

NET = "SUM(sales.amount * (1 - sales.cut))"


def written(sql: str, warehouse: Warehouse) -> str:
    report = check(sql, warehouse, Settings(), ask_data=False)
    assert report.allowed, report.problems
    return " ".join(report.sql.split()).replace("( ", "(").replace(" )", ")")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT net_revenue FROM sales", f"SELECT {NET} AS net_revenue FROM lines AS sales"),
        ("SELECT takings FROM sales", f"SELECT {NET} AS takings FROM lines AS sales"),
        ("SELECT SUM(net_revenue) AS x FROM sales", f"SELECT {NET} AS x FROM lines AS sales"),
        ("SELECT AGG(net_revenue) AS x FROM sales", f"SELECT {NET} AS x FROM lines AS sales"),
        ("SELECT net_revenue / 2 AS half FROM sales", f"SELECT {NET} / 2 AS half FROM lines AS sales"),
        ("SELECT -1 * share_given_away AS x FROM sales",
         f"SELECT -1 * (1 - {NET} / SUM(sales.amount)) AS x FROM lines AS sales"),
        ("SELECT stage, net FROM lines AS l", "SELECT l.state AS stage, l.amount * (1 - l.cut) AS net FROM lines AS l"),
        ("SELECT l.stage FROM lines AS l WHERE l.settled", "SELECT l.state AS stage FROM lines AS l WHERE l.state = 'done'"),
        ("SELECT amount FROM lines WHERE NOT settled", "SELECT amount FROM lines WHERE NOT (lines.state = 'done')"),
        ("SELECT sold_month, COUNT(*) FROM sales GROUP BY sold_month ORDER BY sold_month",
         "SELECT DATE_TRUNC('MONTH', sales.sold) AS sold_month, COUNT(*) FROM lines AS sales GROUP BY sold_month ORDER BY sold_month"),
        ("SELECT x.net_revenue FROM (SELECT net_revenue FROM sales) AS x",
         f"SELECT x.net_revenue FROM (SELECT {NET} AS net_revenue FROM lines AS sales) AS x"),
        ("WITH __sales AS (SELECT net AS n FROM __sales AS s) SELECT SUM(n) FROM __sales",
         "WITH __sales AS (SELECT s.amount * (1 - s.cut) AS n FROM lines AS s) SELECT SUM(n) FROM __sales"),
        ("SELECT c.city, SUM(net) AS t FROM sales JOIN clients AS c ON sales.buyer = c.code GROUP BY c.city",
         "SELECT c.town AS city, SUM(sales.amount * (1 - sales.cut)) AS t FROM lines AS sales JOIN parties AS c ON sales.buyer = c.code GROUP BY c.town"),
        ("SELECT amount AS net FROM lines ORDER BY net", "SELECT amount AS net FROM lines ORDER BY net"),
        ("WITH sales AS (SELECT 1 AS net) SELECT net FROM sales", "WITH sales AS (SELECT 1 AS net) SELECT net FROM sales"),
    ],
)  # fmt: skip
def test_a_name_stands_for_its_expression(laid: SemanticWarehouse, sql: str, expected: str) -> None:
    assert written(sql, laid) == expected


def test_without_the_file_the_names_mean_nothing(bare: Warehouse) -> None:
    assert not check("SELECT net_revenue FROM lines", bare, Settings()).allowed


def test_a_stored_name_wins_over_one_of_the_file(lay: Callable[[str], SemanticWarehouse]) -> None:
    shadowing = lay(FILE.replace("{name: net, expr: AMOUNT * (1 - CUT)", "{name: amount, expr: AMOUNT / 100"))
    assert written("SELECT SUM(amount) AS s FROM lines", shadowing) == "SELECT SUM(amount) AS s FROM lines"


def test_of_two_aliases_of_a_table_neither_is_guessed(laid: SemanticWarehouse) -> None:
    report = check("SELECT net FROM lines AS a JOIN lines AS b ON a.nr = b.nr", laid, Settings())
    assert [problem.rule for problem in report.problems] == ["known_columns"]


def test_what_a_name_stands_for_meets_the_same_checks(lay: Callable[[str], SemanticWarehouse]) -> None:
    calls = lay(FILE.replace("AMOUNT * (1 - CUT)", "\"GETENV('HOME')\""))
    report = check("SELECT net FROM sales", calls, Settings())
    assert (report.allowed, report.problems[0].rule) == (False, "only_known_functions")


def test_a_table_of_the_file_may_be_a_query(lay: Callable[[str], SemanticWarehouse]) -> None:
    text = FILE.replace(
        "relationships:",
        """  - name: done_sales
    base_table: {definition: "SELECT BUYER, AMOUNT AS PAID FROM LINES WHERE STATE = 'done'"}
    dimensions: [{name: buyer, expr: BUYER, data_type: NUMBER}]
    facts: [{name: paid, expr: PAID, data_type: NUMBER}]
    metrics: [{name: paid_in_all, expr: SUM(paid)}]
relationships:""",
    )
    sql = written("SELECT buyer, paid_in_all FROM done_sales GROUP BY buyer", lay(text))
    assert sql == (
        "SELECT done_sales.BUYER AS buyer, SUM(done_sales.PAID) AS paid_in_all FROM (SELECT BUYER, AMOUNT AS PAID "
        "FROM LINES WHERE STATE = 'done') AS done_sales GROUP BY buyer"
    )


def test_a_query_over_what_is_not_there_is_no_table(lay: Callable[[str], SemanticWarehouse]) -> None:
    text = FILE.replace(
        "base_table: {database: TRADE, schema: MAIN, table: PARTIES}", "base_table: {definition: SELECT * FROM gone}"
    )
    assert not check("SELECT city FROM clients", lay(text), Settings()).allowed
