"""Results survive the way to the browser and to a spreadsheet."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow
import pytest

from app.chat.frames import csv_bytes, number_format, to_frame
from sql_tools.models import ResultColumn


def columns(*names: str) -> list[ResultColumn]:
    return [ResultColumn(name=name, type="") for name in names]


@pytest.mark.parametrize(
    "values",
    [
        [1, None, 3],
        [2**80, 1],
        [Decimal("1.5"), Decimal("100.25"), None],
        [date(1995, 1, 1), None],
        [[1, 2], [3]],
        [{"a": 1}, None],
        [b"\x00\xff", b"x"],
        [timedelta(days=1), None],
        [1, "mixed", 2.5],
        [None, None],
        [float("nan"), float("inf")],
    ],
    ids=str,
)
def test_every_kind_of_value_can_be_sent_to_the_browser(values: list[Any]) -> None:
    frame = to_frame(columns("v"), [(value,) for value in values])
    assert pyarrow.Table.from_pandas(frame).num_rows == len(values)


def test_whole_numbers_stay_whole_beside_missing_ones() -> None:
    assert to_frame(columns("n"), [(2**60 + 1,), (None,)])["n"][0] == 2**60 + 1


def test_columns_of_the_same_name_are_all_kept() -> None:
    assert list(to_frame(columns("n", "n"), [(1, 2)]).columns) == ["n", "n (2)"]


def test_no_rows_keep_their_columns() -> None:
    assert list(to_frame(columns("a", "b"), []).columns) == ["a", "b"]


def test_csv_is_exact_and_quotes_what_needs_it() -> None:
    text = csv_bytes(columns("name", "total"), [('say "hi", Zoë', Decimal("1.50")), (None, 2)]).decode("utf-8-sig")
    assert text.splitlines() == ["name,total", '"say ""hi"", Zoë",1.50', ",2"]


@pytest.mark.parametrize(
    ("values", "form"),
    [
        ([1500, None, -3], "%,d"),
        ([Decimal("1234.50"), Decimal("2.00")], "%,.2f"),
        ([Decimal(10**37)], "%,d"),
        ([1234.5678, 3.0], "%,.4f"),
        ([2.0, 3.0], "%,d"),
        ([0.00045, 3.0], None),
        ([float("nan"), float("inf")], "%,.4f"),
    ],
    ids=str,
)
def test_thousands_marks_never_cost_decimals(values: list[Any], form: str | None) -> None:
    assert number_format(values) == form
