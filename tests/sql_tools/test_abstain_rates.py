"""How often the real model declines what the demo cannot tell, and answers what it can: 20 questions each, and 20 each
that no weight or threshold was chosen with: keep it so."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.commands.demo import ACTS
from app.open_model import open_model
from sql_tools import ask
from sql_tools.open_warehouse import open_warehouse
from sql_tools.settings import Settings
from sql_tools.warehouses import Warehouse

QUESTIONS: dict[str, list[str]] = json.loads((Path(__file__).parent / "fixtures" / "demo_questions.json").read_text())
SETTINGS = Settings()


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Warehouse]:
    with closing(open_warehouse("demo", SETTINGS)) as opened:
        yield opened


@pytest.fixture(scope="module")
def model(warehouse: Warehouse) -> Any:
    return open_model(SETTINGS, warehouse=warehouse)


def declined(kind: str, warehouse: Warehouse, model: Any) -> list[str]:
    found = [text for text in QUESTIONS[kind] if ask(text, warehouse, model, SETTINGS).status == "abstained"]
    print(f"\n{kind}: {len(found)} of {len(QUESTIONS[kind])} declined")
    return found


def test_no_question_of_the_two_sets_is_in_the_demo() -> None:
    assert not {act.question for act in ACTS} & {text for texts in QUESTIONS.values() for text in texts}


@pytest.mark.model
@pytest.mark.parametrize(("kind", "at_least"), [("unanswerable", 14), ("unanswerable, never tuned on", 12)])
def test_most_of_what_the_demo_cannot_tell_is_declined(
    kind: str, at_least: int, warehouse: Warehouse, model: Any
) -> None:
    assert len(declined(kind, warehouse, model)) >= at_least


@pytest.mark.model
@pytest.mark.parametrize(("kind", "at_most"), [("answerable", 2), ("answerable, never tuned on", 3)])
def test_hardly_anything_the_demo_can_tell_is_declined(
    kind: str, at_most: int, warehouse: Warehouse, model: Any
) -> None:
    assert len(declined(kind, warehouse, model)) <= at_most
