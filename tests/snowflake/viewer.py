"""A viewer of the chat in a browser of their own: headless chromium, with a profile that nobody else has."""

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
PATIENCE_SECONDS = 60
DONE = """const all = [...document.querySelectorAll('[data-testid=stChatMessage]')], last = all.at(-1)?.innerText ?? '';
return all.length === 2 * arguments[0] && last.trim() !== '' && !last.includes('Waiting for its turn')
    && ![...document.querySelectorAll('button')].some(button => button.innerText.trim().endsWith('Stop'))
    && !document.querySelector('[data-testid=stApp][data-test-script-state=running]')"""
BOX = "[data-testid=stSelectbox] input"
UNFOLD = "document.querySelectorAll('details:not([open]) > summary').forEach(summary => summary.click())"
PRESS = """const found = [...document.querySelectorAll('button')].find(button => button.innerText.includes(arguments[0]));
found?.click(); return Boolean(found)"""


class Viewer:
    """One signed-in user at their browser; `url` is the account's door for them."""

    def __init__(self, profile: Path, url: str = "") -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = str(BROWSER)
        for flag in (*FLAGS.split(), f"--user-data-dir={profile}"):
            options.add_argument(flag)
        self.url, self.asked = url, 0
        self.driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))

    def look(self, *, width: int = 1280, height: int = 1000, theme: str = "light") -> "Viewer":
        """Open the page anew, and wait until something can be asked, or there is an error to read."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = [{"name": "prefers-color-scheme", "value": theme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        self.driver.get(self.url)
        self.asked = 0
        until(lambda: bool(self.find("stAlert")) or ("Every query is checked" in self.text and self.input is not None))
        return self

    def ask(self, question: str) -> "Viewer":
        """Type it, and wait for what comes of it."""
        from selenium.webdriver.common.keys import Keys

        self.input.send_keys(question, Keys.ENTER)
        return self.answered()

    def press(self, label: str) -> "Viewer":
        """Click what asks a question, such as a suggestion, and wait for what comes of it."""
        until(lambda: bool(self.run(PRESS, label)))
        return self.answered()

    def choose(self, table: str) -> "Viewer":
        """Look at a table in the sidebar, by a part of its name that no other has."""
        from selenium.webdriver.common.keys import Keys

        boxes: list[Any] = []
        until(lambda: bool(boxes.extend(self.driver.find_elements("css selector", BOX)) or boxes))
        boxes[0].click()
        boxes[0].send_keys(table)
        until(lambda: len(self.driver.find_elements("css selector", "[role=option]")) == 1)
        boxes[0].send_keys(Keys.ENTER)
        return self

    def answered(self) -> "Viewer":
        self.asked += 1
        until(lambda: bool(self.run(DONE, self.asked)))
        return self

    def unfold(self) -> "Viewer":
        """Open all that is folded: checks, proof, drafts."""
        self.run(UNFOLD)
        until(lambda: not self.run("return document.querySelectorAll('details:not([open])').length"))
        return self

    @property
    def input(self) -> Any:
        return next(iter(self.find("stChatInputTextArea")), None)

    @property
    def text(self) -> str:
        return str(self.run("return document.body.innerText"))

    @property
    def page(self) -> str:
        """All that the page holds, also what is not in sight; without names of styles, which are made of chance letters."""
        source = re.sub(r"(?is)<(style|script|svg).*?</\1>", "", self.driver.page_source)
        return re.sub(r'\b(?:class|style|d)="[^"]*"', "", source)

    def find(self, test_id: str) -> Any:
        return self.driver.find_elements("css selector", f"[data-testid={test_id}]")

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def leave(self) -> None:
        self.driver.quit()


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < end, "the page did not get there"
        time.sleep(0.1)
