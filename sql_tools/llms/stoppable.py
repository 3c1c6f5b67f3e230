"""An HTTP client whose requests end when their asker gives up: the connection is shut, so that the server drops the work.

A request that waits for its answer cannot be told to stop from another thread; its socket can. So each request has a
connection of its own (`Connection: close`), whose socket is known as soon as it is open (the `trace` extension of httpx).
llama.cpp ends a completion when its client is gone, but notices that only while it streams (tests/app/chat/test_stop.py).
"""

import socket
from contextlib import suppress
from typing import Any

from openai import DefaultHttpxClient

from sql_tools.cancellation import on_cancel, require_wanted

CONNECTED = (".connect_tcp.complete", ".start_tls.complete")


def stoppable_client(*, trust_env: bool) -> DefaultHttpxClient:
    """The client; `trust_env` lets it use the proxies that the environment names. A redirect is an error: what was meant
    for one server is not sent to another."""
    return DefaultHttpxClient(trust_env=trust_env, follow_redirects=False, event_hooks={"request": [_watch]})


def _watch(request: Any) -> None:
    """Have the request's socket shut if its asker gives up; Stopped if that has happened, so that nothing is retried."""
    require_wanted()
    request.headers["Connection"] = "close"
    request.extensions = {**request.extensions, "trace": _note}


def _note(event: str, told: dict[str, Any]) -> None:
    if event.endswith(CONNECTED):
        opened = told["return_value"].get_extra_info("socket")
        if isinstance(opened, socket.socket):
            on_cancel(lambda: _shut(opened))


def _shut(opened: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        opened.shutdown(socket.SHUT_RDWR)
