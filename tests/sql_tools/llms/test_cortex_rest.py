"""Cortex's REST interface, spoken to a server on loopback that is as strict as the documentation says."""

import base64
import importlib.util
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import openai
import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from typer.testing import CliRunner

from app.cli import app
from sql_tools import Settings, ask
from sql_tools.cancellation import Cancellation
from sql_tools.errors import CopilotError, ModelError, SettingsError
from sql_tools.generate import generate
from sql_tools.llms import create_model
from sql_tools.llms.cortex_rest import CortexChat, is_cortex, token_type
from sql_tools.open_warehouse import open_warehouse

TOKEN = "pat-Zq7x.secret-4711"
COUNT = "```sql\nSELECT COUNT(*) AS n FROM orders\n```"
CHAT = [SystemMessage("You write SQL."), HumanMessage("How many?")]


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cortex_server", Path(__file__).with_name("cortex_server.py"))
    assert spec is not None
    assert spec.loader is not None
    sys.modules["cortex_server"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def say(prompt: str) -> str:
    """No to what the weather is like, yes to whether anything else can be told; else a draft."""
    if "Answer yes or no" in prompt:
        return "No." if "weather" in prompt else "Yes."
    return COUNT


@pytest.fixture
def cortex() -> Iterator[Any]:
    with load().running(TOKEN, say) as server:
        yield server


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's waits between two tries, shorter."""
    monkeypatch.setattr(openai._base_client, "INITIAL_RETRY_DELAY", 0.01)
    monkeypatch.setattr(openai._base_client, "MAX_RETRY_DELAY", 0.01)


def model_at(url: str, token: str = TOKEN, **more: Any) -> Any:
    return create_model(Settings(model=url, api_key=token, **more))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE orders (id INTEGER, placed DATE); INSERT INTO orders VALUES (1, NULL), (2, NULL)"
        )
    return tmp_path / "shop.duckdb"


@pytest.mark.parametrize("name", ["claude-any", "llama-any", "openai-thinks"])
def test_a_question_on_duckdb_is_answered_by_a_model_of_cortex(
    name: str, cortex: Any, shop: Path, tmp_path: Path
) -> None:
    settings = Settings(model=cortex.url(name), api_key=TOKEN, cache_dir=tmp_path)
    with closing(open_warehouse(str(shop), settings)) as warehouse:
        answer = ask("How many orders are there?", warehouse, create_model(settings), settings)
    assert (answer.status, answer.rows, answer.model) == ("answered", ((2,),), name), answer.message
    assert cortex.headers[0]["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in answer.model_dump_json()


def test_the_command_line_answers_and_what_cannot_be_told_is_declined(
    cortex: Any, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCTIC_COPILOT_API_KEY", TOKEN)
    monkeypatch.setenv("ARCTIC_COPILOT_CACHE_DIR", str(tmp_path))
    for question, code, status in (
        ("How many orders are there?", 0, "answered"),
        ("How is the weather?", 3, "abstained"),
    ):
        done = CliRunner().invoke(app, ["ask", question, "-w", str(shop), "-m", cortex.url(), "--json"])
        assert (done.exit_code, json.loads(done.stdout)["status"]) == (code, status), done.output


def test_only_fields_that_every_model_takes_are_sent(cortex: Any) -> None:
    model = model_at(cortex.url())
    reply = model.invoke(
        CHAT, logprobs=True, top_logprobs=5, seed=3, stop=["x"], max_tokens=17, extra_body={"grammar": "g"}
    )
    (asked,) = cortex.asked
    assert asked.keys() <= {"model", "messages", "max_completion_tokens", "temperature", "stream"}
    assert (asked["max_completion_tokens"], asked["temperature"], asked.get("stream", False)) == (17, 0.0, False)
    assert (reply.content, reply.usage_metadata["output_tokens"]) == (COUNT, 2)


def test_several_drafts_are_several_requests_since_few_models_heed_n(cortex: Any) -> None:
    found = model_at(cortex.url()).generate([CHAT], n=3, temperature=0.7)
    assert [one.text for one in found.generations[0]] == [COUNT] * 3
    assert [(asked.get("n", 1), asked["temperature"]) for asked in cortex.asked] == [(1, 0.7)] * 3


def test_a_model_that_takes_no_temperature_is_asked_without(cortex: Any) -> None:
    model = model_at(cortex.url("openai-thinks"))
    assert [model.invoke(CHAT).content for _ in range(2)] == [COUNT, COUNT]
    assert ["temperature" in asked for asked in cortex.asked] == [True, False, False]


REFUSED = [
    (400, {"message": "unknown model claude-any"}, "no model claude-any", "SHOW CORTEX BASE MODELS"),
    (400, {"message": "max tokens of 8000 exceeded"}, "longer than claude-any takes", "MAX_PROMPT_COLUMNS"),
    (400, {"message": "all requests were throttled by remote service"}, "throttled", "in a minute"),
    (400, {"message": "invalid options object"}, "invalid options object", "another model"),
    (401, {"code": "390303", "message": f"Invalid OAuth access token {TOKEN}"}, "did not accept the token", "network policy"),
    (401, "", "did not accept the token", "docs/snowflake.md"),
    (402, {"message": "budget exceeded"}, "budget", "administrator"),
    (403, {"code": "003001", "message": f"Not Authorized {TOKEN}", "error_code": "003001"}, "may not use Cortex: Not Auth", "CORTEX_REST_API_USER"),
    (404, "<html>Not Found</html>", "no Cortex at this URL", "https://ACCOUNT.snowflakecomputing.com"),
    (429, {"message": "too many requests"}, "Too many requests", "in a minute"),
    (500, {"message": f"oops {TOKEN}"}, "HTTP 500", "Ask again"),
    (502, "<html>", "HTTP 502", "Ask again"),
    (503, {"message": "inference timed out"}, "took too long", "another model"),
    (200, {"code": "390112", "message": "Your session has expired."}, "did not accept the token", "docs/snowflake.md"),
    (200, "<html>sign in</html>", "what is no reply", "snowflakecomputing.com"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "words", "todo"), REFUSED, ids=lambda value: str(value)[:20])
def test_each_refusal_says_what_to_do_and_never_the_token(
    status: int, body: Any, words: str, todo: str, cortex: Any
) -> None:
    cortex.refuse = status, body
    with pytest.raises(CopilotError) as caught:
        generate(CHAT, model_at(cortex.url()), dialect="duckdb")
    assert isinstance(caught.value, ModelError)
    assert words in caught.value.message
    assert todo in caught.value.hint
    assert TOKEN not in repr([caught.value.message, caught.value.hint, caught.value.__cause__, caught.value.args])


def test_a_refused_token_ends_the_command_in_one_clear_error(
    cortex: Any, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCTIC_COPILOT_API_KEY", "expired-4712")
    monkeypatch.setenv("ARCTIC_COPILOT_CACHE_DIR", str(tmp_path))
    done = CliRunner().invoke(app, ["ask", "How many orders are there?", "-w", str(shop), "-m", cortex.url()])
    assert done.exit_code == 1
    assert "did not accept the token" in " ".join(done.output.split())
    assert "expired-4712" not in done.output


def test_too_many_requests_are_tried_again_before_giving_up(cortex: Any) -> None:
    model, refusal = model_at(cortex.url()), (429, {"message": "too many requests"})
    cortex.refusals = [refusal] * 2
    assert model.invoke(CHAT).content == COUNT
    cortex.refusals = [refusal] * 3
    with pytest.raises(ModelError):
        model.invoke(CHAT)
    assert cortex.refusals == []


def test_an_account_that_is_not_there_is_told() -> None:
    with pytest.raises(ModelError, match="cannot be reached") as caught:
        model_at("http://127.0.0.1:9/api/v2/cortex/v1#m").invoke(CHAT)
    assert "account" in caught.value.hint


@pytest.mark.parametrize(
    ("url", "token", "words"),
    [
        ("http://127.0.0.1:9/api/v2/cortex/v1#m", "", "API_KEY is empty"),
        ("http://127.0.0.1:9/api/v2/cortex/v1#m", "two words", "no key has"),
        ("http://127.0.0.1:9/api/v2/cortex/v1#m", "line\nbreak", "no key has"),
        ("https://127.0.0.1:9/api/v2/cortex/v1", TOKEN, "names no model"),
        ("http://acme.example.com/api/v2/cortex/v1#m", TOKEN, "https only"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_sent(url: str, token: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        model_at(url, token)
    assert words in caught.value.message
    assert not token or token not in caught.value.message + caught.value.hint


def test_blanks_around_a_copied_token_do_no_harm(cortex: Any) -> None:
    assert model_at(cortex.url(), f" {TOKEN}\n").invoke(CHAT).content == COUNT


def test_the_kind_of_token_is_said_where_its_form_tells(cortex: Any) -> None:
    payload = base64.urlsafe_b64encode(b'{"iss": "ACME.ANN.SHA256:abc=", "sub": "ACME.ANN"}').decode().rstrip("=")
    jwt = f"head.{payload}.sign"
    assert [token_type(one) for one in (jwt, "ver:1-hint:2", TOKEN, "a.b.c", "")] == [
        "KEYPAIR_JWT",
        "OAUTH",
        "",
        "",
        "",
    ]
    cortex.token = jwt
    assert model_at(cortex.url(), jwt).invoke(CHAT).content == COUNT
    assert cortex.headers[0]["x-snowflake-authorization-token-type"] == "KEYPAIR_JWT"


def test_the_whole_endpoint_as_url_is_understood_and_other_servers_are_left_alone(cortex: Any) -> None:
    url = cortex.url().replace("/v1#", "/v1/chat/completions#")
    assert model_at(url).invoke(CHAT).content == COUNT
    assert is_cortex("https://acme.privatelink.snowflakecomputing.com/api/v2/cortex/v1#m")
    assert not is_cortex("https://acme.example.com/v1#api/v2/cortex/v1")
    assert not isinstance(model_at("http://127.0.0.1:9/v1#m"), CortexChat)


def test_a_grammar_is_not_sent_where_it_would_be_ignored(cortex: Any) -> None:
    from sql_tools.llms.grammar_field import grammar_options

    with pytest.raises(ModelError):
        grammar_options(model_at(cortex.url()), "start: /a/")


def test_stored_values_stay_out_of_its_prompts_unless_the_setting_lets_them_go() -> None:
    url = "https://acme.snowflakecomputing.com/api/v2/cortex/v1#m"
    assert not Settings(model=url).may_share_values


def test_another_servers_error_is_told_without_the_key(cortex: Any) -> None:
    url = cortex.url().replace("/api/v2/cortex", "")
    cortex.refuse = 401, {"error": {"message": f"Incorrect API key provided: {TOKEN}"}}
    with pytest.raises(ModelError) as caught:
        generate(CHAT, model_at(url), dialect="duckdb")
    assert "Incorrect API key" in caught.value.message
    assert TOKEN not in caught.value.message


def test_a_draft_that_may_be_stopped_is_asked_for_as_any_other_and_fails_in_the_same_words(cortex: Any) -> None:
    with Cancellation().within():
        drafts = generate(CHAT, model_at(cortex.url()), dialect="duckdb")
        assert [draft.text for draft in drafts] == ["SELECT COUNT(*) AS n FROM orders"]
        assert not cortex.asked[-1].get("stream")
        cortex.refuse = (402, {"message": "no credits"})
        with pytest.raises(ModelError, match="budget for models is used up"):
            generate(CHAT, model_at(cortex.url()), dialect="duckdb")
