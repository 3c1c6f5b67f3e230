"""The SQL in a model's reply."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import HumanMessage

from sql_tools.cancellation import Cancellation
from sql_tools.errors import ModelError
from sql_tools.generate import generate, sql_in
from sql_tools.llms import create_model
from sql_tools.settings import read_settings


@pytest.mark.parametrize(
    "reply",
    [
        "SELECT 1",
        "SELECT 1;",
        "```sql\nSELECT 1;\n```",
        "Here you are:\n```\nSELECT 1\n```\nIt selects one.",
        "```sql\nSELECT 1",
        "Sure! SELECT 1",
    ],
)
def test_the_sql_is_found_in_the_reply(reply: str) -> None:
    assert sql_in(reply) == "SELECT 1"


def test_a_reply_without_sql_is_kept_as_it_is() -> None:
    assert sql_in("I cannot do that") == "I cannot do that"


def test_a_provider_that_fails_is_a_model_error() -> None:
    class Broken(FakeListChatModel):
        def _call(self, *args: object, **kwargs: object) -> str:
            raise ConnectionError("connection refused")

    with pytest.raises(ModelError, match="connection refused"):
        generate([HumanMessage("q")], Broken(responses=["x"]), dialect="duckdb")


@pytest.mark.parametrize("text", ["DELETE FROM users", "  update users set a = 1", "INSERT INTO t SELECT 1"])
def test_a_write_is_not_cut_into_a_read(text: str) -> None:
    assert sql_in(text) == text.strip()


@pytest.mark.parametrize("reply", ["(SELECT 1) UNION (SELECT 2)", "Sure: ((SELECT 1) UNION (SELECT 2))"])
def test_parentheses_before_the_first_select_belong_to_it(reply: str) -> None:
    assert sql_in(reply) == reply.removeprefix("Sure: ")


class InOnePiece(BaseHTTPRequestHandler):
    """An OpenAI-compatible server that knows nothing of `stream`."""

    asked: ClassVar[list[bool]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(bool(body.get("stream")))
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "SELECT 1"}}
        reply = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(reply).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_a_server_that_does_not_stream_is_asked_for_one_piece() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), InOnePiece)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    model = create_model(read_settings(model=f"http://127.0.0.1:{server.server_port}/v1#m"))
    with Cancellation().within():
        drafts = generate([HumanMessage("q")], model, dialect="duckdb")
    server.shutdown()
    assert [draft.text for draft in drafts] == ["SELECT 1"]
    assert InOnePiece.asked == [True, False]
