"""The procedures as deployed, called by Snowpark from roles with different grants; then the handlers' own edges."""

import importlib.util
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest
from shop import ANSWERS, SHOP, deploy_shop

from app.chat.turn import Desk, start_turn
from app.deploy.variables import project_root
from sql_tools.errors import SettingsError
from sql_tools.in_account import procedures as in_account
from sql_tools.in_account.procedures import Deployment, begin, feedback
from sql_tools.json_contract import to_json
from sql_tools.llms import create_model
from sql_tools.models import Answer

HOME = "ARCTIC_COPILOT.CORE"
HANDLERS = project_root() / "snowflake/procedures/copilot_procs.py"
SETTINGS = {"model": "cortex:m", "warehouse": "snowflake", "snowflake_schemas": "SHOP.PUBLIC"}
UNRECORDED = Deployment(settings=SETTINGS)
TOTALS = "What is the total of the orders of each customer?"


@pytest.fixture(scope="module")
def deployed(fake_snowflake_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The shop, with everything deployed beside it; both roles may ask."""
    fake_snowflake_server.reset()
    fake_snowflake_server.run(*SHOP)
    fake_snowflake_server.completions(ANSWERS)
    deploy_shop(fake_snowflake_server, tmp_path_factory.mktemp("build"))
    fake_snowflake_server.run(*(f"GRANT ROLE COPILOT_USER TO ROLE {role}" for role in ("SELLER", "CLERK")))
    return fake_snowflake_server


@pytest.fixture(scope="module")
def seller(deployed: Any) -> Iterator[Any]:
    with deployed.session("SELLER", warehouse="COPILOT_WH") as session:
        yield session


@pytest.fixture(scope="module")
def clerk(deployed: Any) -> Iterator[Any]:
    with deployed.session("CLERK", warehouse="COPILOT_WH") as session:
        yield session


def call(session: Any, name: str, *arguments: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(session.call(f"{HOME}.{name}", *arguments))
    return told


def on_duckdb(sql: str) -> Any:
    """The rows of the same SQL on DuckDB over the same data."""
    with duckdb.connect() as engine:
        for statement in SHOP:
            if re.match(r"CREATE TABLE|INSERT", statement):
                plain = re.sub(r"SHOP\.PUBLIC\.|COMMENT '\w+'", "", statement)
                engine.execute(plain.replace("NUMBER", "DECIMAL"))
        return to_json(engine.execute(sql.replace("SHOP.PUBLIC.", "")).fetchall())


def numbers(rows: Any) -> list[tuple[str, float]]:
    return [(name, float(number)) for name, number in rows]


def test_an_answer_has_the_rows_that_duckdb_has_on_the_same_data_and_is_recorded(seller: Any, deployed: Any) -> None:
    answer = call(seller, "ASK", TOTALS, {"max_rows": 50, "request": "request-7"})
    assert answer["status"] == "answered", answer["message"]
    assert numbers(answer["rows"]) == numbers(on_duckdb(answer["sql"]))
    assert set(answer) == set(Answer.model_fields)
    assert answer["proof"]["role"] == "SELLER"
    told = "USER_NAME, ROLE_NAME, SESSION_ID IS NOT NULL, STATUS, QUERY_ID, QUESTION, SQL_TEXT"
    rows = deployed.run(f"SELECT {told} FROM {HOME}.AUDIT WHERE REQUEST = 'request-7'")
    assert rows == [("SELLER_USER", "SELLER", True, "answered", answer["proof"]["query_id"], TOTALS, answer["sql"])]
    ran = deployed.log(r"^SELECT\s+C_NAME")[-1]
    assert ran["user"] == "SELLER_USER"
    assert '"request":"request-7"' in ran["tag"]


def test_each_intent_by_call_ask_with_history(seller: Any, deployed: Any) -> None:
    """What ASK returned is handed in again; its rows are read anew under the asker's role."""
    first = call(seller, "ASK", TOTALS, {"max_rows": 50})
    chart = call(seller, "ASK", "as a bar chart", {"max_rows": 50, "history": [first]})
    assert (chart["intent"], chart["status"], chart["chart"]["type"]) == ("about_answer", "answered", "bar")
    assert numbers(chart["rows"]) == numbers(first["rows"])
    told = call(seller, "ASK", "Where does this number come from?", {"history": [first]})
    assert (told["intent"], told["status"]) == ("explain", "answered")
    assert call(seller, "ASK", "Which tables are there?")["intent"] == "help"
    assert call(seller, "ASK", "show me the numbers")["status"] == "clarify"
    assert call(seller, "ASK", "Delete all orders")["status"] == "refused"


def test_what_a_role_may_not_read_is_not_there_for_it(clerk: Any) -> None:
    told = call(clerk, "CHECK_SQL", "SELECT C_NAME FROM SHOP.PUBLIC.CUSTOMER")
    assert told["allowed"] is False
    assert "C_ACCTBAL" not in json.dumps(told)


def test_feedback_is_recorded_under_the_account_s_own_user(clerk: Any, deployed: Any) -> None:
    assert call(clerk, "FEEDBACK", "request-7", "wrong", "too few")["status"] == "recorded"
    rows = deployed.run(f"SELECT USER_NAME, STATUS, MESSAGE FROM {HOME}.AUDIT WHERE KIND = 'FEEDBACK'")
    assert rows == [("CLERK_USER", "wrong", "too few")]


def test_an_entry_made_by_hand_has_its_maker_s_role_and_session(clerk: Any, deployed: Any) -> None:
    """The query id stands as told; the session beside it shows whether it is the maker's."""
    entry = {"kind": "ASK", "request": "by-hand", "role": "ACCOUNTADMIN", "session_id": "1", "query_id": "another's"}
    call(clerk, "RECORD", json.dumps(entry))
    own = clerk.sql("SELECT CURRENT_SESSION()").collect()[0][0]
    rows = deployed.run(f"SELECT ROLE_NAME, SESSION_ID FROM {HOME}.AUDIT WHERE REQUEST = 'by-hand'")
    assert rows == [("CLERK", own)]


def test_without_read_session_role_and_session_are_left_out(clerk: Any, deployed: Any) -> None:
    deployed.run("REVOKE READ SESSION ON ACCOUNT FROM ROLE COPILOT_OWNER")
    try:
        call(clerk, "RECORD", json.dumps({"kind": "ASK", "request": "unseen", "role": "ACCOUNTADMIN"}))
    finally:
        deployed.run("GRANT READ SESSION ON ACCOUNT TO ROLE COPILOT_OWNER")
    rows = deployed.run(f"SELECT USER_NAME, ROLE_NAME, SESSION_ID FROM {HOME}.AUDIT WHERE REQUEST = 'unseen'")
    assert rows == [("CLERK_USER", None, None)]


def test_nobody_but_the_owner_reads_the_audit(deployed: Any) -> None:
    import snowflake.connector.errors

    with pytest.raises(snowflake.connector.errors.ProgrammingError, match="does not exist or not authorized"):
        deployed.run(f"SELECT * FROM {HOME}.AUDIT", role="SELLER")


def test_a_query_that_is_too_slow_is_told_and_recorded_and_nothing_goes_on(seller: Any, deployed: Any) -> None:
    before = len(deployed.log(""))
    deployed.slow(r"^SELECT\s+COUNT\(\*\) AS CUSTOMERS", 60)
    try:
        started = time.monotonic()
        answer = call(seller, "ASK", "How many customers are there?", {"timeout_seconds": 1, "request": "slow-1"})
    finally:
        deployed.clear_faults()
    assert time.monotonic() - started < 40
    assert (answer["status"], answer["rows"]) == ("failed", [])
    assert "ran past its limit of 1 s and was stopped" in answer["message"]
    ran = deployed.log("")[before:]
    slow = [one for one in ran if one["sql"].startswith("SELECT COUNT(*) AS CUSTOMERS")]
    told = [(one["status"], one["error"][0], one["parameters"]["STATEMENT_TIMEOUT_IN_SECONDS"]) for one in slow]
    assert told == [("FAIL", 630, "1")]
    assert not [one for one in ran if one["status"] == "RUNNING"]
    kept = deployed.run(f"SELECT STATUS, ROW_COUNT, MESSAGE FROM {HOME}.AUDIT WHERE REQUEST = 'slow-1'")
    assert kept == [("failed", 0, answer["message"])]


CUSTOMERS = r"^SELECT\s+COUNT\(\*\) AS CUSTOMERS"


def until_it_runs(deployed: Any, before: int) -> None:
    """Waits for one more such query than there were."""
    ends = time.monotonic() + 60
    while len(deployed.log(CUSTOMERS)) == before:
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_a_call_that_is_stopped_takes_its_query_with_it(seller: Any, deployed: Any) -> None:
    before = len(deployed.log(CUSTOMERS))
    deployed.slow(CUSTOMERS, 60)
    try:
        calling = seller.sql(f"CALL {HOME}.ASK('How many customers are there?')").collect_nowait()
        until_it_runs(deployed, before)
        calling.cancel()
        with pytest.raises(Exception, match=r"cancel|FAILED"):
            calling.result()
    finally:
        deployed.clear_faults()
    assert [one["error"][0] for one in deployed.log(CUSTOMERS)[before:]] == [604]


def test_a_question_stopped_in_the_chat_is_cancelled_and_recorded(seller: Any, deployed: Any) -> None:
    recording = Deployment(SETTINGS, record=f"{HOME}.RECORD")
    settings = in_account.choose_settings(None, recording)
    warehouse = in_account.open_in_account(seller, settings)
    desk = Desk(settings, warehouse, create_model(settings, warehouse), warehouse.tables(), in_account.recording(seller, recording, "CHAT"))  # fmt: skip
    before = len(deployed.log(CUSTOMERS))
    deployed.slow(CUSTOMERS, 60)
    try:
        job = start_turn(desk, "How many customers are there?", ())
        until_it_runs(deployed, before)
        job.stop()
        job._thread.join(20)
    finally:
        deployed.clear_faults()
    assert not job._thread.is_alive()
    assert [one["error"][0] for one in deployed.log(CUSTOMERS)[before:]] == [604]
    rows = deployed.run(f"SELECT USER_NAME, STATUS, MESSAGE FROM {HOME}.AUDIT WHERE KIND = 'CHAT'")
    assert rows == [("SELLER_USER", "failed", "Stopped by the asker.")]


# What the handlers hand over to, on a Session, without the seconds that a new interpreter takes.


def test_sql_is_generated_and_not_run(seller: Any, deployed: Any) -> None:
    answer = in_account.generate_sql(seller, "How many orders are there?", None, UNRECORDED)
    assert (answer["status"], answer["rows"]) == ("answered", [])
    assert "COUNT(*) AS ORDERS" in answer["sql"]
    assert not deployed.log(r"^SELECT\s+COUNT\(\*\) AS ORDERS")


def test_the_catalog_is_the_roles_own(seller: Any, clerk: Any) -> None:
    def names(session: Any) -> list[str]:
        return [table["name"] for table in in_account.refresh_catalog(session, None, UNRECORDED)["tables"]]

    assert names(clerk) == ["SHOP.PUBLIC.ORDERS"]
    assert names(seller) == ["SHOP.PUBLIC.CUSTOMER", "SHOP.PUBLIC.ORDERS"]


def test_an_explanation_says_what_is_read_in_words(seller: Any) -> None:
    sql = "SELECT COUNT(*) FROM SHOP.PUBLIC.CUSTOMER WHERE C_MKTSEGMENT = 'BUILDING'"
    told = in_account.explain_sql(seller, sql, None, UNRECORDED)
    assert told["allowed"]
    assert [table["name"] for table in told["tables"]] == ["SHOP.PUBLIC.CUSTOMER"]
    assert "BUILDING" in told["reading"]
    assert told["filters"]


def test_a_wish_to_change_data_is_refused(seller: Any, deployed: Any) -> None:
    assert in_account.ask(seller, "Delete all customers.", None, UNRECORDED)["status"] == "refused"
    assert deployed.run("SELECT COUNT(*) FROM SHOP.PUBLIC.CUSTOMER") == [(3,)]


def test_an_answer_that_cannot_be_recorded_is_not_given(seller: Any) -> None:
    unwritable = Deployment(settings=SETTINGS, record="SHOP.PUBLIC.NO_SUCH_PROCEDURE")
    answer = in_account.ask(seller, "How many customers are there?", None, unwritable)
    assert (answer["status"], answer["rows"], answer["sql"]) == ("failed", [], "")


# The handlers' own edges, without a server.


class Recorder:
    """A session that keeps what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def sql(self, text: str, params: Any = None) -> "Recorder":
        self.asked.append((text, params))
        return self

    def collect(self) -> list[tuple[str]]:
        return [("ANN", "CLERK", "7")]


def handlers(folder: Path, **settings: Any) -> ModuleType:
    """The module as it is staged: beside its settings."""
    (folder / "copilot_procs.py").write_bytes(HANDLERS.read_bytes())
    (folder / "copilot_settings.json").write_text(json.dumps(settings))
    spec = importlib.util.spec_from_file_location("copilot_procs", folder / "copilot_procs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("keep", [True, False])
def test_texts_are_kept_only_if_the_administrator_says_so(tmp_path: Path, keep: bool) -> None:
    session = Recorder()
    entry = {"kind": "ASK", "question": "secret words", "sql": "SELECT 'secret'", "message": "secret"}
    handlers(tmp_path, audit="D.S.AUDIT", audit_text=keep).record(session, json.dumps(entry))
    text, values = session.asked[-1]
    assert ("secret" in json.dumps(values)) is keep
    assert len(values) == text.count("?")
    assert len([value for value in values if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value)]) == 2
    assert values[-3:] == ["ANN", "CLERK", "7"]


def test_a_user_named_in_the_entry_is_not_believed(tmp_path: Path) -> None:
    session = Recorder()
    handlers(tmp_path, audit="D.S.AUDIT", audit_text=True).record(session, json.dumps({"kind": "ASK", "user": "BOSS"}))
    assert "BOSS" not in json.dumps(session.asked)


@pytest.mark.parametrize(
    "options", [{"model": "cortex:dear"}, {"share_values": True}, {"history": [{"question": "q"}]}]
)
def test_what_an_asker_may_not_choose_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        begin(None, options, Deployment(settings={}))  # type: ignore[arg-type]


@pytest.mark.parametrize("named", ["/etc/passwd", "copilot_settings.json", "shop.yaml", "../x.yml", "."])
def test_an_askers_semantic_option_names_views_and_no_file(named: str, tmp_path: Path, seller: Any) -> None:
    """A procedure's files are the account's: what an asker names is looked up among the views he may read."""
    if named == "shop.yaml":
        (tmp_path / named).write_text("name: shop\ntables: []\n")
        named = str(tmp_path / named)
    told = call(seller, "CHECK_SQL", "SELECT 1", {"semantic": named})
    assert told["status"] == "failed"
    assert "semantic view" in told["message"]


def test_a_verdict_that_is_none_is_told() -> None:
    told = feedback(None, "q", "perhaps", None, Deployment(settings={}, record="R"))  # type: ignore[arg-type]
    assert told["status"] == "failed"
    assert "right or wrong" in told["message"]


def test_of_an_error_nobody_foresaw_only_the_kind_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*given: Any) -> None:
        raise ZeroDivisionError("a secret value")

    monkeypatch.setattr(in_account, "open_in_account", break_down)
    for told in (
        in_account.ask(None, "How many?", None, UNRECORDED),  # type: ignore[arg-type]
        in_account.check_sql(None, "SELECT 1", None, UNRECORDED),  # type: ignore[arg-type]
    ):
        assert told["status"] == "failed"
        assert "ZeroDivisionError" in told["message"]
        assert "secret" not in told["message"]
