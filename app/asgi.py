"""The chat as an ASGI application: Streamlit's, behind a look at who asks, with headers that keep the page from reaching
elsewhere.

The key of the chat is part of its address, so no address is told to other sites; and whatever text of others gets past the
escaping, the browser loads no image, script or frame of another host for it. Another site's request is answered here:
Streamlit would ask a host on the internet for this machine's own address first, to compare it.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",  # Vega compiles its expressions
        "style-src 'self' 'unsafe-inline'",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


HOSTS = ("127.0.0.1", "localhost")


class FromHere:
    """Middleware that answers 403 to a request for another host, and to one that a page of another host or port sent."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or _is_from_here(scope["headers"]):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"This chat answers pages of this machine only.\n"})


def _is_from_here(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Is the request's host this machine, and the page that sent it, where it says so, one of that host and port?"""
    given = [(name.lower(), value.decode("latin-1").lower()) for name, value in headers]
    hosts = [value for name, value in given if name == b"host"]
    origins = [value for name, value in given if name == b"origin"]
    host = hosts[0] if len(hosts) == 1 else ""
    return host.partition(":")[0] in HOSTS and all(origin == f"http://{host}" for origin in origins)


class KeptIn:
    """Middleware that puts HEADERS on every response."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


app = st.App(Path(__file__).with_name("streamlit_app.py"), middleware=[Middleware(KeptIn), Middleware(FromHere)])
