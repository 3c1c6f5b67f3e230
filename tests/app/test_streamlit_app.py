"""The page as a user meets it: asked, answered, refused, stopped, broken; driven without a browser."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from langchain_core.language_models import FakeListChatModel
from streamlit.testing.v1 import AppTest

from app.chat import turn as chat
from sql_tools import copilot
from sql_tools.errors import ModelError
from sql_tools.models import Answer, Column, Question, ResultColumn, Table

PAGE = Path(chat.__file__).parents[1] / "streamlit_app.py"
ORDERS = Table(
    schema_name="main",
    name="ORDERS",
    row_count=15000,
    comment="What was ordered",
    columns=(Column(name="O_ORDERSTATUS", type="VARCHAR", values=("F", "O")), Column(name="O_X", type="INTEGER")),
)


class OrdersWarehouse:
    """A warehouse of one table."""

    name, dialect, remote, notes, role = "orders", "duckdb", False, ("Table X was left out.",), ""

    def tables(self) -> tuple[Table, ...]:
        return (ORDERS,)


class FakeAsk:
    """Stands for ask(): answers with `outcome`, after `gate` opened; remembers the questions."""

    def __init__(self) -> None:
        self.questions: list[Question] = []
        self.outcome: Any = "answered"
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, question: Question, *args: Any, on_stage: Any) -> Answer:
        self.questions.append(question)
        on_stage("generate", "")
        self.gate.wait(10)
        on_stage("execute", "")
        if isinstance(self.outcome, Exception):
            raise self.outcome
        rows = (("F", 7300), ("O", 7321)) if self.outcome == "answered" else ()
        columns = (ResultColumn(name="status", type="VARCHAR"), ResultColumn(name="n", type="BIGINT"))
        said = f"Said: {self.outcome}"
        sql = f"SELECT '{question.text}'"
        return Answer(status=self.outcome, question=question.text, sql=sql, columns=columns, rows=rows, message=said)


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeAsk]:
    fake = FakeAsk()
    monkeypatch.setenv("ARCTIC_COPILOT_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(copilot, "ask", fake)
    monkeypatch.setattr(chat, "open_warehouse", lambda target, settings, on_progress: OrdersWarehouse())
    monkeypatch.setattr(chat, "open_model", lambda settings, **kwargs: FakeListChatModel(responses=[""]))
    st.cache_resource.clear()
    yield fake
    fake.gate.set()
    st.cache_resource.clear()


def opened() -> AppTest:
    """The page once warehouse and model are there."""
    page = AppTest.from_file(str(PAGE), default_timeout=20).run()
    return settle(page, lambda: bool(page.selectbox))


def settle(page: AppTest, is_settled: Any) -> AppTest:
    """Run again, as the page's polling does, until it is so."""
    for _ in range(100):
        if is_settled():
            assert not page.exception
            return page
        threading.Event().wait(0.05)
        page.run()
    raise AssertionError("the page did not get there")


def put(page: AppTest, question: str) -> AppTest:
    """Type a question and wait until nothing runs any more."""
    page.chat_input[0].set_value(question).run()
    return settle(page, lambda: not running(page))


def running(page: AppTest) -> bool:
    return "Stop" in [button.label for button in page.button]


def text_of(page: AppTest) -> str:
    elements = [*page.markdown, *page.text, *page.caption, *page.info, *page.warning, *page.error, *page.code]
    return "\n".join(str(element.value) for element in elements).replace("\\", "")


def click(page: AppTest, label: str) -> AppTest:
    return next(button for button in page.button if button.label == label).click().run()


def test_an_empty_chat_offers_questions_and_one_click_asks(ask: FakeAsk) -> None:
    page = click(opened(), "How many orders are there for each order status?")
    settle(page, lambda: not running(page))
    assert [question.text for question in ask.questions] == ["How many orders are there for each order status?"]
    assert "Said: answered" in text_of(page)


def test_an_answer_shows_its_sql_and_rows(ask: FakeAsk) -> None:
    page = put(opened(), "How many orders?")
    assert page.code[0].value == "SELECT\n  'How many orders?'"
    assert list(page.main.dataframe[0].value["n"]) == [7300, 7321]


@pytest.mark.parametrize("status", ["answered", "clarify", "abstained", "refused", "failed"])
def test_each_status_is_said(ask: FakeAsk, status: str) -> None:
    ask.outcome = status
    assert f"Said: {status}" in text_of(put(opened(), "How many orders?"))


def test_an_error_has_its_words_its_hint_and_no_traceback(ask: FakeAsk) -> None:
    ask.outcome = ModelError("The server is gone.", "Start it again.")
    page = put(opened(), "How many orders?")
    assert "The server is gone." in page.error[0].value.replace("\\", "")
    assert "Start it again." in page.error[0].value.replace("\\", "")
    assert "Traceback" not in text_of(page)


def test_after_an_error_one_click_asks_again(ask: FakeAsk) -> None:
    ask.outcome = ModelError("The server is gone.")
    page = put(opened(), "How many orders?")
    ask.outcome = "answered"
    click(page, "Ask again")
    settle(page, lambda: not running(page))
    assert "Said: answered" in text_of(page)


def test_while_it_runs_the_stage_is_named_and_the_page_is_free(ask: FakeAsk) -> None:
    ask.gate.clear()
    page = opened()
    page.chat_input[0].set_value("How many orders?").run()
    settle(page, lambda: "Writing SQL" in text_of(page))
    assert running(page)
    assert not page.chat_input[0].disabled


def test_a_question_asked_meanwhile_waits_and_is_answered(ask: FakeAsk) -> None:
    ask.gate.clear()
    page = opened()
    page.chat_input[0].set_value("First?").run()
    page.chat_input[0].set_value("Second?").run()
    assert "Waiting for its turn" in text_of(page)
    ask.gate.set()
    settle(page, lambda: text_of(page).count("Said: answered") == 2)
    assert [question.text for question in ask.questions] == ["First?", "Second?"]


def test_stop_gives_the_turn_up_and_the_next_question_goes_on(ask: FakeAsk) -> None:
    ask.gate.clear()
    page = opened()
    page.chat_input[0].set_value("First?").run()
    click(page, "Stop")
    settle(page, lambda: "Stopped." in text_of(page))
    ask.gate.set()
    assert text_of(put(page, "Second?")).count("Said: answered") == 1


def test_a_follow_up_carries_the_last_answer_whatever_failed_since(ask: FakeAsk) -> None:
    page = opened()
    put(page, "How many orders are open?")
    ask.outcome = "refused"
    put(page, "How many orders are gone?")
    ask.outcome = "answered"
    put(page, "only 2025")
    (last,) = ask.questions[-1].history
    assert (last.question, last.columns, last.row_count) == ("How many orders are open?", ("status", "n"), 0)
    assert "You asked: " in text_of(page)


def test_each_intent_on_the_page(ask: FakeAsk) -> None:
    page = opened()
    put(page, "hello")
    assert "I turn questions about this data into checked SQL" in text_of(page)
    put(page, "How many orders are open?")
    put(page, "as a pie chart")
    assert "From the answer above: pie chart of n by status." in text_of(page)
    put(page, "show me the numbers")
    assert "What would you like to know?" in text_of(page)
    put(page, "Delete all orders")
    assert "only reads" in text_of(page)
    put(page, "Where does this number come from?")
    assert [question.text for question in ask.questions] == ["How many orders are open?"]


def test_one_click_asks_a_follow_up_by_itself(ask: FakeAsk) -> None:
    page = opened()
    put(page, "How many orders are open?")
    put(page, "only the large ones of 2025")
    assert ask.questions[-1].history != ()
    click(page, "Ask this by itself")
    settle(page, lambda: len(ask.questions) == 3)
    assert (ask.questions[-1].text, ask.questions[-1].history) == ("only the large ones of 2025", ())


def test_a_new_chat_is_empty(ask: FakeAsk) -> None:
    page = click(put(opened(), "How many orders?"), "New chat")
    assert "Said: answered" not in text_of(page)
    assert ask.questions
    put(page, "Again?")
    assert ask.questions[-1].history == ()


def test_the_sidebar_names_what_is_in_use_and_its_tables(ask: FakeAsk) -> None:
    page = opened()
    assert "demo" in text_of(page)
    assert "local" in text_of(page)
    assert "15,000 rows. What was ordered" in text_of(page)
    assert "Table X was left out." in text_of(page)
    assert list(page.sidebar.dataframe[0].value["Column"]) == ["O_ORDERSTATUS", "O_X"]


def test_a_model_that_does_not_start_is_told_and_can_be_tried_again(
    ask: FakeAsk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(settings: Any, **kwargs: Any) -> None:
        raise ModelError("No network, and no weights.", "Connect once.")

    monkeypatch.setattr(chat, "open_model", refuse)
    page = AppTest.from_file(str(PAGE), default_timeout=20).run()
    settle(page, lambda: bool(page.error))
    assert "No network, and no weights." in text_of(page)
    monkeypatch.setattr(chat, "open_model", lambda settings, **kwargs: FakeListChatModel(responses=[""]))
    click(page, "Try again")
    settle(page, lambda: bool(page.selectbox))


def test_a_question_asked_while_opening_is_not_lost(ask: FakeAsk, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    def slow(settings: Any, *, on_progress: Any, **kwargs: Any) -> FakeListChatModel:
        on_progress("150 of 1,000 MB", 0.15)
        gate.wait(10)
        return FakeListChatModel(responses=[""])

    monkeypatch.setattr(chat, "open_model", slow)
    page = AppTest.from_file(str(PAGE), default_timeout=20).run()
    settle(page, lambda: "150 of 1,000 MB" in text_of(page))
    page.chat_input[0].set_value("Early?").run()
    gate.set()
    settle(page, lambda: "Said: answered" in text_of(page))


def test_bad_settings_are_told_instead_of_a_page(ask: FakeAsk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCTIC_COPILOT_MAX_ROWS", "many")
    page = AppTest.from_file(str(PAGE), default_timeout=20).run()
    assert "max_rows" in text_of(page)
    assert not page.chat_input
