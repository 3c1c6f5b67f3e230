"""What stands around the chat in the account, for the tests: the runtime's container, and the ingress before each viewer.

Run as a program it is the container's start: Streamlit, told where the service's token lies. It knows no viewer. Who looks is
said by the ingress alone, in a header of each request, as in the account; whatever a browser itself puts there is dropped.
"""

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

SERVICE_TOKEN = "service.token"
USER_HEADER = "Sf-Context-Current-User-Token"
FLAGS = (
    "--server.headless=true --server.address=127.0.0.1 --server.fileWatcherType=none --browser.gatherUsageStats=false"
)
HIDDEN = re.compile(rb"(?mi)^(?:sf-context-[\w-]+|accept-encoding|sec-websocket-extensions|connection):.*\r\n")
PATIENCE_SECONDS = 60


@contextmanager
def container(server: Any, upload: Path) -> Iterator[int]:
    """The port of one Streamlit server that runs what was uploaded, in a process of its own, against the account."""
    (upload.parent / "token").write_text(f"{SERVICE_TOKEN}\n", "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    place = {"ACCOUNT": server.account, "HOST": server.host, "PORT": str(server.port), "PROTOCOL": "http"}
    environment = {**os.environ, **{f"SNOWFLAKE_{name}": value for name, value in place.items()}, "no_proxy": "*"}
    command = [sys.executable, __file__, str(upload.parent / "token"), str(upload / "streamlit_app.py"), *FLAGS.split()]
    with (
        (upload.parent / "container.log").open("w") as log,
        subprocess.Popen(
            [*command, f"--server.port={port}"], cwd=upload, env=environment, stdout=log, stderr=log
        ) as process,
    ):
        try:
            _wait_for(f"http://127.0.0.1:{port}/_stcore/health")
            yield port
        finally:
            process.terminate()


def _wait_for(url: str) -> None:
    for _ in range(PATIENCE_SECONDS * 10):
        with suppress(OSError), urlopen(url, timeout=2):
            return
        threading.Event().wait(0.1)
    raise AssertionError(f"nothing answers at {url}")


class Ingress:
    """The account's door for one signed-in user, before the container's port. `sent` is all that came through it."""

    def __init__(self, target: int, token: str) -> None:
        self.target, self.said = target, f"{USER_HEADER}: {token}\r\n".encode()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self._sent: list[bytearray] = []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def sent(self) -> list[str]:
        """What the container sent to this user, save the page's own files, which are the same for everybody."""
        return [bytes(part).decode("latin-1") for part in self._sent]

    def close(self) -> None:
        self.listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self.target)) as inner:
            head = b""
            while b"\r\n\r\n" not in head:
                if not (more := client.recv(65536)):
                    return
                head += more
            line, rest = head.split(b"\r\n", 1)
            live = b"upgrade: websocket" in rest.lower()
            kept = b"" if b" /static/" in line else self._part()
            inner.sendall(
                line + b"\r\n" + self.said + (b"Connection: Upgrade\r\n" if live else b"Connection: close\r\n")
            )
            inner.sendall(HIDDEN.sub(b"", rest))
            threading.Thread(target=_pump, args=(client, inner), daemon=True).start()
            _pump(inner, client, kept)

    def _part(self) -> bytearray:
        self._sent.append(bytearray())
        return self._sent[-1]


def _pump(source: socket.socket, target: socket.socket, kept: bytearray | bytes = b"") -> None:
    """All bytes of one, as they come, to the other; kept where `kept` takes them."""
    with suppress(OSError):
        while data := source.recv(65536):
            if isinstance(kept, bytearray):
                kept += data
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def start(token_file: str, *arguments: str) -> None:
    """The container's own start."""
    from streamlit.connections import snowflake_connection
    from streamlit.web.cli import main

    snowflake_connection.SNOWPARK_CONNECTION_TOKEN_FILE = token_file
    sys.path.pop(0)  # this folder, which is none of the container's
    main(["run", *arguments])


if __name__ == "__main__":
    start(*sys.argv[1:])
