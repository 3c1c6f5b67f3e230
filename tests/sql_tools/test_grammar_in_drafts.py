"""The schema's grammar on its way to a model server, and what becomes of completions that do not keep to it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import HumanMessage

from sql_tools.copilot import ask
from sql_tools.errors import ModelError
from sql_tools.generate import generate
from sql_tools.llms.openai import create
from sql_tools.open_warehouse import open_warehouse
from sql_tools.settings import Settings

GRAMMAR = '%llguidance {}\nstart: "SELECT 1"\n'


class FakeServer:
    """Answers like an OpenAI-compatible server; `asked` holds the requests of chats, `replies` what it says."""

    def __init__(self, owner: str) -> None:
        self.asked: list[dict[str, Any]] = []
        self.replies: list[str] = ["SELECT 1"]
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._say({"object": "list", "data": [{"id": "m", "object": "model", "created": 0, "owned_by": owner}]})

            def do_POST(self) -> None:
                outer.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                reply = outer.replies.pop(0) if len(outer.replies) > 1 else outer.replies[0]
                choices = [
                    {"index": i, "finish_reason": "stop", "message": {"role": "assistant", "content": reply}}
                    for i in range(outer.asked[-1].get("n") or 1)
                ]
                self._say({"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": choices})

            def _say(self, body: dict[str, Any]) -> None:
                text = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1#m"


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[FakeServer]:
    fake = FakeServer(getattr(request, "param", "llamacpp"))
    thread = threading.Thread(target=fake.server.serve_forever, daemon=True)
    thread.start()
    yield fake
    fake.server.shutdown()
    fake.server.server_close()


@pytest.mark.parametrize(
    ("server", "field", "value"),
    [("llamacpp", "grammar", GRAMMAR), ("vllm", "structured_outputs", {"grammar": GRAMMAR})],
    indirect=["server"],
)
def test_each_engine_gets_the_grammar_where_it_looks_for_it(server: FakeServer, field: str, value: object) -> None:
    generate([HumanMessage("q")], create(Settings(model=server.url)), dialect="duckdb", grammar=GRAMMAR)
    assert server.asked[0][field] == value
    assert {"grammar", "structured_outputs"} & set(server.asked[0]) == {field}


def test_without_a_grammar_none_is_sent(server: FakeServer) -> None:
    generate([HumanMessage("q")], create(Settings(model=server.url)), dialect="duckdb")
    assert not {"grammar", "structured_outputs"} & set(server.asked[0])


@pytest.mark.parametrize("server", ["someone"], indirect=True)
def test_an_unknown_engine_is_not_trusted_with_a_grammar(server: FakeServer) -> None:
    with pytest.raises(ModelError, match="gets no grammar"):
        generate([HumanMessage("q")], create(Settings(model=server.url)), dialect="duckdb", grammar=GRAMMAR)
    assert server.asked == []
    with pytest.raises(ModelError, match="cannot be held"):
        generate([HumanMessage("q")], FakeListChatModel(responses=["x"]), dialect="duckdb", grammar=GRAMMAR)


@pytest.fixture
def shop(tmp_path: Path) -> str:
    file = tmp_path / "shop.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE orders (id BIGINT, amount DOUBLE); INSERT INTO orders VALUES (1, 2.5), (2, 4)")
    return str(file)


def _ask(shop: str, server: FakeServer, grammar: str) -> Any:
    settings = Settings(
        warehouse=shop, model=server.url, grammar=grammar, abstain_above=1.0, cache_dir=Path(shop).parent
    )
    warehouse = open_warehouse(shop, settings)
    try:
        return ask("How many orders are there?", warehouse, create(settings), settings)
    finally:
        warehouse.close()


def _drafts(server: FakeServer) -> list[bool]:
    """For each request for SQL (not the one that asks yes or no): did it carry a grammar?"""
    return ["grammar" in request for request in server.asked if "yes or no" not in str(request["messages"])]


@pytest.mark.parametrize(
    ("setting", "carried"), [("never", [False, False]), ("repair", [False, True]), ("always", [True, True])]
)
def test_the_setting_says_which_drafts_are_bound(
    shop: str, server: FakeServer, setting: str, carried: list[bool]
) -> None:
    server.replies = ["SELECT amountt FROM orders", "SELECT count(*) FROM orders"]
    answer = _ask(shop, server, setting)
    assert _drafts(server) == carried
    assert answer.status == "answered"
    assert answer.rows == ((2,),)


def test_a_completion_that_leaves_the_grammar_does_not_run(shop: str, server: FakeServer) -> None:
    """The server says 200 and ignores the grammar: what it wrote passes every other check, and is not run."""
    server.replies = ["SELECT count(*) FROM orders /* out of the grammar */"]
    answer = _ask(shop, server, "always")
    assert answer.status == "failed"
    assert answer.rows == ()
    assert all("grammar" in attempt.problem for attempt in answer.attempts)
    assert _ask(shop, server, "never").status == "answered"
