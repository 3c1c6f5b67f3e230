"""The same file in an account: the real Snowpark Session against the tests' server, which knows the documented fields."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel

from sql_tools import Settings, ask
from sql_tools.errors import WarehouseError
from sql_tools.semantic import semantics_of
from sql_tools.semantic.apply import SemanticWarehouse, with_semantics
from sql_tools.semantic.read import read_text
from sql_tools.semantic_authoring.check import check_semantics
from sql_tools.semantic_authoring.draft import draft
from sql_tools.semantic_authoring.write import yaml_text
from sql_tools.warehouses import Warehouse
from sql_tools.warehouses.snowflake import warehouse as snowflake

from .conftest import FILE as LOCAL_FILE
from .conftest import ROWS

FILE = LOCAL_FILE.replace("schema: MAIN", "schema: SALES")
VIEW = "TRADE.SALES.TRADE"
ROLES = {"ANALYST": ("LINES", "PARTIES"), "CLERK": ("LINES",), "OUTSIDER": ("LINES", "PARTIES")}
Open = Callable[..., Warehouse]


@pytest.fixture
def account(fake_snowflake: Any) -> Any:
    """The trade in an account, with the file as a semantic view that two of three roles may see."""
    grants = [
        statement
        for role, tables in ROLES.items()
        for statement in (
            f"CREATE ROLE {role}",
            f"GRANT USAGE ON WAREHOUSE COMPUTE_WH TO ROLE {role}",
            f"GRANT USAGE ON DATABASE TRADE TO ROLE {role}",
            f"GRANT USAGE ON SCHEMA TRADE.SALES TO ROLE {role}",
            *(f"GRANT SELECT ON TABLE TRADE.SALES.{table} TO ROLE {role}" for table in tables),
        )
    ]
    fake_snowflake.run(
        "CREATE DATABASE TRADE",
        "CREATE SCHEMA TRADE.SALES",
        "USE SCHEMA TRADE.SALES",
        *(" ".join(statement.split()) for statement in ROWS.strip().split(";")),
        *grants,
        f"CALL SYSTEM$CREATE_SEMANTIC_VIEW_FROM_YAML('TRADE.SALES', $${FILE}$$)",
        f"GRANT SELECT ON SEMANTIC VIEW {VIEW} TO ROLE ANALYST",
        f"GRANT SELECT ON SEMANTIC VIEW {VIEW} TO ROLE CLERK",
    )
    return fake_snowflake


@pytest.fixture
def opened(account: Any, tmp_path: Path) -> Iterator[Open]:
    """opened(role, semantic=...) -> the warehouse of that role under the file or view, closed after the test."""
    sessions = []

    def make(role: str = "ANALYST", semantic: str = VIEW) -> Warehouse:
        session = account.session(role, database="TRADE", schema="SALES")
        sessions.append(session)
        settings = Settings(cache_dir=tmp_path, semantic=semantic)
        return with_semantics(snowflake.from_session(session, settings), settings)

    yield make
    for session in sessions:
        session.connection.close()


def says(*replies: str) -> FakeListChatModel:
    return FakeListChatModel(responses=list(replies))


def test_the_accounts_view_answers_as_the_file_does_on_duckdb(
    opened: Open, laid: SemanticWarehouse, tmp_path: Path
) -> None:
    question, settings = "What are the takings in each city?", Settings(cache_dir=tmp_path)
    there, here = (ask(question, one, says("SELECT 1"), settings) for one in (opened(), laid))
    assert there.status == "answered", there.message
    assert [(town, float(n)) for town, n in there.rows] == [(town, float(n)) for town, n in here.rows]
    assert next(c.detail for c in there.checks if c.name == "verified_query").startswith(
        "verified by Ann on 2025-11-27, in TRADE.SALES.TRADE"
    )
    assert there.proof is not None
    assert [join.key for join in there.proof.joins] == ["declared"]


def test_a_draft_with_a_metrics_name_runs_there(opened: Open, tmp_path: Path) -> None:
    answer = ask("What are the takings?", opened(), says("SELECT takings FROM sales"), Settings(cache_dir=tmp_path))
    assert float(answer.rows[0][0]) == 240.0, answer.message


def test_a_role_gets_nothing_of_the_view_that_its_tables_do_not_hold(opened: Open) -> None:
    clerk = opened("CLERK")
    seen = str(clerk.tables()) + str(semantics_of(clerk)) + str(clerk.notes)
    assert "net_revenue" in seen
    for secret in ("clients", "customers", "city", "TOWN", "PARTIES", "each city"):
        assert secret not in seen, secret


def test_a_role_that_may_not_see_the_view_is_refused_by_snowflake(opened: Open) -> None:
    with pytest.raises(WarehouseError, match="cannot be read: An object does not exist"):
        opened("OUTSIDER")


def test_a_drafted_file_is_one_that_the_account_takes(opened: Open, account: Any, tmp_path: Path) -> None:
    bare = opened(semantic="")
    text = yaml_text(draft(bare.tables(), name="drafted", dialect="snowflake"))
    assert check_semantics(text, bare, Settings(cache_dir=tmp_path), source="d").problems == ()
    account.run("USE SCHEMA TRADE.SALES", f"CALL SYSTEM$CREATE_SEMANTIC_VIEW_FROM_YAML('TRADE.SALES', $${text}$$)")
    again = read_text(text, source="d")
    assert [table.base_table.table for table in again.tables] == ["LINES", "PARTIES"]


def test_the_file_holds_in_the_account_as_well(opened: Open, tmp_path: Path) -> None:
    report = check_semantics(FILE, opened(semantic=""), Settings(cache_dir=tmp_path), source="f")
    assert (report.problems, report.definitions) == ((), 13)
