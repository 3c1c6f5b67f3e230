"""Snowflake as a warehouse: the real Snowpark Session and connector, against the tests' protocol server."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from sql_tools import Answer, Settings, ask, check
from sql_tools.errors import QueryTimeoutError, SettingsError, StaleCatalogError, UnavailableError, WarehouseError
from sql_tools.evaluation.score import compare_rows
from sql_tools.open_warehouse import open_warehouse
from sql_tools.warehouses.snowflake import warehouse as snowflake
from sql_tools.warehouses.snowflake.warehouse import SnowflakeWarehouse

SHOP = (
    "CREATE TABLE CUSTOMERS (ID INTEGER PRIMARY KEY, NAME VARCHAR, COUNTRY VARCHAR)",
    "CREATE TABLE ORDERS (ID INTEGER PRIMARY KEY, CUSTOMER_ID INTEGER REFERENCES CUSTOMERS(ID), TOTAL DECIMAL(9,2), PLACED DATE)",
    "INSERT INTO CUSTOMERS VALUES (1, 'Ann', 'haiti'), (2, 'Bob', 'France'), (3, 'Cy', 'France')",
    "INSERT INTO ORDERS VALUES (1, 1, 10.5, '2024-01-05'), (2, 1, 4.5, '2024-02-05'), (3, 2, 7, '2024-02-06'), (4, 2, NULL, NULL)",
)
HERE = {"database": "SHOP", "schema": "PUBLIC"}
COUNT = "SELECT COUNT(*) AS N FROM ORDERS"

Open = Callable[..., SnowflakeWarehouse]


@pytest.fixture
def account(fake_snowflake: Any) -> Any:
    """The server with a small shop, and a role that may read it all."""
    fake_snowflake.run(
        "CREATE DATABASE SHOP",
        "USE SCHEMA SHOP.PUBLIC",
        *SHOP,
        "COMMENT ON TABLE CUSTOMERS IS 'who buys'",
        "ALTER TABLE CUSTOMERS MODIFY COLUMN NAME COMMENT 'full name'",
        "CREATE ROLE READER",
        "GRANT USAGE ON WAREHOUSE COMPUTE_WH TO ROLE READER",
        "GRANT USAGE ON DATABASE SHOP TO ROLE READER",
        "GRANT USAGE ON SCHEMA SHOP.PUBLIC TO ROLE READER",
        "GRANT SELECT ON ALL TABLES IN SCHEMA SHOP.PUBLIC TO ROLE READER",
    )
    return fake_snowflake


@pytest.fixture
def opened(account: Any, settings: Settings) -> Iterator[Open]:
    """opened(role=..., **settings) -> a warehouse over a Session of that role, closed after the test."""
    warehouses: list[tuple[SnowflakeWarehouse, Any]] = []

    def make(role: str = "READER", place: Any = HERE, **changed: Any) -> SnowflakeWarehouse:
        session = account.session(role, **place)
        warehouse = snowflake.from_session(session, settings.model_copy(update=changed))
        warehouses.append((warehouse, session))
        return warehouse

    yield make
    for warehouse, session in warehouses:
        warehouse.close()
        session.connection.close()


def says(*replies: str) -> FakeListChatModel:
    return FakeListChatModel(responses=list(replies))


def test_tables_come_with_comments_keys_types_and_values(opened: Open) -> None:
    customers, orders = opened().tables()
    assert customers.comment == "who buys"
    assert [(c.name, c.type, c.comment) for c in customers.columns][1] == ("NAME", "VARCHAR", "full name")
    assert customers.columns[2].values == ("France", "haiti")
    assert (customers.primary_key, customers.row_count, customers.path) == (("ID",), 3, ("CUSTOMERS",))
    assert [c.type for c in orders.columns] == ["NUMBER", "NUMBER", "NUMBER(9,2)", "DATE"]
    (key,) = orders.foreign_keys
    assert (key.columns, key.target_table, key.target_columns) == (("CUSTOMER_ID",), "CUSTOMERS", ("ID",))


QUESTIONS = {
    "How many orders are there?": "select count(*) from orders",
    "What did each customer spend?": "select c.name, sum(o.total) from customers c left join orders o on o.customer_id = c.id group by c.name",
    "Which customers are in Haiti?": "SELECT name FROM customers WHERE country = 'haiti'",
    "Show all orders, newest first": "select id, total, placed from orders order by placed desc nulls last",
    "Orders per month?": "select date_trunc('month', placed) as month, count(*) as n from orders group by 1 order by 1",
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_has_the_rows_duckdb_has(opened: Open, settings: Settings, tmp_path: Path, question: str) -> None:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute(";".join(SHOP))
    here = open_warehouse(str(tmp_path / "shop.duckdb"), settings)
    answers = [ask(question, w, says(QUESTIONS[question]), settings) for w in (opened(), here)]
    here.close()
    theirs, ours = (answer.rows for answer in answers)
    assert [answer.status for answer in answers] == ["answered", "answered"], answers[0].message
    assert compare_rows(_plain(ours), _plain(theirs), "order by" in QUESTIONS[question])


def _plain(rows: Any) -> list[tuple[Any, ...]]:
    """Dates as text: one engine truncates to a timestamp where the other keeps the date."""
    return [tuple(str(cell)[:10] if hasattr(cell, "year") else cell for cell in row) for row in rows]


def test_the_proof_card_names_role_query_and_what_would_be_read(opened: Open, account: Any, settings: Settings) -> None:
    answer = ask("How many orders are there?", opened(), says(COUNT), settings)
    assert answer.proof is not None
    (ran,) = [ran for ran in account.log("COUNT") if ran["query_id"] == answer.proof.query_id]
    assert (ran["sql"], ran["role"], answer.proof.role) == (answer.sql, "READER", "READER")
    assert "it reads at most" in next(c.detail for c in answer.checks if c.name == "engine_explain")


def test_each_statement_carries_its_tag_time_limit_and_row_cap_and_nothing_stays_set(
    opened: Open, account: Any, settings: Settings
) -> None:
    capped = settings.model_copy(update={"max_rows": 2, "timeout_seconds": 7})
    answer = ask("Show all orders", opened(), says("SELECT ID FROM ORDERS"), capped)
    assert (answer.row_count, answer.truncated) == (2, True)
    ran = next(r for r in account.log("ORDERS") if r["sql"].startswith("SELECT ID"))
    tag = json.loads(ran["tag"])
    assert (tag["app"], tag["stage"]) == ("arctic-copilot", "execute")
    assert len(tag["request"]) == 32
    assert ran["parameters"]["STATEMENT_TIMEOUT_IN_SECONDS"] == "7"
    assert ran["parameters"]["ROWS_PER_RESULTSET"] == "3"
    assert not account.log("ALTER SESSION")


@pytest.fixture
def large(account: Any) -> Any:
    """The account, whose ORDERS are said to take 120 GB."""
    account.ask("stats", table=["SHOP", "PUBLIC", "ORDERS"], bytes=120 * 10**9, partitions=7000)
    return account


def test_over_the_budget_the_answer_asks_for_consent_and_nothing_ran(
    opened: Open, large: Any, settings: Settings
) -> None:
    answer = ask("How many orders are there?", opened(sample_seconds=0), says(COUNT), settings)
    assert answer.status == "clarify"
    assert "at most 120.0 GB in 7,000 of 7,000 partitions" in answer.message
    assert "--allow-scan-gb 120" in answer.message
    assert "one month by PLACED" in answer.message
    assert "FROM ORDERS" in answer.sql
    assert {ran["sql"][:7] for ran in large.log("FROM ORDERS")} == {"EXPLAIN"}
    agreed = opened(allow_scan_gb=120, sample_seconds=0)
    assert ask("How many orders are there?", agreed, says(COUNT), settings).rows == ((4,),)


def test_check_says_that_a_query_is_over_its_roles_budget(opened: Open, large: Any, settings: Settings) -> None:
    report = check(COUNT, opened(role_scan_gb="READER=100", max_scan_gb=500, sample_seconds=0), settings)
    assert (report.allowed, report.problems[0].rule) == (False, "scan_budget")


def test_what_costs_is_not_run_to_find_out_about_keys(opened: Open, large: Any) -> None:
    warehouse = opened(sample_seconds=0)
    assert not warehouse.is_cheap(COUNT)
    assert warehouse.is_cheap("SELECT 1 FROM CUSTOMERS")


def test_the_catalogs_own_views_are_bound_without_a_plan(opened: Open, settings: Settings) -> None:
    system = opened(allow_system_tables=True)
    system.explain("SELECT TABLE_NAME FROM SHOP.INFORMATION_SCHEMA.TABLES")
    with pytest.raises(WarehouseError):
        system.explain("SELECT NOPE FROM SHOP.INFORMATION_SCHEMA.TABLES")


def test_a_query_past_its_limit_is_stopped_and_said_to_be(opened: Open, account: Any) -> None:
    warehouse = opened()
    account.slow("COUNT", 30)
    started = time.monotonic()
    with pytest.raises(QueryTimeoutError, match="limit of 1 s") as caught:
        warehouse.run(COUNT, max_rows=1, timeout_seconds=1)
    assert time.monotonic() - started < 6
    assert caught.value.query_id
    assert account.log("COUNT")[-1]["status"] == "FAIL"


def test_a_query_the_server_does_not_stop_is_cancelled_from_here(opened: Open, account: Any, monkeypatch: Any) -> None:
    warehouse = opened()
    account.slow("COUNT", 30)
    monkeypatch.setattr("sql_tools.warehouses.snowflake.statements._parameters", lambda rows, seconds: {})
    with pytest.raises(QueryTimeoutError):
        warehouse.run(COUNT, max_rows=1, timeout_seconds=1)
    assert account.log("COUNT")[-1]["status"] == "FAIL"


def test_ctrl_c_cancels_the_query_in_the_account(opened: Open, account: Any) -> None:
    warehouse = opened()
    account.slow("COUNT", 30)
    threading.Timer(0.7, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        warehouse.run(COUNT, max_rows=1, timeout_seconds=20)
    _until(lambda: account.log("COUNT")[-1]["status"] == "FAIL")
    account.clear_faults()
    assert warehouse.run(COUNT, max_rows=1, timeout_seconds=5).rows == ((4,),)


def _until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_a_table_dropped_since_is_said_to_be_gone_and_the_catalog_read_again(opened: Open, account: Any) -> None:
    warehouse = opened()
    assert len(warehouse.tables()) == 2
    account.run("DROP TABLE SHOP.PUBLIC.ORDERS")
    with pytest.raises(StaleCatalogError, match=r"ORDERS does not exist.*has been read again"):
        warehouse.explain(COUNT)
    assert [table.name for table in warehouse.tables()] == ["CUSTOMERS"]


def test_a_column_renamed_since_is_read_again_and_the_question_asked_once_more(
    opened: Open, account: Any, settings: Settings
) -> None:
    warehouse = opened()
    warehouse.tables()
    account.run("ALTER TABLE SHOP.PUBLIC.ORDERS RENAME COLUMN TOTAL TO AMOUNT")
    answer = ask(
        "What is the total of all orders?",
        warehouse,
        says("SELECT SUM(TOTAL) FROM ORDERS", "SELECT SUM(AMOUNT) FROM ORDERS"),
        settings,
    )
    assert (answer.status, [float(cell) for cell in answer.rows[0]]) == ("answered", [22.0])
    assert "has been read again" in next(c.detail for c in answer.checks if c.name == "catalog")


def test_a_name_that_never_was_is_an_error_of_the_sql_alone(opened: Open) -> None:
    warehouse = opened()
    before = warehouse.tables()
    with pytest.raises(WarehouseError, match="NOPE does not exist, or your role may not read it"):
        warehouse.explain("SELECT 1 FROM NOPE")
    assert warehouse.tables() is before


def test_a_role_without_grants_is_told_what_it_lacks(opened: Open, account: Any) -> None:
    account.run("CREATE ROLE NOBODY", "GRANT USAGE ON WAREHOUSE COMPUTE_WH TO ROLE NOBODY")
    with pytest.raises((WarehouseError, SettingsError)) as caught:
        opened("NOBODY", {}, snowflake_schemas="SHOP.PUBLIC").tables()
    assert caught.value.hint
    assert "ORDERS" not in str(caught.value)


def test_a_session_without_a_database_says_which_there_are(opened: Open) -> None:
    with pytest.raises(SettingsError, match="names no database; there are SHOP"):
        opened("READER", {}).tables()


def test_a_suspended_warehouse_says_what_to_name(opened: Open, account: Any) -> None:
    warehouse = opened(sample_seconds=0)
    warehouse.tables()
    account.run("ALTER WAREHOUSE COMPUTE_WH SET AUTO_RESUME = FALSE", "ALTER WAREHOUSE COMPUTE_WH SUSPEND")
    with pytest.raises(WarehouseError, match="No Snowflake warehouse is running") as caught:
        warehouse.run(COUNT, max_rows=1, timeout_seconds=5)
    assert "warehouse" in caught.value.hint


def test_no_model_is_asked_for_other_sql_where_none_can_run(opened: Open, account: Any, settings: Settings) -> None:
    warehouse = opened(sample_seconds=0)
    warehouse.tables()
    account.run("ALTER WAREHOUSE COMPUTE_WH SET AUTO_RESUME = FALSE", "ALTER WAREHOUSE COMPUTE_WH SUSPEND")
    model = says(COUNT, "SELECT 1 FROM ORDERS")
    with pytest.raises(UnavailableError):
        ask("How many orders are there?", warehouse, model, settings)
    assert model.i == 1


def test_a_token_that_expired_is_renewed_by_the_connector_or_said_to_be(opened: Open, account: Any) -> None:
    warehouse = opened()
    account.expire("READER_USER")
    assert warehouse.run(COUNT, max_rows=1, timeout_seconds=5).rows == ((4,),)
    account.expire("READER_USER", for_good=True)
    with pytest.raises(WarehouseError, match="token has expired") as caught:
        warehouse.run(COUNT, max_rows=1, timeout_seconds=5)
    assert "Sign in again" in caught.value.hint


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)  # the connector's own, which cancels in vain
def test_a_network_cut_in_mid_query_is_an_error_within_the_limit(account: Any, settings: Settings) -> None:
    with account.line() as line:
        session = account.session("READER", **HERE, port=line.port)
        warehouse = snowflake.from_session(session, settings)
        account.slow("COUNT", 30)
        threading.Timer(0.5, line.cut).start()
        started = time.monotonic()
        with pytest.raises(UnavailableError, match=r"broke off|cannot be reached|limit") as caught:
            warehouse.run(COUNT, max_rows=1, timeout_seconds=2)
        assert time.monotonic() - started < 15
        assert caught.value.hint
        warehouse.close()
        session.connection.close(retry=False)  # else the connector tries at exit, when the server is gone


def test_two_roles_see_their_own_tables_and_values_and_keep_them_apart(
    opened: Open, account: Any, settings: Settings
) -> None:
    account.run(
        "CREATE ROLE CLERK", "GRANT USAGE ON WAREHOUSE COMPUTE_WH TO ROLE CLERK", "GRANT USAGE ON DATABASE SHOP TO ROLE CLERK",
        "GRANT USAGE ON SCHEMA SHOP.PUBLIC TO ROLE CLERK", "GRANT SELECT ON TABLE SHOP.PUBLIC.CUSTOMERS TO ROLE CLERK",
    )  # fmt: skip
    assert [table.name for table in opened().tables()] == ["CUSTOMERS", "ORDERS"]
    assert [table.name for table in opened("CLERK").tables()] == ["CUSTOMERS"]
    files = list((settings.cache / "snowflake").glob("*.db"))
    assert len(files) == 2
    assert {oct(file.stat().st_mode)[-3:] for file in files} == {"600"}


def test_nothing_is_kept_where_the_setting_says_so(opened: Open, settings: Settings) -> None:
    opened(keep_catalog=False).tables()
    assert not (settings.cache / "snowflake").exists()


def test_chosen_schemas_are_read_and_named_in_full_where_they_have_to(
    opened: Open, account: Any, settings: Settings
) -> None:
    account.run(
        "CREATE SCHEMA SHOP.WEB", "CREATE TABLE SHOP.WEB.VISITS (DAY DATE)", "CREATE DATABASE HR",
        'CREATE TABLE HR.PUBLIC."Staff list" ("Name" TEXT)', "INSERT INTO HR.PUBLIC.\"Staff list\" VALUES ('Zoe')",
    )  # fmt: skip
    warehouse = opened("ACCOUNTADMIN", snowflake_schemas="SHOP, hr.public")
    assert sorted(table.path for table in warehouse.tables()) == [
        ("CUSTOMERS",), ("HR", "PUBLIC", "Staff list"), ("ORDERS",), ("WEB", "VISITS"),
    ]  # fmt: skip
    answer = ask("Who is on the staff list?", warehouse, says('select name from "staff list"'), settings)
    assert (answer.sql, answer.rows) == ('SELECT "Name" FROM HR.PUBLIC."Staff list" AS "staff list"', (("Zoe",),))


def test_three_thousand_tables_of_one_schema_are_read_and_the_one_asked_about_is_found(
    opened: Open, account: Any, settings: Settings
) -> None:
    columns = [{"name": "ID", "type": "NUMBER"}, {"name": "NOTED", "type": "TEXT"}]
    account.declare([{"database": "SHOP", "schema": "PUBLIC", "name": f"LOG_{_word(n)}", "columns": columns} for n in range(3000)])  # fmt: skip
    warehouse = opened("ACCOUNTADMIN", sample_seconds=0)
    assert len(warehouse.tables()) == 3002
    model = FakeListChatModel(responses=["SELECT COUNT(*) FROM CUSTOMERS"])
    answer = ask("How many customers are there?", warehouse, model, settings)
    assert (answer.status, answer.rows) == ("answered", ((3,),))


def _word(number: int) -> str:
    """A number in letters, so that no two names are alike but for digits."""
    return "".join(chr(65 + int(digit)) for digit in str(number))


@pytest.fixture
def connections(account: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """connections(name=parameters, ...) -> what the connector takes for its connections.toml; the first is the default."""

    def write(**named: dict[str, Any]) -> None:
        lines = []
        for name, parameters in named.items():
            lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in parameters.items())]
        monkeypatch.setenv("SNOWFLAKE_CONNECTIONS", "\n".join(lines))
        monkeypatch.setenv("SNOWFLAKE_DEFAULT_CONNECTION_NAME", next(iter(named)))

    return write


def test_a_target_names_a_connection_or_the_default_one(account: Any, connections: Any, settings: Settings) -> None:
    connections(work=account.connection("READER", **HERE), admin=account.connection(**HERE))
    seen: list[str] = []
    for target, role in (("snowflake", "READER"), ("snowflake:admin", "ACCOUNTADMIN")):
        warehouse = open_warehouse(target, settings, lambda what, share: seen.append(what))
        assert (warehouse.name, warehouse.role, len(warehouse.tables())) == (target, role, 2)
        warehouse.close()
    assert "Reading SHOP.PUBLIC" in seen


def test_a_connection_that_is_not_there_is_named_with_those_that_are(
    account: Any, connections: Any, settings: Settings
) -> None:
    connections(work=account.connection("READER"))
    with pytest.raises(SettingsError, match="no Snowflake connection 'home'; there are work"):
        open_warehouse("snowflake:home", settings)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"account": "NOSUCHACCOUNT"}, "account"),
        ({"password": "wrong"}, "user or password"),
        ({"role": "NOSUCHROLE"}, "role"),
        ({"port": 1}, "cannot be reached"),
    ],
)
def test_a_connection_that_cannot_be_opened_says_why(
    account: Any, connections: Any, settings: Settings, changed: dict[str, Any], words: str
) -> None:
    connections(work=account.connection("READER") | {"login_timeout": 2} | changed)
    with pytest.raises(WarehouseError, match=r"'work' cannot be opened") as caught:
        open_warehouse("snowflake:work", settings)
    assert words in caught.value.message
    assert caught.value.hint


def test_answers_go_to_json_as_from_any_engine(opened: Open, settings: Settings) -> None:
    answer = ask("Show all orders", opened(), says("SELECT ID, TOTAL, PLACED FROM ORDERS ORDER BY ID"), settings)
    assert Answer.model_validate(answer.model_dump()).rows[0][0] == 1
    assert [column.type for column in answer.columns] == ["NUMBER", "NUMBER(9,2)", "DATE"]
