"""Tables alike but for the digits of their names, and which of them a question asks for.

SESSIONS_20170801, SESSIONS_20170802 and so on, with the same columns, are one family: one stands for all where room is
short. A question asks for some by a number (chromosome 17 -> CHR17), a year or a span of years (2011 to 2014 -> GSOD2012,
CCL12), a month or a day (July 2017; between July 2 and July 16, 2018). Only digits in which a family's names differ count.
Given up: spans told by their length ("the ten years from 2008"), quarters, month names in other languages than English.
"""

import re
from calendar import monthrange
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from sql_tools.models import Table

DIGITS = re.compile(r"\d+")
MONTHS = {
    name: number
    for number, name in enumerate(
        "January February March April May June July August September October November December".split(), start=1
    )
}
WHOLE = re.compile(r"(?<![\d.])\d+(?!\d|\.\d)")  # no part of 2.1.1
SPOKEN = re.compile(
    rf"(?:\b(\d{{1,2}})(?:st|nd|rd|th)?\s+)?\b({'|'.join(MONTHS)})\b(?:\s+(\d{{1,2}})(?:st|nd|rd|th)?\b)?"
    r"(?:,?\s+(?:of\s+)?((?:19|20)\d\d)\b)?"
)
ISO = re.compile(r"\b((?:19|20)\d\d)-(\d\d)-(\d\d)\b")
YEARS = re.compile(r"\b((?:19|20)\d\d)\s*(?:to|through|until|and|-|–)\s*((?:19|20)\d\d)\b")
BETWEEN = re.compile(r"[\s,()]*(?:to|through|until|-|–|and|and ending on|ending on)[\s,]*", re.IGNORECASE)
MAX_DAYS = 400  # of a span told by its ends


def families(tables: Sequence[Table]) -> list[tuple[int, ...]]:
    """Tables that differ only in the digits of their names, by position; most are families of one."""
    found: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for number, table in enumerate(tables):
        pattern = DIGITS.sub("#", table.name)
        alone = pattern == table.name
        shape = () if alone else frozenset(column.name for column in table.columns)
        found[table.database, table.schema_name, pattern, shape].append(number)
    return [tuple(members) for members in found.values()]


def told_apart(names: Mapping[int, str]) -> dict[int, tuple[str, ...]]:
    """For each of a family's names the runs of digits in which they differ.

    >>> told_apart({0: "V2_CHR1", 1: "V2_CHR17"})
    {0: ('1',), 1: ('17',)}
    """
    digits = {number: DIGITS.findall(name) for number, name in names.items()}
    differ = [place for place, values in enumerate(zip(*digits.values(), strict=True)) if len(set(values)) > 1]
    return {number: tuple(own[place] for place in differ) for number, own in digits.items()}


class Asked:
    """The numbers, years, months and days that a text names."""

    def __init__(self, text: str) -> None:
        self.numbers = {int(digits) for digits in WHOLE.findall(text)}
        self.years = {number for number in self.numbers if 1900 <= number < 2100}
        for first, last in YEARS.findall(text):
            self.years |= set(range(int(first), int(last) + 1))
        self.days: set[str] = set()
        self._fits: dict[str, int] = {}
        self.months: set[tuple[int, int]] = set()
        spans = sorted({*_spoken(text, self.years), *_written(text)})
        while spans:
            (_, end, start, stop), *spans = spans
            if spans and start < spans[0][3] and BETWEEN.fullmatch(text[end : spans[0][0]]):
                stop = spans.pop(0)[3]
            self._add(start, stop)

    def _add(self, start: date, stop: date) -> None:
        whole_months = start.day == 1 and stop.day == monthrange(stop.year, stop.month)[1]
        days = [start + timedelta(n) for n in range(min((stop - start).days, MAX_DAYS) + 1)]
        self.months |= {(day.year, day.month) for day in days}
        self.years |= {day.year for day in days}
        self.days |= set() if whole_months else {f"{day:%Y%m%d}" for day in days}

    def split(self, numbers: Mapping[int, tuple[str, ...]]) -> tuple[list[int], list[int]]:
        """Members, given with the digits that tell them apart, that are asked for; and the others, likeliest first, else
        the last one first."""
        if not self.numbers:
            return [], list(numbers)[::-1]
        fits = {member: sum(map(self._known, own)) for member, own in numbers.items()}
        best = max(fits.values())
        named = [member for member, fit in fits.items() if best and fit == best]
        others = sorted((m for m, fit in fits.items() if not best or fit < best), key=lambda m: (-fits[m], -m))
        return named, others

    def _known(self, digits: str) -> int:
        found = self._fits.get(digits)
        if found is None:
            found = self._fits[digits] = self._fit(digits)
        return found

    def _fit(self, digits: str) -> int:
        """How closely a number of a table's name is asked for: 0 not at all, 3 exactly."""
        number, year, month = int(digits), int(digits[:4]), int(digits[4:6] or 0)
        if len(digits) == 8 and 1 <= month <= 12:
            exact = number in self.numbers or digits in self.days
            return 3 if exact else 2 if (year, month) in self.months else int(year in self.years)
        if len(digits) == 6 and 1 <= month <= 12:
            return 3 if number in self.numbers or (year, month) in self.months else int(year in self.years)
        if len(digits) == 4:
            return 3 if number in self.years or number in self.numbers else 0
        return int(number in self.numbers or (len(digits) == 2 and any(year % 100 == number for year in self.years)))


def _spoken(text: str, years: set[int]) -> list[tuple[int, int, date, date]]:
    """Months and days told by a month's name: where in the text, the first and the last day. A year not told is the
    next one told, else the only year of the text."""
    found = list(SPOKEN.finditer(text))
    told, year = [], max(years) if len(years) == 1 else 0
    for match in reversed(found):
        before, name, after, own = match.groups()
        year = int(own) if own else year
        if year:
            told.append((match.start(), match.end(), *_span(year, MONTHS[name], int(after or before or 0))))
    return told[::-1]


def _written(text: str) -> list[tuple[int, int, date, date]]:
    """Days written 2017-08-01."""
    return [
        (m.start(), m.end(), *_span(*(int(part) for part in m.groups())))
        for m in ISO.finditer(text)
        if 1 <= int(m[2]) <= 12
    ]


def _span(year: int, month: int, day: int) -> tuple[date, date]:
    """A day, or the whole month where there is no such day."""
    last = monthrange(year, month)[1]
    return (date(year, month, day),) * 2 if 1 <= day <= last else (date(year, month, 1), date(year, month, last))
