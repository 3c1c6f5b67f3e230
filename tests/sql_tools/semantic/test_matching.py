import pytest
from langchain_core.language_models import FakeListChatModel

from sql_tools import Settings, ask
from sql_tools.semantic.apply import SemanticWarehouse
from sql_tools.semantic.matching import named_metrics, normalised, verified_for

from .conftest import FILE


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("What is the net revenue?", ["net_revenue"]),
        ("Show takings per month", ["net_revenue"]),
        ("What share given away did we have, and how many deals?", ["deals", "share_given_away"]),
        ("What is the revenue, net?", []),
        ("How many sales?", []),
        ("What is the margin base?", []),
    ],
)
def test_a_metric_is_named_by_its_whole_name(laid: SemanticWarehouse, question: str, names: list[str]) -> None:
    assert sorted(metric.name for metric in named_metrics(question, laid.semantics)) == names


def test_of_metrics_that_share_a_name_either_is_enough(lay: object) -> None:
    assert callable(lay)
    laid = lay(
        FILE.replace(
            "      - {name: deals,",
            "      - {name: before, synonyms: [takings], expr: SUM(AMOUNT)}\n      - {name: deals,",
        )
    )
    for sql in ("SELECT SUM(amount) FROM lines", "SELECT SUM(amount * (1 - cut)) FROM lines"):
        answer = ask("What are the takings?", laid, FakeListChatModel(responses=[sql]), Settings())
        assert [c.passed for c in answer.checks if c.name == "metrics_as_defined"] == [True], sql
    answer = ask(
        "What are the takings?", laid, FakeListChatModel(responses=["SELECT AVG(amount) FROM lines"]), Settings()
    )
    assert [c.passed for c in answer.checks if c.name == "metrics_as_defined"] == [False]


@pytest.mark.parametrize(
    ("one", "other"),
    [("orders of US", "orders of us"), ("over 1.5", "over 15"), ("over 1.5", "over 1 5"), ("(a or b) and c", "a or (b and c)"),
     ("a > b", "a < b"), ("above 5", "above -5"), ("5%", "5")],
)  # fmt: skip
def test_what_means_something_else_is_another_question(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How many orders are there?", "how many orders are there"),
        ("上位５件は？", "上位5件は"),
        ("Show the city", "Please show a city!"),
    ],
)
def test_what_means_the_same_is_the_same_question(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


def test_the_longer_name_hides_the_shorter_one_in_it(lay: object) -> None:
    assert callable(lay)
    text = FILE.replace(
        "      - {name: deals,", "      - {name: takings_share, expr: SUM(net) / 2}\n      - {name: deals,"
    )
    found = named_metrics("What is the takings share?", lay(text).semantics)
    assert [metric.name for metric in found] == ["takings_share"]


@pytest.mark.parametrize(
    ("asked", "is_it"),
    [
        ("What are the takings in each city?", True),
        ("please, what are takings in each city", True),
        ("WHAT ARE THE TAKINGS IN EACH CITY ?!", True),
        ("What are the takings in each city in 2026?", False),
        ("What are not the takings in each city?", False),
        ("What are the takings in a city?", False),
        ("What are THE takings IN each city?", False),
        ("What are the takings in each city > 5?", False),
        ("", False),
    ],
)
def test_only_the_very_question_is_verified(laid: SemanticWarehouse, asked: str, is_it: bool) -> None:
    assert (verified_for(asked, laid.semantics) is not None) is is_it
