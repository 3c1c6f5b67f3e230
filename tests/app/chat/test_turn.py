"""A turn always ends in an Answer or in words a user can act on."""

from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel

from app.chat import turn as chat
from app.chat.turn import Desk, Trouble, settings_or_trouble, start_opening, start_turn
from sql_tools import copilot
from sql_tools.errors import ModelError, WarehouseError
from sql_tools.models import Answer, Column, Question, Table
from sql_tools.settings import Settings

PATIENCE_SECONDS = 10
MODEL = FakeListChatModel(responses=["How many in 2025?"])


class NoTables:
    """A warehouse that has nothing to read."""

    name, dialect, remote, notes, role = "none", "duckdb", False, (), ""

    def tables(self) -> tuple[()]:
        return ()


class OneTable(NoTables):
    """A warehouse of one table."""

    def tables(self) -> tuple[Table, ...]:  # type: ignore[override]
        return (Table(schema_name="main", name="orders", columns=(Column(name="year", type="INTEGER"),)),)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path)


def turn(settings: Settings, answers: tuple[Answer, ...] = (), said: str = "How many orders?") -> Any:
    job = start_turn(Desk(settings, OneTable(), MODEL, ()), said, answers)  # type: ignore[arg-type]
    assert job.wait(PATIENCE_SECONDS)
    return job.outcome


def fail_with(error: Exception) -> Any:
    def ask(*args: Any, **kwargs: Any) -> Answer:
        raise error

    return ask


def test_the_question_goes_out_with_its_history(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Question] = []

    def ask(question: Question, *args: Any, **kwargs: Any) -> Answer:
        seen.append(question)
        return Answer(status="answered", question=question.text)

    monkeypatch.setattr(copilot, "ask", ask)
    before = Answer(status="answered", question="How many before?", sql="SELECT 1")
    answer = turn(settings, (before,), "only 2025")
    assert (answer.status, answer.intent, answer.resolved_question) == ("answered", "follow_up", "How many in 2025?")
    assert [(q.text, [t.question for t in q.history]) for q in seen] == [("How many in 2025?", ["How many before?"])]


def test_our_errors_keep_their_words_and_hint(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copilot, "ask", fail_with(ModelError("The server is gone.", "Start it.")))
    assert turn(settings) == Trouble("The server is gone.", "Start it.")


def test_a_bug_of_ours_is_one_sentence_and_the_place_of_the_log(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copilot, "ask", fail_with(ValueError("inner secret")))
    trouble = turn(settings)
    log = next((settings.cache / "logs").iterdir())
    assert str(log) in trouble.hint
    assert "secret" not in trouble.message + trouble.hint
    assert "inner secret" in log.read_text("utf-8")


def test_stages_are_steps(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(question: Question, *args: Any, on_stage: Any) -> Answer:
        on_stage("retrieve", "")
        on_stage("generate", "3 tables")
        return Answer(status="answered", question=question.text)

    monkeypatch.setattr(copilot, "ask", ask)
    job = start_turn(Desk(settings, NoTables(), MODEL, ()), "How many orders?", ())  # type: ignore[arg-type]
    job.wait(PATIENCE_SECONDS)
    assert [(step.label, step.detail) for step in job.steps] == [("retrieve", ""), ("generate", "3 tables")]


def test_opening_gives_warehouse_and_model(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "open_warehouse", lambda target, settings, on_progress: NoTables())
    monkeypatch.setattr(chat, "open_model", lambda settings, **kwargs: MODEL)
    job = start_opening(settings)
    job.wait(PATIENCE_SECONDS)
    assert isinstance(job.outcome, Desk)
    assert job.outcome.model is MODEL


def test_a_warehouse_that_does_not_open_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "open_warehouse", fail_with(WarehouseError("There is no file.", "Give one.")))
    job = start_opening(settings)
    job.wait(PATIENCE_SECONDS)
    assert job.outcome == Trouble("There is no file.", "Give one.")


def test_bad_settings_are_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCTIC_COPILOT_MAX_ROWS", "many")
    trouble = settings_or_trouble()
    assert isinstance(trouble, Trouble)
    assert "max_rows" in trouble.message
