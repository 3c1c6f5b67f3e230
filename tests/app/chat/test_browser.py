"""The real page in a real browser: typed into, looked at wide and narrow, light and dark.

The app runs on the demo warehouse, and its model is a stub on loopback that speaks the OpenAI API and knows three
questions by heart. With CHAT_SCREENSHOT=docs/images/chat.png the picture in the README is taken anew.
"""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

from app.chat.server import KEY, streamlit_command  # noqa: E402

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="no chromium and chromedriver on PATH"),
]
PATIENCE_SECONDS = 300.0 if os.environ.get("CHAT_MODEL") else 60.0
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
BARS = "What is the average account balance of customers in each market segment?"
NUMBER = "How many customers are there?"
WRITE = "Delete all orders."
SQL = {
    BARS: "SELECT C_MKTSEGMENT, AVG(C_ACCTBAL) AS AVERAGE_BALANCE FROM CUSTOMER GROUP BY C_MKTSEGMENT",
    NUMBER: "SELECT COUNT(*) AS CUSTOMERS FROM CUSTOMER",
    WRITE: "DELETE FROM ORDERS",
}
MODEL_LINE = " s \u00b7 "
LOW_CONTRAST = (Path(__file__).parent / "low_contrast.js").read_text("utf-8")


class Stub(BaseHTTPRequestHandler):
    """POST /v1/chat/completions: the SQL of the question that stands last in the prompt, once `gate` is open."""

    gate: ClassVar[threading.Event] = threading.Event()

    def do_POST(self) -> None:
        prompt = json.dumps(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"])
        self.gate.wait(PATIENCE_SECONDS)
        sql = SQL[max(SQL, key=prompt.rfind)]
        choice = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": f"```sql\n{sql}\n```"},
        }
        body = json.dumps({"id": "1", "object": "chat.completion", "created": 0, "model": "stub", "choices": [choice]})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def stub_url() -> Iterator[str]:
    Stub.gate.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1#stub"
    server.shutdown()


@pytest.fixture(scope="module")
def app_url(stub_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app on a free loopback port, ready to be opened."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stubbed = {"ARCTIC_COPILOT_MODEL": stub_url, "ARCTIC_COPILOT_CACHE_DIR": str(tmp_path_factory.mktemp("cache"))}
    model = os.environ.get("CHAT_MODEL")
    environment = os.environ | ({"ARCTIC_COPILOT_MODEL": model} if model else stubbed)
    environment["ARCTIC_COPILOT_WAREHOUSE"] = "demo"
    folder = tmp_path_factory.mktemp("empty")
    command = [*streamlit_command(port, folder), "--server.headless=true"]
    environment[KEY] = "the-key-of-this-chat"
    with (tmp_path_factory.mktemp("log") / "app.log").open("w") as log:
        app = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    url = f"http://127.0.0.1:{port}/{environment[KEY]}"
    until(lambda: is_up(f"{url}/_stcore/health"))
    yield url
    app.terminate()
    app.wait(10)


def is_up(url: str) -> bool:
    try:
        return bool(urllib.request.urlopen(url, timeout=2).status == 200)
    except OSError:
        return False


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield browser
    browser.quit()


class Chat:
    """A page of the app in the browser, newly opened."""

    def __init__(self, driver: Any, url: str) -> None:
        self.driver, self.url = driver, url

    def open(self, width: int = 1280, height: int = 1000, theme: str = "light", scale: float = 1) -> "Chat":
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = [{"name": "prefers-color-scheme", "value": theme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        self.driver.get(self.url)
        until(lambda: "Try one of these" in self.text and bool(self.find("stChatInputTextArea")))
        return self

    def ask(self, question: str) -> None:
        self.find("stChatInputTextArea")[0].send_keys(question, Keys.ENTER)

    def asked(self, question: str) -> "Chat":
        """Ask and wait for what comes of it, which ends with the seconds and the model."""
        before = self.text.count(MODEL_LINE)
        self.ask(question)
        until(lambda: self.text.count(MODEL_LINE) > before)
        return self

    @property
    def text(self) -> str:
        return str(self.driver.find_element(By.TAG_NAME, "body").text)

    def find(self, test_id: str) -> Any:
        return self.driver.find_elements(By.CSS_SELECTOR, f"[data-testid={test_id}]")

    def click(self, label: str) -> None:
        """In one go within the page, which may draw the button anew at any moment."""
        found = f"[...document.querySelectorAll('button')].find(b => b.innerText.trim().endsWith('{label}'))"
        until(lambda: bool(self.run(f"const button = {found}; button?.click(); return Boolean(button)")))

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)


@pytest.fixture
def chat(driver: Any, app_url: str) -> Iterator[Chat]:
    yield Chat(driver, app_url)
    Stub.gate.set()


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < end, "the page did not get there"
        time.sleep(0.1)


def test_a_typed_question_gets_its_sql_table_and_chart(chat: Chat) -> None:
    chat.open().asked(BARS)
    until(lambda: bool(chat.driver.find_elements(By.CSS_SELECTOR, "[data-testid=stVegaLiteChart] canvas, svg.marks")))
    assert "GROUP BY" in chat.find("stCode")[0].text
    assert len(chat.find("stMainBlockContainer")[0].find_elements(By.CSS_SELECTOR, "[data-testid=stDataFrame]")) == 1
    assert "whether this is what you meant" in chat.text


def test_one_value_is_written_large(chat: Chat) -> None:
    chat.open().asked(NUMBER)
    assert chat.find("stMetricValue")[0].text == "1,500"


def test_a_write_is_refused_in_words(chat: Chat) -> None:
    chat.open().ask(WRITE)
    until(lambda: bool(chat.find("stAlert")))
    assert "Refused" in chat.find("stAlert")[0].text


def test_the_stages_show_while_it_runs_and_stop_gives_it_up(chat: Chat) -> None:
    Stub.gate.clear()
    chat.open().ask(NUMBER)
    until(lambda: "Asking whether the schema can tell" in chat.text)
    chat.click("Stop")
    until(lambda: "Stopped." in chat.text)


def test_what_is_typed_while_it_runs_is_not_lost(chat: Chat) -> None:
    Stub.gate.clear()
    chat.open().ask(NUMBER)
    until(lambda: "Asking whether the schema can tell" in chat.text)
    chat.find("stChatInputTextArea")[0].send_keys("half a quest")
    Stub.gate.set()
    until(lambda: bool(chat.find("stMetricValue")))
    assert chat.find("stChatInputTextArea")[0].get_attribute("value") == "half a quest"


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(chat: Chat, width: int) -> None:
    chat.open(width=width).asked(BARS)
    assert chat.run("return document.documentElement.scrollWidth") <= width
    assert chat.run("return document.querySelector('[data-testid=stMainBlockContainer]').scrollWidth") <= width


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_text_can_be_read(chat: Chat, theme: str) -> None:
    chat.open(theme=theme).asked(BARS).ask(WRITE)
    until(lambda: bool(chat.find("stAlert")))
    assert chat.run("return getComputedStyle(document.querySelector('.stApp')).colorScheme") == theme
    assert chat.run(LOW_CONTRAST) == []


def test_the_page_asks_nothing_of_other_hosts(chat: Chat) -> None:
    chat.open().asked(BARS)
    loaded = chat.run("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [name for name in loaded if not name.startswith((chat.url, "data:", "blob:"))] == []


def test_the_readme_has_its_picture(chat: Chat) -> None:
    picture = os.environ.get("CHAT_SCREENSHOT")
    if not picture:
        pytest.skip("taken only where CHAT_SCREENSHOT names the file")
    chat.open(height=1240, scale=1.5).asked(BARS)
    assert chat.find("stVegaLiteChart"), "no picture of a question that went wrong"
    time.sleep(2)  # the chart fades in
    assert chat.driver.save_screenshot(picture)
