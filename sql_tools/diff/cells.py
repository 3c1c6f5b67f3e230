"""Is a cell from Snowflake equal to one from DuckDB? Compared at Snowflake's scale, whatever Python type each driver returns."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from math import isclose, isnan
from typing import Any

RELATIVE = 1e-9  # sums of floats differ in their last digits from run to run
ABSOLUTE = 1e-12
SEMI_STRUCTURED = ("VARIANT", "OBJECT", "ARRAY", "MAP", "JSON", "STRUCT", "LIST")
FAMILIES = {
    "number": "NUMBER DECIMAL NUMERIC FIXED INT INTEGER BIGINT SMALLINT TINYINT HUGEINT UBIGINT UINTEGER USMALLINT UTINYINT "
    "UHUGEINT FLOAT DOUBLE REAL DECFLOAT",
    "text": "VARCHAR TEXT STRING CHAR",
    "truth value": "BOOLEAN",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP TIMESTAMP_NTZ TIMESTAMP_LTZ TIMESTAMP_TZ DATETIME TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_NS",
    "bytes": "BINARY VARBINARY BLOB",
}


def families_differ(theirs: str, ours: str) -> bool:
    """Are the two types of different kinds, as a date and a timestamp are? Precision and scale are not looked at.

    >>> families_differ("NUMBER(38,0)", "BIGINT"), families_differ("DATE", "TIMESTAMP")
    (False, True)
    """
    return _family(theirs) != _family(ours)


def _family(type_name: str) -> str:
    if type_name.endswith("[]"):
        return "semi-structured"
    word = type_name.upper().partition("(")[0].split(" ")[0].strip()
    return next((family for family, words in FAMILIES.items() if word in words.split()), "semi-structured")


def row_agrees(theirs: Sequence[Any], ours: Sequence[Any], types: Sequence[str]) -> bool:
    """Cell by cell; `types` are Snowflake's."""
    return len(theirs) == len(ours) and all(
        cell_agrees(one, other, kind) for one, other, kind in zip(theirs, ours, types, strict=True)
    )


def cell_agrees(theirs: Any, ours: Any, type_name: str = "") -> bool:
    """A decimal is compared at its scale, a float to nine digits, JSON by what it says; all else has to be equal.

    >>> cell_agrees(Decimal("0.285714"), 2 / 7), cell_agrees(Decimal("0.28"), 2 / 7), cell_agrees("a ", "a")
    (True, False, False)
    """
    if theirs is None or ours is None:
        return _is_nothing(theirs) and _is_nothing(ours)
    if type_name.upper().partition("(")[0] in SEMI_STRUCTURED:
        return bool(_parsed(theirs) == _parsed(ours))
    if isinstance(theirs, bool) or isinstance(ours, bool):
        return theirs is ours
    if isinstance(theirs, int | float | Decimal) and isinstance(ours, int | float | Decimal):
        return _numbers_agree(theirs, ours)
    if isinstance(theirs, date) and isinstance(ours, date):
        return _moment(theirs) == _moment(ours)
    return bool(theirs == ours)


def key_of(row: Sequence[Any]) -> tuple[str, ...]:
    """Rows with the same key agree; some that agree have other keys."""
    return tuple(f"{type(cell).__name__[:4]} {cell}" for cell in row)


def _is_nothing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and isnan(cell))


def _numbers_agree(theirs: float | Decimal, ours: float | Decimal) -> bool:
    scale = -int(theirs.as_tuple().exponent) if isinstance(theirs, Decimal) and theirs.is_finite() else 0
    if scale > 0:
        here = Decimal(repr(ours)) if isinstance(ours, float) else Decimal(ours)
        return abs(here - Decimal(theirs)) <= Decimal("0.5000001").scaleb(-scale)
    if isinstance(theirs, float) or isinstance(ours, float):
        return isclose(theirs, ours, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return theirs == ours


def _moment(value: date) -> str:
    """As text, without an offset; a date is its midnight: `families_differ` tells of the type."""
    whole = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return whole.replace(tzinfo=None).isoformat()


def _parsed(cell: Any) -> Any:
    try:
        return json.loads(cell) if isinstance(cell, str) else json.loads(json.dumps(cell, default=str))
    except ValueError:
        return cell
