"""Two viewers of different roles at once, in browsers of their own, before one server of the chat in the account: 0 leaks.

The server is a real one and runs what is uploaded; `container.py` plays what Snowflake puts around it. Searched for the other
role's canaries (`firm.py`): each page with all that can be unfolded, every byte that a browser was sent, and what the account's
model was told. Mutants of the uploaded entry file show that the suite can fail.
"""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from container import SERVICE_TOKEN, Ingress, container
from firm import CANARY, COUNT, FIRM, GUESSES, KNOWN, OTHER, QUESTIONS, VARIABLES, attacks, leaks
from viewer import BROWSER, DRIVER, PATIENCE_SECONDS, Viewer, until

from app.deploy.files import build
from app.deploy.variables import project_root, read_variables

pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="no chromium and chromedriver on PATH"),
]
ROOT = project_root()
GUESSED = (0, 2)  # of GUESSES: a table's name, a column's
KINDS = ("table", "column", "description", "value ann", "value bob", "person earn", "author")
MUTANTS = {
    "one desk for all": ('scope="session", ', ""),
    "answers kept by question": (
        "deployment = read",
        "import app.chat.state as chat\n"
        "kept = chat.__dict__.setdefault('kept', {})\n"
        "plain = chat.__dict__.setdefault('plain', chat.start_turn)\n"
        "chat.start_turn = lambda desk, asked, turns, alone: kept.setdefault(asked, None) or kept.update({asked: plain(desk, asked, turns)}) or kept[asked]\n"
        "deployment = read",
    ),
}


@dataclass
class Seat:
    """One role's viewer at the shared server, and the door they came through."""

    role: str
    ingress: Ingress
    viewer: Viewer
    pages: list[str]

    def keep(self) -> None:
        self.pages.append(self.viewer.unfold().page)

    @property
    def got(self) -> list[str]:
        return [text.replace("\\", "") for text in (*self.pages, *self.ingress.sent)]  # names come escaped too


@pytest.fixture
def upload(fake_snowflake: Any, tmp_path: Path) -> Path:
    """The firm, a model that drafts each role's own SQL, and the chat's files as they are uploaded."""
    fake_snowflake.run(*FIRM)
    fake_snowflake.completions(answers())
    build(ROOT, tmp_path, read_variables(ROOT, VARIABLES))
    chosen = tmp_path / "streamlit/copilot_settings.json"
    chosen.write_text(chosen.read_text("utf-8").replace("ARCTIC_COPILOT.CORE.RECORD", ""), "utf-8")
    return tmp_path / "streamlit"


def answers() -> list[dict[str, str]]:
    """To a guess the thief's SQL; about people each role's own, told by what is in its prompt; else a count."""
    script = []
    for role in CANARY:
        script += [
            {"match": f"Guess {number} of {role}", "answer": sql}
            for number, sql in enumerate(attacks(role, (*GUESSES, *KNOWN)))
        ]
    for mark in (mark.upper() for mark in CANARY.values()):
        own = f"FROM FIRM.PUBLIC.PEOPLE_{mark}TABLE"
        script.append(
            {"match": f"PEOPLE_{mark}.*total pay of all", "answer": f"SELECT SUM(PAY_{mark}COLUMN) AS P {own}"}
        )
        script.append(
            {"match": f"PEOPLE_{mark}.*each person", "answer": f"SELECT WHO_{mark}COLUMN, PAY_{mark}COLUMN {own}"}
        )
    return [*script, {"match": ".", "answer": COUNT}]


@pytest.fixture(scope="module")
def viewers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Viewer]]:
    """A browser for each role."""
    with ExitStack() as stack:
        opened = {role: Viewer(tmp_path_factory.mktemp("profile")) for role in CANARY}
        for viewer in opened.values():
            stack.callback(viewer.leave)
        yield opened


@contextmanager
def seated(server: Any, upload: Path, viewers: dict[str, Viewer]) -> Iterator[list[Seat]]:
    """Both roles' viewers, before one server."""
    with container(server, upload) as port, ExitStack() as stack:
        seats = [Seat(role, Ingress(port, role), viewer, []) for role, viewer in viewers.items()]
        for seat in seats:
            server.connection(seat.role)  # makes the user
            server.ask("token", token=f"{SERVICE_TOKEN}.{seat.role}", user=f"{seat.role}_USER")
            seat.viewer.url = seat.ingress.url
            stack.callback(seat.ingress.close)
        yield seats


def at_once(seats: list[Seat], *doings: Callable[[Seat], Any]) -> None:
    """Each doing by all viewers at the same moment."""
    gate = threading.Barrier(len(seats))

    def work(seat: Seat) -> None:
        try:
            for doing in doings:
                gate.wait(PATIENCE_SECONDS)
                doing(seat)
        except BaseException:
            gate.abort()
            raise

    with ThreadPoolExecutor(len(seats)) as pool:
        list(pool.map(work, seats))


def look(seat: Seat) -> None:
    """The welcome, and in the sidebar the tables: what they are, and the columns of one."""
    seat.viewer.look().choose("PEOPLE")
    until(lambda: f"{CANARY[seat.role]}description" in seat.viewer.text)
    seat.keep()


def press(seat: Seat) -> None:
    seat.viewer.press(f"What does each {CANARY[seat.role]}person earn?")


def asking(question: str) -> Callable[[Seat], Any]:
    return lambda seat: seat.viewer.ask(question.format(role=seat.role))


def guessing(number: int) -> Callable[[Seat], Any]:
    return asking(f"Guess {number} of {{role}}: what is there?")


def test_two_viewers_at_once_see_nothing_of_each_other(
    upload: Path, fake_snowflake: Any, viewers: dict[str, Viewer]
) -> None:
    """Tables, suggestions, a verified query, the same questions in the same words, drafts that guess names and drafts that know them."""
    with seated(fake_snowflake, upload, viewers) as seats:
        at_once(seats, look, press, *map(asking, QUESTIONS[1:3]), *map(guessing, GUESSED), Seat.keep)
        for seat in seats:
            told = [json.dumps(prompt) for prompt in fake_snowflake.prompts() if prompt["role"] == seat.role]
            assert leaks(seat.role, [*seat.got, *told]) == []
            page, sent = "\n".join(seat.pages).lower(), "\n".join(seat.ingress.sent).lower()
            assert [kind for kind in KINDS if f"{CANARY[seat.role]}{kind}" not in page] == []
            assert f"{CANARY[seat.role]}value ann" in sent
        at_once(seats, guessing(len(GUESSES)), Seat.keep)
        for seat in seats:
            assert f"people_{CANARY[OTHER[seat.role]]}table" in seat.pages[-1].lower()  # as it was typed, and
            assert leaks(seat.role, seat.got, attacks(seat.role, KNOWN[:1])) == []  # nothing more


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_server_that_shares_between_viewers_is_caught(
    mutant: str, upload: Path, fake_snowflake: Any, viewers: dict[str, Viewer]
) -> None:
    entry = upload / "streamlit_app.py"
    whole, (old, new) = entry.read_text("utf-8"), MUTANTS[mutant]
    assert old in whole
    entry.write_text(whole.replace(old, new), "utf-8")
    with seated(fake_snowflake, upload, viewers) as seats:
        at_once(seats, lambda seat: seat.viewer.look())
        for seat in seats:  # one after the other: answers made at the same moment are each viewer's own by chance
            at_once([seat], asking(QUESTIONS[1]), Seat.keep)
        assert [leak for seat in seats for leak in leaks(seat.role, seat.pages)] != []
        assert [leak for seat in seats for leak in leaks(seat.role, seat.ingress.sent)] != []
