"""Solved questions of the same shape."""

from sql_tools.examples import examples, question_words
from sql_tools.models import Column, Table

SINGER = Table(schema_name="main", name="singer", columns=(Column(name="country", type="VARCHAR"),))


def test_the_shape_is_found_whatever_the_names() -> None:
    found = examples("Which country has the most singers?", [SINGER], [], count=3)
    assert len(found) == 3
    assert "ORDER BY COUNT(*) DESC LIMIT 1" in found[-1].sql


def test_no_two_examples_have_the_same_sql() -> None:
    found = examples("How many singers are there?", [SINGER], [], count=5)
    assert len({turn.sql for turn in found}) == 5


def test_none_are_given_where_none_are_asked() -> None:
    assert examples("How many singers?", [SINGER], [], count=0) == ()


def test_question_words_hold_no_subjects() -> None:
    words = question_words()
    assert {"many", "average", "which"} <= words
    assert not {"email", "weather", "salary"} & words
