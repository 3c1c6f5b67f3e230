"""A small trade in a real DuckDB file: names that say little, keys that nobody declared, and a file that says it all."""

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from sql_tools import Settings
from sql_tools.open_warehouse import open_warehouse
from sql_tools.semantic.apply import SemanticWarehouse
from sql_tools.semantic.read import read_text
from sql_tools.warehouses import Warehouse

ROWS = """
CREATE TABLE lines (nr INT, buyer INT, amount DECIMAL(9, 2), cut DECIMAL(3, 2), state VARCHAR, sold DATE);
CREATE TABLE parties (code INT, town VARCHAR, boss VARCHAR);
CREATE TABLE wages (boss VARCHAR, pay INT);
INSERT INTO lines VALUES (1, 1, 100, 0.1, 'open', '2026-01-05'), (2, 1, 50, 0, 'done', '2026-01-20'),
    (3, 2, 200, 0.5, 'done', '2026-02-01');
INSERT INTO parties VALUES (1, 'Oslo', 'Ann'), (2, 'Rome', 'Bob');
INSERT INTO wages VALUES ('Ann', 900), ('Bob', 800)
"""
FILE = """
name: trade
tables:
  - name: sales
    synonyms: [revenue, turnover]
    description: What was sold
    base_table: {database: TRADE, schema: MAIN, table: LINES}
    primary_key: {columns: [NR]}
    dimensions:
      - {name: nr, expr: NR, data_type: NUMBER}
      - {name: buyer, expr: BUYER, data_type: NUMBER}
      - {name: stage, synonyms: [phase], description: open until paid, expr: STATE, data_type: VARCHAR}
      - {name: is_big, expr: AMOUNT > 90, data_type: BOOLEAN, labels: [filter]}
    time_dimensions:
      - {name: sold_month, expr: "DATE_TRUNC('MONTH', SOLD)", data_type: DATE}
    facts:
      - {name: net, expr: AMOUNT * (1 - CUT), data_type: NUMBER}
    filters:
      - {name: settled, synonyms: [paid sales], expr: stage = 'done'}
    metrics:
      - {name: net_revenue, synonyms: [takings], expr: SUM(net)}
      - {name: deals, expr: COUNT(*)}
      - {name: margin_base, expr: SUM(AMOUNT), access_modifier: private_access}
  - name: clients
    synonyms: [customers]
    base_table: {database: TRADE, schema: MAIN, table: PARTIES}
    primary_key: {columns: [CODE]}
    dimensions:
      - {name: code, expr: CODE, data_type: NUMBER}
      - {name: city, expr: TOWN, data_type: VARCHAR}
relationships:
  - name: sales_to_clients
    left_table: sales
    right_table: clients
    relationship_columns: [{left_column: buyer, right_column: code}]
metrics:
  - {name: share_given_away, expr: 1 - sales.net_revenue / sales.margin_base}
verified_queries:
  - name: by_city
    question: What are the takings in each city?
    sql: SELECT city, SUM(net) AS takings FROM sales JOIN clients ON sales.buyer = clients.code GROUP BY city ORDER BY city
    verified_at: 1764201600
    verified_by: Ann
    use_as_onboarding_question: true
custom_instructions: You should always name months.
"""


@pytest.fixture(scope="session")
def trade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trade") / "trade.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(ROWS)
    return path


@pytest.fixture(scope="session")
def bare(trade: Path) -> Iterator[Warehouse]:
    """The warehouse without the file."""
    opened = open_warehouse(str(trade), Settings(cache_dir=trade.parent))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def lay(bare: Warehouse) -> Callable[[str], SemanticWarehouse]:
    """A semantic file's text, laid over it."""
    return lambda text: SemanticWarehouse(bare, read_text(text, source="trade.yaml"), "trade.yaml")


@pytest.fixture(scope="session")
def laid(lay: Callable[[str], SemanticWarehouse]) -> SemanticWarehouse:
    return lay(FILE)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trade.yaml"
    path.write_text(FILE)
    return path
