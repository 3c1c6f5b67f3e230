"""The adapter as Snowflake meets it: a real server on loopback, and behind it a server that speaks OpenAI's chat API."""

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from model_service.errors import RequestError
from model_service.serving.service_functions import make_server, read_rows

TOO_LONG = "too long"


class Model(BaseHTTPRequestHandler):
    """Says back what it is asked; refuses one prompt, fails on another."""

    asked: list[dict[str, Any]] = []  # noqa: RUF012
    keys: list[str | None] = []  # noqa: RUF012
    healthy = True

    def do_GET(self) -> None:
        self.send_response(200 if Model.healthy else 503)
        self.end_headers()

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Model.asked.append(asked)
        Model.keys.append(self.headers.get("Authorization"))
        prompt = asked["messages"][0]["content"]
        code = {TOO_LONG: 400, "crash": 500}.get(prompt, 200)
        said = {
            "choices": [{"message": {"content": f"said {prompt}"}}],
            "model": "m",
            "usage": {"total_tokens": 3},
            "id": "x",
        }
        body = json.dumps(said if code == 200 else {"error": {"message": "maximum context length"}}).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None: ...


def started(server: ThreadingHTTPServer) -> ThreadingHTTPServer:
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


@pytest.fixture
def upstream() -> Iterator[ThreadingHTTPServer]:
    Model.asked, Model.healthy = [], True
    server = started(ThreadingHTTPServer(("127.0.0.1", 0), Model))
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def adapter(upstream: ThreadingHTTPServer) -> Iterator[int]:
    """Its port."""
    server = started(make_server("127.0.0.1", 0, f"http://127.0.0.1:{upstream.server_address[1]}", "copilot"))
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def post(port: int, body: Any, path: str = "/complete") -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", path, body if isinstance(body, bytes) else json.dumps(body).encode())
    answer = connection.getresponse()
    return answer.status, json.load(answer)


def test_each_row_gets_its_own_reply_under_its_number(adapter: int) -> None:
    code, said = post(adapter, {"data": [[5, "one"], [2, "two"], [7, None]]})
    assert code == 200
    assert [row[0] for row in said["data"]] == [5, 2, 7]
    assert [row[1] and row[1]["choices"][0]["message"]["content"] for row in said["data"]] == [
        "said one",
        "said two",
        None,
    ]


def test_the_model_is_asked_greedily_under_its_served_name(adapter: int) -> None:
    post(adapter, {"data": [[0, "one"]]})
    assert (Model.asked[0]["model"], Model.asked[0]["temperature"]) == ("copilot", 0)


def test_a_reply_reads_as_the_copilots_model_reads_it(adapter: int) -> None:
    from sql_tools.llms.cortex import read_reply

    reply = post(adapter, {"data": [[0, "one"]]})[1]["data"][0][1]
    assert read_reply(json.dumps(reply)).content == "said one"


def test_a_refused_prompt_is_an_error_in_its_row_alone(adapter: int) -> None:
    code, said = post(adapter, {"data": [[0, TOO_LONG], [1, "two"]]})
    assert code == 200
    assert "maximum context length" in said["data"][0][1]["error"]
    assert "choices" in said["data"][1][1]


def test_a_failing_model_fails_the_batch_so_that_it_is_sent_again(adapter: int) -> None:
    assert post(adapter, {"data": [[0, "one"], [1, "crash"]]})[0] == 503


def test_a_missing_model_server_fails_the_batch() -> None:
    server = started(make_server("127.0.0.1", 0, "http://127.0.0.1:9", "copilot"))
    assert post(server.server_address[1], {"data": [[0, "one"]]})[0] == 503
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"data": [[0]]}', b'{"data": [["0", "a"]]}', b'{"data": [[0, 5]]}']
)
def test_a_body_that_is_no_batch_is_refused(adapter: int, body: bytes) -> None:
    assert post(adapter, body)[0] == 400


def test_another_path_is_not_found(adapter: int) -> None:
    assert post(adapter, {"data": []}, "/v1/chat/completions")[0] == 404


def test_readiness_is_the_models(adapter: int) -> None:
    def code() -> int:
        connection = HTTPConnection("127.0.0.1", adapter, timeout=10)
        connection.request("GET", "/health")
        return connection.getresponse().status

    assert code() == 200
    Model.healthy = False
    assert code() == 503


def test_rows_are_read_as_written() -> None:
    assert read_rows(b'{"data": [[0, "a"], [1, null]]}') == [(0, "a"), (1, None)]
    with pytest.raises(RequestError):
        read_rows(b'{"rows": []}')


def test_a_failure_is_logged_with_the_query_it_belongs_to_and_without_the_prompt(
    adapter: int, caplog: pytest.LogCaptureFixture
) -> None:
    connection = HTTPConnection("127.0.0.1", adapter, timeout=10)
    headers = {"sf-external-function-current-query-id": "01b2-query", "Content-Type": "application/json"}
    connection.request("POST", "/complete", json.dumps({"data": [[0, "crash"]]}).encode(), headers)
    assert connection.getresponse().status == 503
    assert "Query 01b2-query" in caplog.text
    assert "crash" not in caplog.text


def test_a_key_is_asked_for_and_a_page_of_a_browser_gets_nothing(upstream: ThreadingHTTPServer) -> None:
    address = f"http://127.0.0.1:{upstream.server_address[1]}"
    server = started(make_server("127.0.0.1", 0, address, "copilot", key="secret"))

    def code(**headers: str) -> int:
        connection = HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
        connection.request("POST", "/complete", json.dumps({"data": [[0, "one"]]}).encode(), headers)
        return connection.getresponse().status

    assert [code(), code(Authorization="Bearer wrong"), code(Authorization="Bearer secret")] == [401, 401, 200]
    assert code(Authorization="Bearer secret", Origin="http://evil.example") == 403
    server.shutdown()
    server.server_close()


def test_the_models_server_gets_its_key(adapter: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "upstreams")
    post(adapter, {"data": [[0, "one"]]})
    assert Model.keys[-1] == "Bearer upstreams"
