"""One sentence from the rows, one winner from several results."""

from decimal import Decimal
from typing import Any

import pytest

from sql_tools.answer import answer
from sql_tools.models import QueryResult, ResultColumn
from sql_tools.vote import vote


def result(*rows: tuple[Any, ...], truncated: bool = False) -> QueryResult:
    width = len(rows[0]) if rows else 1
    names = tuple(ResultColumn(name=f"c{i}", type="") for i in range(width))
    return QueryResult(columns=names, rows=rows, truncated=truncated)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (result(), "No rows match."),
        (result((1234567,)), "c0: 1,234,567."),
        (result((Decimal("10.50"), None)), "c0: 10.5; c1: none."),
        (result((0.00012,)), "c0: 0.00012."),
        (result((True,)), "c0: yes."),
        (result(("a",), ("b",)), "c0: a, b."),
        (result(*[(i,) for i in range(12)]), "12 rows."),
        (result((1,), (2,), truncated=True), "The first 2 rows; there are more."),
    ],
)
def test_the_sentence_says_what_the_rows_say(given: QueryResult, sentence: str) -> None:
    assert answer(given) == sentence


def test_a_made_up_column_name_is_left_out() -> None:
    counted = QueryResult(columns=(ResultColumn(name="count_star()", type="BIGINT"),), rows=((57,),))
    assert answer(counted) == "57."


def test_the_result_most_agree_on_wins_whatever_its_order_and_types() -> None:
    assert vote([result((1,)), result((2.0,), (3,)), result((Decimal(3),), (2,))]) == (1, 2)


def test_an_empty_result_loses_to_any_other() -> None:
    assert vote([result(), result(), result((1,))]) == (2, 1)
