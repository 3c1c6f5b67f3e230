"""A running model server, and plain HTTP calls to it: no proxy, no redirects, errors in our words."""

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model_service.errors import ServerError


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: what was meant for our server goes nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)  # a proxy must never see loopback traffic


@dataclass(frozen=True)
class LocalModel:
    """Where a model of ours answers: an OpenAI-compatible base URL, its key, and the model name to ask for."""

    url: str  # http://127.0.0.1:PORT/v1
    api_key: str = field(repr=False)
    model: str
    pid: int
    weights_id: str
    version: str  # of our server's settings and of llama.cpp
    lease: Path  # the file that keeps the server alive

    @property
    def prefix_dir(self) -> Path:
        """Where the server's slots may be saved."""
        return self.lease.parent.parent / "prefix"

    def call(self, path: str, body: object = None, *, timeout_seconds: float) -> Any:
        """The JSON at `path` (from the server's root); POST if there is a body. Raises ServerError."""
        request = urllib.request.Request(
            self.url.removesuffix("/v1") + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"},
        )
        try:
            with OPENER.open(request, timeout=timeout_seconds) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise ServerError(f"The model server refused {path}: {_reason(error)}.") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise ServerError(
                f"The model server stopped answering ({error}).", "Ask again: it is restarted."
            ) from error


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error"]["message"]).rstrip(".")
    except (ValueError, KeyError, TypeError, OSError):
        return f"HTTP {error.code}"
