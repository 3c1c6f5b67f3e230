"""A model served as in the account's container: a server that speaks OpenAI's chat API as vLLM does, and the real adapter before it."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

from shop import ANSWERS


class Served(ThreadingHTTPServer):
    """A model behind OpenAI's chat API; `fail` makes it answer with a status, `hang` not at all for so many seconds."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Chat)
        self.asked: list[dict[str, Any]] = []
        self.fail, self.hang = 0, threading.Event()
        self.hang.set()


class Chat(BaseHTTPRequestHandler):
    server: Served

    def do_GET(self) -> None:
        self._send(200 if self.path == "/health" else 404, {})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        self.server.hang.wait(20)
        if self.server.fail or self.path != "/v1/chat/completions" or asked["model"] != "copilot":
            code = self.server.fail or 404
            return self._send(
                code, {"error": {"message": "maximum context length is 16384", "type": "BadRequestError", "code": code}}
            )
        text = say(asked["messages"][-1]["content"])
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
        return self._send(
            200, {"id": "c", "object": "chat.completion", "model": "copilot", "choices": [choice], "usage": usage}
        )

    def _send(self, code: int, said: dict[str, Any]) -> None:
        body = json.dumps(said).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None: ...


def say(prompt: str) -> str:
    """Whether the tables can tell, the SQL of the shop's answers, or the prompt itself."""
    if "Answer yes or no" in prompt:
        return "No." if "weather" in prompt else "Yes."
    return next((entry["answer"] for entry in ANSWERS if entry["match"] in prompt), f"said {prompt}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def adapter_at(port: int, upstream: int) -> Iterator[None]:
    """The adapter as its container starts it (snowflake/specs/), once it says that it is ready."""
    command = [sys.executable, "-m", "model_service.serving.service_functions", "--without-key", "--port", str(port)]
    command += [f"--upstream=http://127.0.0.1:{upstream}", "--model=copilot"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "no_proxy": "*"}) as process:
        try:
            for _ in range(200):
                try:
                    with urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                        break
                except OSError:
                    threading.Event().wait(0.05)
            yield
        finally:
            process.terminate()


@contextmanager
def between(target: int, posted: list[tuple[dict[str, str], Any]]) -> Iterator[int]:
    """A server that passes posts on to another, and keeps what it saw."""

    class Relay(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append(({name.lower(): value for name, value in self.headers.items()}, json.loads(body)))
            with urlopen(
                Request(f"http://127.0.0.1:{target}{self.path}", body, dict(self.headers)), timeout=20
            ) as answer:
                said = answer.read()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
