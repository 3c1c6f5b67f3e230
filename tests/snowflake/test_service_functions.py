"""Our own model, asked by CALL ASK through a service function: the fake posts what Snowflake documents to the real adapter,
a process of its own as in the container, and behind it a server that speaks OpenAI's chat API as vLLM does.

    CALL ASK -> SELECT COMPLETE('prompt') -> POST /complete -> adapter -> POST /v1/chat/completions

What it cannot show: that Snowflake's own gateway, its waits between retries, and a suspended service behave so.
"""

import base64
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import snowflake.connector.errors
from langchain_core.messages import HumanMessage
from served import Served, adapter_at, between, free_port
from shop import SHOP, deploy_shop

from sql_tools import Settings, ask
from sql_tools.errors import ModelError
from sql_tools.in_account import procedures as in_account
from sql_tools.in_account.procedures import Deployment
from sql_tools.llms import create_model
from sql_tools.warehouses.snowflake.warehouse import from_session

HOME = "ARCTIC_COPILOT.CORE"
FUNCTION = f"{HOME}.COMPLETE"
MODEL = f"function:{FUNCTION}"
UNRECORDED = Deployment(settings={"model": MODEL, "warehouse": "snowflake", "snowflake_schemas": "SHOP.PUBLIC"})
TOTALS = "What is the total of the orders of each customer?"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    server = Served()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.hang.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def well(served: Served) -> None:
    served.asked.clear()
    served.fail = 0
    served.hang.set()


@pytest.fixture(scope="module")
def port(served: Served) -> Iterator[int]:
    chosen = free_port()
    with adapter_at(chosen, served.server_address[1]):
        yield chosen


@pytest.fixture(scope="module")
def deployed(fake_snowflake_server: Any, port: int, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The shop, with everything deployed for our own model; both roles may ask."""
    server = fake_snowflake_server
    server.reset()
    server.run(*SHOP, "CREATE TABLE SHOP.PUBLIC.PROMPTS (ID INT, PROMPT VARCHAR)")
    values = ", ".join(f"({number}, 'prompt {number}')" for number in range(40))
    server.run(
        f"INSERT INTO SHOP.PUBLIC.PROMPTS VALUES {values}, (40, NULL)",
        "GRANT SELECT ON TABLE SHOP.PUBLIC.PROMPTS TO ROLE SELLER",
    )
    deploy_shop(server, tmp_path_factory.mktemp("build"), COPILOT_MODEL=MODEL)
    server.run(*(f"GRANT ROLE COPILOT_USER TO ROLE {role}" for role in ("SELLER", "CLERK")))
    server.ask("service", function=FUNCTION, url=f"http://127.0.0.1:{port}")
    return server


@pytest.fixture(scope="module")
def seller(deployed: Any) -> Iterator[Any]:
    with deployed.session("SELLER", warehouse="COPILOT_WH", database="SHOP", schema="PUBLIC") as session:
        yield session


def call(session: Any, question: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(session.call(f"{HOME}.ASK", question))
    return told


def test_call_ask_is_answered_by_our_own_model_through_the_service_function(
    seller: Any, served: Served, deployed: Any
) -> None:
    answer = call(seller, TOTALS)
    assert answer["status"] == "answered", answer["message"]
    assert answer["rows"] == [["Ann", "150.00"], ["Cy", "25.00"]]
    assert answer["model"] == FUNCTION
    assert [(asked["model"], asked["temperature"]) for asked in served.asked] == [("copilot", 0)] * 2
    prompts = [asked["messages"][0]["content"] for asked in served.asked]
    assert all(prompt.startswith("You write one Snowflake SELECT") and TOTALS in prompt for prompt in prompts)
    assert not any("BUILDING" in prompt for prompt in prompts)  # stored values stay out
    ran = deployed.log(r"^SELECT ARCTIC_COPILOT\.CORE\.COMPLETE\(")
    assert {(one["user"], one["caller"]) for one in ran} == {("SELLER_USER", "RESTRICTED CALLER")}


def test_what_the_tables_cannot_tell_is_declined_by_our_own_model_too(seller: Any, served: Served) -> None:
    answer = in_account.ask(seller, "What is the weather at the customers?", None, UNRECORDED)
    assert (answer["status"], len(served.asked)) == ("abstained", 1)


def test_rows_go_in_batches_of_16_with_the_documented_headers_and_come_back_to_their_own(
    deployed: Any, seller: Any, port: int
) -> None:
    posted: list[tuple[dict[str, str], Any]] = []
    with between(port, posted) as wire:
        deployed.ask("service", function=FUNCTION, url=f"http://127.0.0.1:{wire}")
        try:
            sql = f"SELECT ID, {FUNCTION}(PROMPT):choices[0].message.content::VARCHAR AS SAID FROM PROMPTS ORDER BY ID"
            rows = [tuple(row) for row in seller.sql(sql).collect()]
        finally:
            deployed.ask("service", function=FUNCTION, url=f"http://127.0.0.1:{port}")
    assert rows == [(number, f"said prompt {number}") for number in range(40)] + [(40, None)]
    assert sorted(len(body["data"]) for _, body in posted) == [9, 16, 16]
    assert all([row[0] for row in body["data"]] == list(range(len(body["data"]))) for _, body in posted)
    headers = posted[0][0]
    assert (headers["sf-external-function-format"], headers["sf-external-function-format-version"]) == ("json", "1.0")
    assert base64.b64decode(headers["sf-external-function-name-base64"]) == b"COMPLETE"
    assert base64.b64decode(headers["sf-external-function-signature-base64"]) == b"(PROMPT VARCHAR)"
    assert headers["sf-external-function-return-type"] == "VARIANT"
    assert len({told["sf-external-function-query-batch-id"] for told, _ in posted}) == 3
    ran = deployed.log(r"FROM PROMPTS ORDER BY ID")[-1]
    assert {told["sf-external-function-current-query-id"] for told, _ in posted} == {ran["query_id"]}


def refused(session: Any) -> dict[str, Any]:
    """An answer that failed, as everybody gets it: nothing of it is a traceback, or SQL."""
    answer = in_account.ask(session, TOTALS, None, UNRECORDED)
    assert (answer["status"], answer["rows"], answer["sql"]) == ("failed", [], "")
    assert "Traceback" not in answer["message"]
    return answer


def test_a_model_that_fails_is_tried_four_times_and_then_told(seller: Any, served: Served) -> None:
    served.fail = 500
    answer = refused(seller)
    assert "remote service error: 503" in answer["message"]
    assert "The model server failed (500)" in answer["message"]
    assert "SHOW SERVICE CONTAINERS" in answer["message"]
    assert len(served.asked) == 4


def test_a_prompt_that_the_model_refuses_is_told_and_not_tried_again(seller: Any, served: Served) -> None:
    served.fail = 400
    answer = refused(seller)
    assert "maximum context length" in answer["message"]
    assert len(served.asked) == 1


def test_an_adapter_that_is_down_is_told_and_one_that_is_up_again_answers(
    deployed: Any, seller: Any, port: int, served: Served
) -> None:
    chosen = free_port()
    deployed.ask("service", function=FUNCTION, url=f"http://127.0.0.1:{chosen}")
    try:
        answer = refused(seller)
        assert "remote service error: 503" in answer["message"]
        assert "ask again later" in answer["message"]
        with adapter_at(chosen, served.server_address[1]):
            assert in_account.ask(seller, TOTALS, None, UNRECORDED)["status"] == "answered"
    finally:
        deployed.ask("service", function=FUNCTION, url=f"http://127.0.0.1:{port}")


def make_function(deployed: Any, name: str, port: int, more: str) -> str:
    """A function of the test's own over the same adapter, that SELLER may use."""
    deployed.run(
        f"CREATE OR REPLACE FUNCTION {HOME}.{name}(PROMPT VARCHAR) RETURNS VARIANT SERVICE = {HOME}.COPILOT_MODEL ENDPOINT = adapter {more} AS '/complete'",
        f"GRANT USAGE ON FUNCTION {HOME}.{name}(VARCHAR) TO ROLE COPILOT_USER",
        role="COPILOT_OWNER",
        user="ADMIN",
    )
    deployed.ask("service", function=f"{HOME}.{name}", url=f"http://127.0.0.1:{port}")
    return f"function:{HOME}.{name}"


def test_a_model_that_hangs_ends_with_the_functions_own_limit(
    deployed: Any, seller: Any, port: int, served: Served
) -> None:
    model = make_function(deployed, "HASTY", port, "BATCH_TIMEOUT_SECS = 1")
    served.hang.clear()
    settings = Settings(model=model, keep_catalog=False, snowflake_schemas="SHOP.PUBLIC")
    warehouse = from_session(seller, settings)
    with pytest.raises(ModelError, match="Timeout was reached") as caught:
        ask(TOTALS, warehouse, create_model(settings, warehouse), settings)
    assert "ask again later" in caught.value.hint


def test_a_function_that_returns_null_where_it_fails_has_said_nothing(
    deployed: Any, seller: Any, port: int, served: Served
) -> None:
    model = make_function(deployed, "QUIET", port, "MAX_BATCH_RETRIES = 0 ON_BATCH_FAILURE = RETURN_NULL")
    served.fail = 503
    with pytest.raises(ModelError, match="answered with nothing"):
        create_model(Settings(model=model), from_session(seller, Settings(keep_catalog=False))).invoke("hi")
    assert len(served.asked) == 1


def test_a_role_without_usage_on_the_function_is_told_what_it_lacks(deployed: Any, seller: Any) -> None:
    deployed.run(f"REVOKE USAGE ON FUNCTION {FUNCTION}(VARCHAR) FROM ROLE COPILOT_USER")
    try:
        answer = call(seller, TOTALS)
        with pytest.raises(snowflake.connector.errors.ProgrammingError, match="Unknown function COMPLETE"):
            deployed.run(f"SELECT {FUNCTION}('hi')", role="SELLER")
    finally:
        deployed.run(f"GRANT USAGE ON FUNCTION {FUNCTION}(VARCHAR) TO ROLE COPILOT_USER")
    assert (answer["status"], answer["rows"]) == ("failed", [])
    assert "Unknown function COMPLETE" in answer["message"]
    assert "USAGE on the function" in answer["message"]


def test_quotes_backslashes_and_other_scripts_reach_the_model_as_they_are(seller: Any, served: Served) -> None:
    prompt = "It's 5 o'clock \\ 東京 \"quoted\"\n\tnew line 🦆 $$ ?"
    model = create_model(Settings(model=MODEL), from_session(seller, Settings(keep_catalog=False)))
    assert model.invoke(prompt).content == f"said {prompt}"
    assert served.asked[0]["messages"][0]["content"] == prompt


def test_several_drafts_are_asked_for_once_since_a_function_takes_no_temperature(seller: Any, served: Served) -> None:
    model = create_model(Settings(model=MODEL), from_session(seller, Settings(keep_catalog=False)))
    assert [one.text for one in model.generate([[HumanMessage("hi")]], n=3, temperature=0.7).generations[0]] == [
        "said hi"
    ]
    assert len(served.asked) == 1
