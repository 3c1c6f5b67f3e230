"""Starts the tests' Snowflake server in a process and an environment of its own, and speaks to it."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PYTHON = ROOT / ".venv-fake" / "bin" / "python"
SNOW = ROOT / ".venv-snow" / "bin" / "snow"
ACCOUNT = "FAKEACCOUNT"
PASSWORD = "fake"


def why_not() -> str:
    """Why the server cannot run here; empty if it can."""
    return "" if PYTHON.exists() else f"{PYTHON.relative_to(ROOT)} is missing: make venv-fake"


class FakeSnowflake:
    """A running server with one account, ADMIN being its ACCOUNTADMIN. See README.md beside this file."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(HERE), "FAKE_CALLER_PYTHON": sys.executable}
        self.process = subprocess.Popen(
            [str(PYTHON), "-m", "fake_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=HERE, env=environment
        )
        line = self.process.stdout.readline() if self.process.stdout else b""
        if not line:
            raise RuntimeError(
                f"The Snowflake server of the tests ended at once, with exit code {self.process.wait(10)}."
            )
        self.host, self.port, self.account = "127.0.0.1", int(json.loads(line)["port"]), ACCOUNT

    def stop(self) -> None:
        """End the server, in two seconds at most."""
        with suppress(OSError):
            self.process.stdin.close()  # type: ignore[union-attr]
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def connection(self, role: str = "ACCOUNTADMIN", user: str | None = None, **more: Any) -> dict[str, Any]:
        """Parameters for the connector or Snowpark: `user` (one of its own for each role, unless named) holding `role`.

        `more` is added: database, schema, warehouse, port, account, password, session_parameters, ...
        """
        user = user or ("ADMIN" if role == "ACCOUNTADMIN" else f"{role}_USER")
        if more.get("account", ACCOUNT) == ACCOUNT:
            self.ask("user", name=user, roles=[role], password=PASSWORD)
        return {
            "account": ACCOUNT, "user": user, "password": PASSWORD, "role": role, "host": self.host, "port": self.port,
            "protocol": "http", "warehouse": "COMPUTE_WH", "login_timeout": 10,
            "platform_detection_timeout_seconds": 0.0, "network_timeout": 60,
        } | more  # fmt: skip

    def session(self, role: str = "ACCOUNTADMIN", user: str | None = None, **more: Any) -> Any:
        """A Snowpark Session of `connection(role, user, ...)`. Close it."""
        from snowflake.snowpark import Session

        return Session.builder.configs(self.connection(role, user, **more)).create()

    def admin(self, **more: Any) -> Any:
        """A Snowpark Session as ACCOUNTADMIN, to seed data with. Close it."""
        return self.session(**more)

    def run(
        self, *statements: str, role: str = "ACCOUNTADMIN", user: str | None = None, **more: Any
    ) -> list[tuple[Any, ...]]:
        """Run statements in one connection; the rows of the last."""
        import snowflake.connector

        rows: list[tuple[Any, ...]] = []
        with snowflake.connector.connect(**self.connection(role, user, **more)) as connection:
            for statement in statements:
                rows = [tuple(row) for row in connection.cursor().execute(statement).fetchall()]
        return rows

    def connections_toml(
        self, path: Path, connections: Mapping[str, Mapping[str, Any]] | None = None, default: str = "fake"
    ) -> Path:
        """Write a connections.toml (only its owner may read it); by default with one connection, `fake`, of ACCOUNTADMIN."""
        chosen = connections or {default: self.connection()}
        lines = [f'default_connection_name = "{default}"\n'] if path.name == "config.toml" else []
        for name, parameters in chosen.items():
            lines.append(f"[connections.{name}]" if path.name == "config.toml" else f"[{name}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in parameters.items()] + [""]
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text("\n".join(lines))
        return path

    def line(self) -> "Line":
        """A wire to the server that can be cut; connect with `port=line.port`."""
        return Line(self.host, self.port)

    def ask(self, what: str, **body: Any) -> Any:
        """One of the server's controls; RuntimeError says what it refused."""
        request = Request(
            f"http://{self.host}:{self.port}/fake/{what}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urlopen(request, timeout=120) as answer:
            told = json.load(answer)
        if not told["success"]:
            raise RuntimeError(told["message"])
        return told["data"]

    def log(self, match: str = "") -> list[dict[str, Any]]:
        """Statements that were run so far, oldest first, that hold `match` (a regular expression)."""
        return list(self.ask("log", match=match))

    def declare(self, tables: Sequence[Mapping[str, Any]]) -> int:
        """Add tables in bulk: database, schema, name, columns ({name, type, comment, ...}), primary_key, foreign_keys, comment."""
        return int(self.ask("tables", tables=list(tables)))

    def fill(self, table: Sequence[str], parquet: Path) -> None:
        """Add a Parquet file's rows to a table (database, schema, name) that has the same columns in the same order."""
        self.ask("fill", table=list(table), parquet=str(parquet))

    def reset(self) -> None:
        """A new, empty account; sessions that are open have ended."""
        self.ask("reset")

    def slow(self, match: str, seconds: float, *, once: bool = False) -> None:
        """Statements that hold `match` take so much longer; they can be cancelled and time out meanwhile."""
        self.ask("fault", match=match, seconds=seconds, once=once)

    def fail(self, match: str, code: int, message: str, *, sqlstate: str = "22000", once: bool = False) -> None:
        """Statements that hold `match` are refused so."""
        self.ask("fault", match=match, code=code, message=message, sqlstate=sqlstate, once=once)

    def clear_faults(self) -> None:
        self.ask("clear_faults")

    def expire(self, user: str, *, for_good: bool = False) -> int:
        """The user's session tokens have expired; `for_good`: and cannot be renewed. How many sessions that was."""
        return int(self.ask("expire", user=user, for_good=for_good))

    def completions(self, script: Sequence[Mapping[str, Any]]) -> None:
        """What AI_COMPLETE answers: the first of {"match": regex of the prompt, "answer" or "error": text, "once": bool}."""
        self.ask("completions", script=list(script))

    def prompts(self) -> list[dict[str, Any]]:
        """What AI_COMPLETE was asked so far: model, prompt, role, said (all arguments)."""
        return list(self.ask("prompts"))


class Line:
    """Passes bytes both ways until it is cut; then what was open breaks and nothing new gets through."""

    def __init__(self, host: str, port: int) -> None:
        self._target, self._open = (host, port), True
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        """Break all that is open; new connections are refused."""
        self._open = False
        for one in [self._listener, *self._sockets]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while self._open:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                self._sockets += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_pass, args=(source, sink), daemon=True).start()


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65536):
            sink.sendall(part)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
