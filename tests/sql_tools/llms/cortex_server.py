"""Cortex's REST interface on loopback, as far as its documentation says what it does; loaded by path by the tests.

Strict: a field that the documentation calls an error is refused, as is one that it calls ignored for the model's family,
so that a client that relies on it is found out. Source: "Cortex REST API", compatibility chart and status codes, and
bodies of errors as users of the real one report them.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATH = "/api/v2/cortex/v1/chat/completions"
TAKEN = {"model", "messages", "max_completion_tokens", "temperature", "top_p", "stream"}  # by every family of models
ROLES = {"system", "user", "assistant"}
TYPES = {None, "KEYPAIR_JWT", "OAUTH", "PROGRAMMATIC_ACCESS_TOKEN"}
MODELS = {"claude-any", "llama-any", "openai-thinks"}


class Cortex(ThreadingHTTPServer):
    """What it was asked, and what it says; `refuse` makes it answer all with one status and body, `refusals` one each."""

    daemon_threads = True

    def __init__(self, token: str, reply: Callable[[str], str]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.token, self.reply = token, reply
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.refuse: tuple[int, Any] | None = None
        self.refusals: list[tuple[int, Any]] = []

    def url(self, model: str = "claude-any") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api/v2/cortex/v1#{model}"


class Handler(BaseHTTPRequestHandler):
    server: Cortex

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        refused = self.server.refusals.pop(0) if self.server.refusals else self.server.refuse
        status, said = refused or self._answer(json.loads(body))
        text = said if isinstance(said, str) else json.dumps(said)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def _answer(self, asked: dict[str, Any]) -> tuple[int, Any]:
        self.server.asked.append(asked)
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        if self.path != PATH:
            return 404, {"message": "Not Found"}
        if self.headers["Authorization"] != f"Bearer {self.server.token}":
            return 401, {"code": "390303", "message": f"Invalid OAuth access token. {self.headers['Authorization']}"}
        if self.headers.get("X-Snowflake-Authorization-Token-Type") not in TYPES:
            return 400, {"message": "invalid token type"}
        if wrong := _wrong(asked):
            return 400, {"message": wrong, "request_id": "r", "error_code": "390400"}
        text = self.server.reply("\n\n".join(one["content"] for one in asked["messages"]))
        return 200, _reply(asked["model"], text)

    def log_message(self, format: str, *args: Any) -> None: ...


def _wrong(asked: dict[str, Any]) -> str:
    """The error a request gets; none where every model takes it."""
    if "max_tokens" in asked:
        return "max_tokens is deprecated in favor of max_completion_tokens"
    if asked["model"] not in MODELS:
        return f"unknown model {asked['model']}"
    if not {one["role"] for one in asked["messages"]} <= ROLES:
        return 'unknown role "developer"'
    if asked["model"] == "openai-thinks" and asked.get("temperature", 1) != 1:
        return "invalid request parameters: 'temperature' does not support 0 with this model. Only 1 is supported."
    if more := asked.keys() - TAKEN:
        return f"invalid options object: {sorted(more)}"
    return "" if asked.get("max_completion_tokens", 0) <= 131_072 else "invalid options object"


def _reply(model: str, text: str) -> dict[str, Any]:
    """One choice in the shape of models other than OpenAI's: no id, no reason why it ended, zeros for what is not there."""
    message = {"role": "assistant", "content": text, "audio": {}, "function_call": None}
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    choice = {"index": 0, "message": message, "finish_reason": "", "logprobs": None}
    return {"id": "", "object": "chat.completion", "created": 0, "model": model, "choices": [choice], "usage": usage}


@contextmanager
def running(token: str, reply: Callable[[str], str]) -> Iterator[Cortex]:
    server = Cortex(token, reply)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
