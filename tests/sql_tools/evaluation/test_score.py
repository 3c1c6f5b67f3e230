from datetime import date, datetime
from decimal import Decimal
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql_tools.evaluation.score import compare_rows

CELLS = st.one_of(st.none(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=3))


def rows_of(width: int) -> st.SearchStrategy[list[tuple[object, ...]]]:
    return st.lists(st.tuples(*[CELLS] * width), max_size=6)


@pytest.mark.parametrize(
    ("gold", "ours"),
    [
        (1, 1.0),
        (0.1 + 0.2, 0.3),
        (1234567.1, 1234567.2),
        (12345678, 12345678.000001),
        (0, 1e-17),
        (1.5, Decimal("1.50")),
        (1, True),
        ("2024-02-29", date(2024, 2, 29)),
        ("2024-02-29 01:02:03", datetime(2024, 2, 29, 1, 2, 3)),
        (None, nan),
        ("é", "é".encode()),
        (float("inf"), float("inf")),
    ],
)
def test_engine_differences_are_not_differences(gold: object, ours: object) -> None:
    assert compare_rows([(gold,)], [(ours,)], ordered=True)


@pytest.mark.parametrize(
    ("gold", "ours"),
    [
        (2016, "2016"),
        (12345678, 12345679),
        (0.12345, 0.12346),
        ("a", "A"),
        ("a", "a "),
        (None, 0),
        (None, ""),
        (0, 0.001),
    ],
)
def test_other_values_are_differences(gold: object, ours: object) -> None:
    assert not compare_rows([(gold,)], [(ours,)], ordered=False)


def test_row_order_counts_only_where_the_gold_orders() -> None:
    assert compare_rows([(1,), (2,)], [(2,), (1,)], ordered=False)
    assert not compare_rows([(1,), (2,)], [(2,), (1,)], ordered=True)


def test_duplicates_count() -> None:
    assert not compare_rows([(1,), (1,), (2,)], [(1,), (2,), (2,)], ordered=False)


def test_columns_may_stand_in_any_order_but_the_same_for_all_rows() -> None:
    assert compare_rows([(1, "a"), (2, "b")], [("b", 2), ("a", 1)], ordered=False)
    assert not compare_rows([(1, 2), (3, 4)], [(2, 1), (3, 4)], ordered=False)
    assert not compare_rows([(1, "a"), (2, "b")], [("b", 1), ("a", 2)], ordered=True)


def test_pairs_broken_apart_are_other_rows() -> None:
    assert not compare_rows([(1, "a"), (2, "b")], [(1, "b"), (2, "a")], ordered=False)


def test_another_number_of_rows_or_columns_is_another_answer() -> None:
    assert not compare_rows([(1,)], [], ordered=False)
    assert not compare_rows([(1,)], [(1, 1)], ordered=False)


def test_two_empty_results_are_equal() -> None:
    assert compare_rows([], [], ordered=True)


@given(rows_of(3), st.permutations(range(3)), st.randoms())
def test_shuffled_rows_and_columns_are_the_same(
    rows: list[tuple[object, ...]], order: list[int], random: object
) -> None:
    ours = [tuple(row[i] for i in order) for row in rows]
    assert compare_rows(rows, ours, ordered=True)
    random.shuffle(ours)  # type: ignore[attr-defined]
    assert compare_rows(rows, ours, ordered=False)
