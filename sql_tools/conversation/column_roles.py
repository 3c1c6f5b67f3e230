"""What a result's column is for: a time, a number, a category, or a key that only names a row.

Read from its values first and its name second, since result columns are often expressions with made-up types.
"""

import math
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

Role = Literal["time", "number", "category", "key", "other"]

KEY = re.compile(r"(?:^|[_\W])(?:id|uuid|guid|pk|phone)$|key$", re.IGNORECASE)
CAMEL_KEY = re.compile(r"[a-z](?:Id|ID)$")
NUMBERED = re.compile(r"(?:^|[_\W])(?:code|zip|zipcode)$|[_\W](?:number|num|no|nr)$", re.IGNORECASE)
PERIOD = re.compile(r"(year|month|quarter)$|(?:^|[_\W])(week|day|hour)$", re.IGNORECASE)
AMOUNT = re.compile(r"(?:^|[_\W])(?:per|avg|count|num|sum|total)(?:[_\W]|$)", re.IGNORECASE)
PERIODS = {"year": (1000, 2999), "month": (1, 12), "quarter": (1, 4), "week": (0, 53), "day": (0, 366), "hour": (0, 23)}
ISO_TIME = re.compile(r"\d{4}-\d{2}(?:-\d{2})?(?:[T ]\d{2}:\d{2}(?::\d{2})?)?$|[12]\d{3}(?:-?Q[1-4])?$", re.ASCII)


@dataclass(frozen=True)
class Series:
    """One result column: its values top to bottom, None where there is none."""

    name: str
    role: Role
    values: tuple[Any, ...]


def classify(name: str, values: tuple[Any, ...]) -> Series:
    """The column with its role."""
    return Series(name, _role(name, [value for value in values if value is not None]), values)


def _role(name: str, values: list[Any]) -> Role:
    if not values:
        return "other"
    if all(isinstance(value, date) for value in values):
        return "time"
    if all(isinstance(value, int | float | Decimal) and not isinstance(value, bool) for value in values):
        return _role_of_numbers(name, values)
    if not all(isinstance(value, str | bool) for value in values):
        return "other"
    if all(isinstance(value, str) and ISO_TIME.match(value) for value in values):
        return "time"
    return "key" if _names_a_key(name) else "category"


def _role_of_numbers(name: str, values: list[Any]) -> Role:
    if not all(math.isfinite(value) and value == int(value) for value in values):
        return "number"
    if _counts_time(name, values):
        return "time"
    return "key" if _names_a_key(name) or NUMBERED.search(name) else "number"


def _names_a_key(name: str) -> bool:
    return bool(KEY.search(name) or CAMEL_KEY.search(name))


def _counts_time(name: str, values: list[Any]) -> bool:
    """Whether whole numbers are years, months and the like: named so, in range, and not an amount per such a period."""
    found = PERIOD.search(name)
    if not found or AMOUNT.search(name):
        return False
    low, high = PERIODS[(found[1] or found[2]).lower()]
    return all(low <= value <= high for value in values)
