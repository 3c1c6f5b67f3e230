"""Stop in the chat: what runs for this asker ends where it runs, in the engine and at the model's server."""

import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest
from langchain_core.language_models import FakeListChatModel

from app.chat.background import Job
from app.chat.turn import Desk, start_turn
from model_service.llama import local
from sql_tools import Settings
from sql_tools.llms import create_model
from sql_tools.llms.stoppable import stoppable_client
from sql_tools.models import Answer
from sql_tools.open_warehouse import open_warehouse
from sql_tools.warehouses import Warehouse
from sql_tools.warehouses.duckdb import process as duckdb_process
from sql_tools.warehouses.snowflake import warehouse as snowflake
from tests.model_service.llama import tiny_llama

PATIENCE_SECONDS = 20.0
SOON_SECONDS = 10.0  # far below what would be waited for
ENDLESS = "SELECT COUNT(*) FROM n a, n b, n c, n d, n e WHERE a.i * b.i + c.i * d.i - e.i = -5"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", memory_limit="500MB", timeout_seconds=PATIENCE_SECONDS)


def until(true: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)


def ended(job: Job[Any]) -> bool:
    return not job._thread.is_alive()


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The engine's processes, as they are started."""
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(*what: Any, **how: Any) -> subprocess.Popen[bytes]:
        started.append(popen(*what, **how))
        return started[-1]

    monkeypatch.setattr(duckdb_process.subprocess, "Popen", start)
    return started


@pytest.fixture(params=["duckdb", "sqlite", "csv"])
def numbers(request: Any, tmp_path: Path, settings: Settings, children: Any) -> Iterator[Warehouse]:
    """A thousand numbers, in each kind of file that there is."""
    rows = range(1000)
    path = tmp_path / "n"
    if request.param == "csv":
        path.mkdir()
        (path / "n.csv").write_text("\n".join(["i", *map(str, rows)]))
    elif request.param == "sqlite":
        import sqlite3

        with sqlite3.connect(path) as made:
            made.execute("CREATE TABLE n (i INTEGER)")
            made.executemany("INSERT INTO n VALUES (?)", [(i,) for i in rows])
        made.close()
    else:
        with duckdb.connect(str(path)) as engine:
            engine.execute("CREATE TABLE n AS SELECT range AS i FROM range(1000)")
    opened = open_warehouse(str(path), settings)
    yield opened
    opened.close()


def test_an_endless_query_ends_in_the_engine_and_the_next_one_runs(
    numbers: Warehouse, children: list[subprocess.Popen[bytes]]
) -> None:
    numbers.tables()
    job = Job(lambda report: numbers.run(ENDLESS, max_rows=1, timeout_seconds=600))
    time.sleep(0.5)
    (running,) = [child for child in children if child.poll() is None]
    job.stop()
    until(lambda: ended(job), SOON_SECONDS)
    assert (job.outcome, running.poll() is not None) == (None, True)
    assert numbers.run("SELECT MAX(i) FROM n", max_rows=1, timeout_seconds=PATIENCE_SECONDS).rows == ((999,),)


def test_what_another_asked_of_the_same_warehouse_goes_on(tmp_path: Path, settings: Settings) -> None:
    with duckdb.connect(str(tmp_path / "n.duckdb")) as engine:
        engine.execute("CREATE TABLE n AS SELECT range AS i FROM range(1000)")
    shared = open_warehouse(str(tmp_path / "n.duckdb"), settings)
    longer = "SELECT COUNT(*) FROM n a, n b, n c WHERE a.i + b.i + c.i >= 0"  # a second or so
    given_up, kept = (
        Job(lambda report, sql=sql: shared.run(sql, max_rows=1, timeout_seconds=60)) for sql in (ENDLESS, longer)
    )
    time.sleep(0.3)
    given_up.stop()
    assert kept.wait(60)
    assert kept.outcome is not None
    assert kept.outcome.rows == ((10**9,),)
    until(lambda: ended(given_up), SOON_SECONDS)
    shared.close()


def test_a_question_s_query_is_cancelled_in_the_account(fake_snowflake: Any, settings: Settings) -> None:
    fake_snowflake.run("CREATE DATABASE SHOP", "CREATE TABLE SHOP.PUBLIC.ORDERS (ID INT)")
    with fake_snowflake.admin(database="SHOP", schema="PUBLIC") as session:
        warehouse = snowflake.from_session(session, settings)
        tables = warehouse.tables()
        fake_snowflake.slow(r"^SELECT\s+COUNT", 30)
        model = FakeListChatModel(responses=["SELECT COUNT(*) AS N FROM ORDERS"])
        job = start_turn(Desk(settings, warehouse, model, tables), "How many orders are there?", ())
        until(lambda: fake_snowflake.log(r"^SELECT\s+COUNT"))
        job.stop()
        until(lambda: ended(job), SOON_SECONDS)
        (ran,) = fake_snowflake.log(r"^SELECT\s+COUNT")
        assert (ran["status"], ran["error"][0]) == ("FAIL", 604)
        told = f"ERROR_CODE FROM TABLE(SHOP.INFORMATION_SCHEMA.QUERY_HISTORY()) WHERE QUERY_ID = '{ran['query_id']}'"
        assert fake_snowflake.run(f"SELECT {told}") == [("000604",)]


def test_a_query_given_up_before_the_account_has_it_is_cancelled_too(fake_snowflake: Any, settings: Settings) -> None:
    fake_snowflake.run("CREATE DATABASE SHOP", "CREATE TABLE SHOP.PUBLIC.ORDERS (ID INT)")
    with fake_snowflake.admin(database="SHOP", schema="PUBLIC") as session:
        warehouse = snowflake.from_session(session, settings)
        execute, sent = session.connection.cursor, threading.Event()

        def late(*given: Any) -> Any:
            sent.wait(PATIENCE_SECONDS)
            time.sleep(0.3)
            return execute(*given)

        session.connection.cursor = late
        fake_snowflake.slow("SELECT 7", 30)
        job = Job(lambda report: warehouse.run("SELECT 7", max_rows=1, timeout_seconds=30))
        time.sleep(0.2)
        job.stop()
        sent.set()
        until(lambda: ended(job), SOON_SECONDS)
        until(lambda: [ran["status"] for ran in fake_snowflake.log("SELECT 7")] == ["FAIL"], SOON_SECONDS)
        session.connection.cursor = execute


class SilentServer:
    """Takes completions and never answers; knows when their client is gone."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}/v1#silent"
        self.asked: list[bytes] = []
        self.gone = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self.listening.accept()
            except OSError:
                return
            with line:
                self.asked.append(line.recv(65536))
                while more := line.recv(65536):
                    self.asked[-1] += more
                self.gone.set()


def test_the_model_s_server_sees_that_its_client_is_gone_and_is_not_asked_again(
    tmp_path: Path, settings: Settings
) -> None:
    with duckdb.connect(str(tmp_path / "n.duckdb")) as engine:
        engine.execute("CREATE TABLE n AS SELECT range AS i FROM range(10)")
    server, warehouse = SilentServer(), open_warehouse(str(tmp_path / "n.duckdb"), settings)
    settings = settings.model_copy(update={"model": server.url, "abstain_above": 1})
    model = create_model(settings)
    job = start_turn(Desk(settings, warehouse, model, warehouse.tables()), "How many n are there?", ())
    until(lambda: server.asked)
    assert not server.gone.wait(0.3)
    job.stop()
    assert server.gone.wait(SOON_SECONDS)
    until(lambda: ended(job), SOON_SECONDS)
    assert [request.split(b" ")[:2] for request in server.asked] == [[b"POST", b"/v1/chat/completions"]]
    assert b'"stream":true' in server.asked[0].replace(b" ", b"")
    server.listening.close()
    warehouse.close()


class StreamingServer(BaseHTTPRequestHandler):
    """Says one query, in pieces."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert asked["stream"] is True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for text in ("```sql\nSELECT ", "COUNT(*) ", "FROM n\n```"):
            choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
            told = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
            self.wfile.write(f"data: {json.dumps(told)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def test_what_is_streamed_so_that_it_can_be_stopped_is_the_whole_reply(tmp_path: Path, settings: Settings) -> None:
    with duckdb.connect(str(tmp_path / "n.duckdb")) as engine:
        engine.execute("CREATE TABLE n AS SELECT range AS i FROM range(10)")
    server = HTTPServer(("127.0.0.1", 0), StreamingServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1#m"
    settings = settings.model_copy(update={"model": url, "abstain_above": 1})
    warehouse = open_warehouse(str(tmp_path / "n.duckdb"), settings)
    job = start_turn(Desk(settings, warehouse, create_model(settings), warehouse.tables()), "How many n are there?", ())
    assert job.wait(PATIENCE_SECONDS)
    assert isinstance(job.outcome, Answer), job.outcome
    assert (job.outcome.status, job.outcome.rows) == ("answered", ((10,),))
    server.shutdown()
    warehouse.close()


def test_llama_cpp_stops_writing_for_a_client_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xllamacpp")
    monkeypatch.setattr(tiny_llama, "CONTEXT", 32_768)
    server = local.start(tiny_llama.write_tiny_llama(tmp_path / "tiny.gguf"), tmp_path, idle_seconds=60)
    try:
        address, client = server.url.removesuffix("/v1"), stoppable_client(trust_env=False)
        told = {"headers": {"Authorization": f"Bearer {server.api_key}"}, "timeout": PATIENCE_SECONDS}
        endless = {"prompt": [1, 2, 3], "n_predict": 30_000, "ignore_eos": True, "stream": True}

        def busy() -> bool:
            return any(slot["is_processing"] for slot in client.get(f"{address}/slots", **told).json())

        job = Job(lambda report: client.post(f"{address}/completion", json=endless, **told))
        until(busy)
        job.stop()
        until(lambda: not busy(), SOON_SECONDS)
        assert job.outcome is None
    finally:
        local.stop(server)
