from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel

from app.commands import demo
from app.commands.demo import ACTS, Act, run_demo
from app.open_model import open_model
from app.terminal.console import Terminal
from sql_tools.copilot import ask
from sql_tools.evaluation.score import compare_rows
from sql_tools.models import Answer
from sql_tools.open_warehouse import open_warehouse
from sql_tools.settings import Settings, read_settings
from sql_tools.warehouses import Warehouse

GOLDS = {
    "How many customers are there in Germany?": """
        SELECT count(*) FROM CUSTOMER JOIN NATION ON C_NATIONKEY = N_NATIONKEY WHERE N_NAME = 'GERMANY'""",
    "What is the average account balance of customers in each market segment?": """
        SELECT C_MKTSEGMENT, avg(C_ACCTBAL) FROM CUSTOMER GROUP BY C_MKTSEGMENT""",
    "Which five suppliers have the highest account balance? Show name and balance.": """
        SELECT S_NAME, S_ACCTBAL FROM SUPPLIER ORDER BY S_ACCTBAL DESC LIMIT 5""",
}


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Warehouse]:
    with closing(open_warehouse("demo", Settings())) as opened:
        yield opened


@pytest.fixture(scope="module")
def model(warehouse: Warehouse) -> Any:
    return open_model(Settings(), warehouse=warehouse)


def test_the_demo_has_three_answers_one_it_declines_and_one_it_refuses() -> None:
    assert sorted(act.status for act in ACTS) == ["abstained", "answered", "answered", "answered", "refused"]
    assert {act.question for act in ACTS if act.status == "answered"} == set(GOLDS)


def test_an_act_that_ends_otherwise_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def all_answered(question: str, *_: object, **__: object) -> Answer:
        return Answer(status="answered", question=question, message="Yes.")

    monkeypatch.setattr(demo, "ask", all_answered)
    surprises = run_demo(None, FakeListChatModel(responses=[]), Settings(), Terminal())  # type: ignore[arg-type]
    assert surprises == 2
    assert all(act.question in capsys.readouterr().out.replace("\n", " ") for act in ACTS[:1])


@pytest.mark.model
@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.title)
def test_each_act_ends_as_promised_and_answers_equal_hand_written_sqls(
    act: Act, warehouse: Warehouse, model: Any
) -> None:
    answer = ask(act.question, warehouse, model, read_settings())
    assert answer.status == act.status, answer.message
    if act.question in GOLDS:
        gold = warehouse.run(GOLDS[act.question], max_rows=1000, timeout_seconds=30)
        assert compare_rows(gold.rows, answer.rows, ordered="ORDER BY" in GOLDS[act.question])
