"""Statements that tried to be more than a read: 2,011, of both dialects, our own after public reports and a review.

Each goes through `check`, as `check --file` does, and through `ask` with a model that writes exactly it. DuckDB's run on a
real file; Snowflake's are judged without an engine (its own opinion comes on top, and cannot be had here).
"""

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from sql_tools import Settings, ask, check, open_warehouse
from sql_tools.models import Column, QueryResult, Table
from sql_tools.warehouses import Warehouse

FILE = Path(__file__).parent / "fixtures" / "statements.jsonl"
STATEMENTS = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
ROWS = """
CREATE TYPE mood AS ENUM ('happy', 'sad');
CREATE TABLE orders (id INTEGER, customer_id INTEGER, note VARCHAR, ts TIMESTAMP, d DATE, m mood, amount DECIMAL(10, 2),
    tags VARCHAR[], j JSON, s STRUCT(a INTEGER, b VARCHAR));
INSERT INTO orders VALUES (1, 1, 'x', '2024-01-01', '2024-01-01', 'happy', 5, ['a'], '{}', {'a': 1, 'b': 'z'});
CREATE TABLE customers (id INTEGER, name VARCHAR, secret VARCHAR);
INSERT INTO customers VALUES (1, 'Ann', 's3')
"""
# Where the file says otherwise. In six, sqlglot drops the attack by itself; we refuse what loses a part. The last is a read: what
# the chat must not do with its rows is tested there.
OTHERWISE = dict.fromkeys(("r1950", "r1951", "r1952", "r1953", "r1963", "r1986"), False) | {"r2022": True}


class Counting:
    """A warehouse that counts what is sent to run."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse, self.ran = warehouse, list[str]()

    def __getattr__(self, name: str) -> object:
        return getattr(self.warehouse, name)

    def run(self, sql: str, **options: float) -> QueryResult:
        self.ran.append(sql)
        return self.warehouse.run(sql, **options)  # type: ignore[arg-type]


class Snowflake:
    """Tables of an account, and an engine that answers everything with no rows."""

    name, dialect, remote, notes, role = "account", "snowflake", True, (), "ANALYST"

    def tables(self) -> tuple[Table, ...]:
        return (
            _table("ORDERS", ID="NUMBER", CUSTOMER_ID="NUMBER", NOTE="VARCHAR", D="DATE", AMOUNT="NUMBER", J="VARIANT"),
            _table("CUSTOMERS", ID="NUMBER", NAME="VARCHAR", SECRET="VARCHAR"),
            _table("CUSTOMER", database="SHOP", C_CUSTKEY="NUMBER", C_NAME="VARCHAR"),
        )

    def explain(self, sql: str) -> None:
        return None

    def is_cheap(self, sql: str) -> bool:
        return False

    def run(self, sql: str, *, max_rows: int, timeout_seconds: float) -> QueryResult:
        return QueryResult(columns=(), rows=(), truncated=False, seconds=0)

    def close(self) -> None:
        pass


def _table(name: str, database: str = "DB", **columns: str) -> Table:
    found = tuple(Column(name=column, type=kind) for column, kind in columns.items())
    here = database == "DB"
    return Table(
        database=database,
        schema_name="PUBLIC",
        name=name,
        in_default_schema=here,
        in_default_database=here,
        columns=found,
    )


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(cache_dir=tmp_path_factory.mktemp("cache"), max_repairs=0, abstain_above=1)


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Iterator[dict[str, Warehouse]]:
    path = tmp_path_factory.mktemp("redteam") / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(ROWS)
    opened = open_warehouse(str(path), settings)
    yield {"duckdb": opened, "snowflake": Snowflake()}
    opened.close()


def is_right(statement: dict[str, object], allowed: bool) -> bool:
    return allowed == OTHERWISE.get(str(statement["id"]), statement["allowed"])


@pytest.mark.parametrize("dialect", ["duckdb", "snowflake"])
def test_check_allows_the_reads_and_nothing_else(
    dialect: str, engines: dict[str, Warehouse], settings: Settings
) -> None:
    chosen = [statement for statement in STATEMENTS if statement["dialect"] == dialect]
    verdicts = [(s, check(s["sql"], engines[dialect], settings, ask_data=False)) for s in chosen]
    assert len(verdicts) > 600
    assert [(s["id"], s["sql"], v.problems) for s, v in verdicts if not is_right(s, v.allowed)] == []


@pytest.mark.parametrize("dialect", ["duckdb", "snowflake"])
def test_a_model_that_writes_them_gets_only_the_reads_run(
    dialect: str, engines: dict[str, Warehouse], settings: Settings
) -> None:
    wrong = []
    for statement in (s for s in STATEMENTS if s["dialect"] == dialect):
        warehouse = Counting(engines[dialect])
        model = FakeListChatModel(responses=[f"```sql\n{statement['sql']}\n```"])
        answer = ask("What is asked of orders?", warehouse, model, settings)  # type: ignore[arg-type]
        allowed = OTHERWISE.get(statement["id"], statement["allowed"])
        if (bool(warehouse.ran) and not allowed) or (allowed and answer.status != "answered"):
            wrong.append((statement["id"], answer.status, answer.message, warehouse.ran[:1]))
    assert wrong == []
