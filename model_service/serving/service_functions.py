"""The door for SQL: Snowflake's service functions on one side, an OpenAI-compatible server on the other.

A service function posts `{"data": [[row, prompt], ...]}` and wants `{"data": [[row, reply], ...]}` back, in the same order;
vLLM speaks OpenAI. This runs beside vLLM in the same service (snowflake/specs/), with the standard library alone. A reply
is what of OpenAI's a caller needs, `{"choices": [{"message": {"content"}}], "model", "usage"}`; a prompt that the model
refuses is `{"error"}` in its row, and a model that is not there fails the batch with 503, which Snowflake then sends again;
with 400, which a malformed batch gets, it would not. Source: Snowflake's documentation, "Remote service input and output
data formats" and, on retries, behaviour change 1938.
"""

import argparse
import json
import logging
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from model_service.errors import RequestError, ServerError

MAX_BODY_BYTES = 64 * 2**20
MAX_ROWS_AT_ONCE = 16  # as MAX_BATCH_ROWS of the function; vLLM batches them itself
TIMEOUT_SECONDS = 110.0  # within BATCH_TIMEOUT_SECS of the function
HEALTH_SECONDS = 2.0
MAX_TOKENS = 400
KEPT = ("model", "usage")
KEY = "COPILOT_ADAPTER_KEY"
QUERY_HEADER = "sf-external-function-current-query-id"  # so that a failure here can be found in the query history

Json = dict[str, Any]


def complete_batch(body: bytes, upstream: str, model: str) -> Json:
    """The replies to a batch of prompts, each with its row's number; null to null.

    Raises RequestError if the body is no batch, ServerError if the model server cannot be reached.
    """
    rows = read_rows(body)
    with ThreadPoolExecutor(MAX_ROWS_AT_ONCE) as pool:
        replies = list(pool.map(lambda row: complete(row[1], upstream, model) if row[1] is not None else None, rows))
    return {"data": [[number, reply] for (number, _), reply in zip(rows, replies, strict=True)]}


def read_rows(body: bytes) -> list[tuple[int, str | None]]:
    """Row numbers and prompts; RequestError says what is wrong with the body.

    >>> read_rows(b'{"data": [[0, "How many?"], [1, null]]}')
    [(0, 'How many?'), (1, None)]
    """
    try:
        rows = [(number, prompt) for number, prompt in json.loads(body)["data"]]
    except (ValueError, TypeError, KeyError) as error:
        raise RequestError("The body is not {data: [[row, prompt], ...]}.") from error
    for number, prompt in rows:
        if type(number) is not int or not isinstance(prompt, str | None):
            raise RequestError(f"The row {number!r:.20} is not a number and a text.")
    return rows


def complete(prompt: str, upstream: str, model: str) -> Json:
    """The model's reply to one prompt, greedy; {"error"} for a prompt that it refuses. ServerError if it is not there."""
    asked = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "temperature": 0,
        "max_tokens": MAX_TOKENS,
    }
    request = Request(
        f"{upstream}/v1/chat/completions",
        json.dumps(asked).encode(),
        {"Content-Type": "application/json", **_upstream_key()},
    )
    try:
        with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            reply = json.load(answer)
        return {"choices": [{"message": {"content": reply["choices"][0]["message"]["content"]}}]} | {
            name: reply.get(name) for name in KEPT
        }
    except HTTPError as error:
        if error.code < 500:
            return {"error": f"the model refused the prompt ({error.code}): {_words(error)}"}
        raise ServerError(f"The model server failed ({error.code}).") from error
    except (OSError, HTTPException, ValueError, LookupError, TypeError) as error:
        raise ServerError(f"The model server did not answer: {type(error).__name__}.") from error


def is_ready(upstream: str) -> bool:
    """Does the model server say that it is healthy?"""
    try:
        with urlopen(f"{upstream}/health", timeout=HEALTH_SECONDS) as answer:
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False


def make_server(host: str, port: int, upstream: str, model: str, *, key: str = "") -> ThreadingHTTPServer:
    """A server that answers /complete and /health; `serve_forever` starts it. `upstream` is http://host:port.

    With a `key`, /complete is for who sends it as a bearer token. Pages of a browser, which say their Origin, get nothing.
    """

    class Handler(BaseHTTPRequestHandler):
        """One request; nothing of a prompt is logged."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            ready = self.path == "/health" and is_ready(upstream)
            self._send(200 if ready else 503 if self.path == "/health" else 404, {"ready": ready})

        def do_POST(self) -> None:
            if refusal := self._refusal():
                self._refuse(*refusal)
                return
            body = self._body()
            if body is None:
                return
            try:
                self._send(200, complete_batch(body, upstream, model))
            except RequestError as error:
                self._send(400, {"error": error.message})
            except ServerError as error:
                logging.warning("%s Query %.80s", error.message, self.headers.get(QUERY_HEADER, "unknown"))
                self._send(503, {"error": error.message})

        def _refusal(self) -> tuple[int, str] | None:
            """Why the sender gets no answer."""
            if self.headers.get("Origin"):
                return 403, "This is no server for web pages."
            sent = self.headers.get("Authorization", "").removeprefix("Bearer ")
            if key and not secrets.compare_digest(sent.encode(), key.encode()):
                return 401, f"Send the key as `Authorization: Bearer`; it was printed at the start, or is {KEY}."
            return None

        def _body(self) -> bytes | None:
            """What was posted; None if it was refused unread."""
            length = self.headers.get("Content-Length", "")
            if self.path != "/complete":
                self._refuse(404, "There is only /complete.")
            elif not length.isdigit():
                self._refuse(411, "The body's length is missing.")
            elif int(length) > MAX_BODY_BYTES:
                self._refuse(413, f"The body is larger than {MAX_BODY_BYTES:,} bytes.")
            else:
                return self.rfile.read(int(length))
            return None

        def _refuse(self, code: int, why: str) -> None:
            self.close_connection = True  # the body has not been read
            self._send(code, {"error": why})

        def _send(self, code: int, said: Json) -> None:
            body = json.dumps(said).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            logging.info(format, *args)

    return ThreadingHTTPServer((host, port), Handler)


def main() -> None:
    """`python -m model_service.serving.service_functions`: serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m model_service.serving.service_functions", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="in a container 0.0.0.0")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--upstream", default="http://127.0.0.1:8000", help="the OpenAI-compatible server, without /v1")
    parser.add_argument("--model", default="copilot", help="the name that it serves the model under")
    parser.add_argument(
        "--without-key", action="store_true", help="for Snowflake, which guards the endpoint and sends none"
    )
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    key = "" if args.without_key else os.environ.get(KEY) or secrets.token_urlsafe(24)
    if key and KEY not in os.environ:
        print(f"Key: {key}", flush=True)
    make_server(args.host, args.port, args.upstream.rstrip("/"), args.model, key=key).serve_forever()


def _upstream_key() -> dict[str, str]:
    key = os.environ.get("VLLM_API_KEY")
    return {"Authorization": f"Bearer {key}"} if key else {}


def _words(error: HTTPError) -> str:
    """What the server says, as far as it says it in JSON."""
    try:
        told = json.load(error)
        return str(told.get("message") or told.get("error", {}).get("message") or "")[:300]
    except (ValueError, AttributeError, OSError):
        return "without a reason"


if __name__ == "__main__":
    main()
