"""A result as a pandas frame or CSV, exactly as the engine gave it.

Arrow, which carries frames to the browser, refuses columns of the same name, whole numbers beyond 64 bits and mixed
types: names are told apart, and what Arrow has no type for becomes text.
"""

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd

from sql_tools.models import ResultColumn

_SIMPLE = (bool, int, float, str, Decimal, date, datetime, time, timedelta)
_INT64 = range(-(2**63), 2**63)


def to_frame(columns: Sequence[ResultColumn], rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """One frame column per result column, in order, under unique names."""
    names = unique_names([column.name for column in columns])
    data = {name: _column([row[i] for row in rows]) for i, name in enumerate(names)}
    return pd.DataFrame(data, columns=pd.Index(names))


def csv_bytes(columns: Sequence[ResultColumn], rows: Sequence[Sequence[Any]]) -> bytes:
    """UTF-8 with a byte order mark, so that spreadsheets read other scripts; no value is an empty field."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([column.name for column in columns])
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def unique_names(names: Sequence[str]) -> list[str]:
    """The names, later doubles numbered.

    >>> unique_names(["n", "n", "total"])
    ['n', 'n (2)', 'total']
    """
    unique: list[str] = []
    for name in names:
        tries = (name if i == 1 else f"{name} ({i})" for i in range(1, len(names) + 2))
        unique.append(next(one for one in tries if one not in unique))
    return unique


def number_format(values: Sequence[Any]) -> str | None:
    """A printf format with thousands marks that loses nothing an analyst reads; None where there is none.

    Decimals keep their scale; floats get four places, unless some are so small that four would hide them.

    >>> number_format([1500, None]), number_format([Decimal("2.50")]), number_format([0.00045])
    ('%,d', '%,.2f', None)
    """
    numbers = [value for value in values if value is not None]
    if any(isinstance(value, float) and 0 < abs(value) < 0.01 for value in numbers):
        return None
    places = max((_places(value) for value in numbers), default=0)
    return f"%,.{places}f" if places else "%,d"


def _places(number: Any) -> int:
    if isinstance(number, Decimal):
        return max(0, -int(number.as_tuple().exponent)) if number.is_finite() else 0
    return 4 if isinstance(number, float) and not number.is_integer() else 0


def _column(values: list[Any]) -> "pd.Series[Any]":
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) > 1 or not all(_fits(value) for value in values):
        return pd.Series([None if value is None else str(value) for value in values], dtype="object")
    if kinds == {int}:
        return pd.Series(values, dtype="Int64")
    return pd.Series(values, dtype="object") if kinds != {float} else pd.Series(values, dtype="float64")


def _fits(value: Any) -> bool:
    if isinstance(value, int):
        return value in _INT64
    return value is None or isinstance(value, _SIMPLE)
