"""Are two results the same answer? Pure: rows in, verdict out.

The method is the public test-suite evaluator's for Spider (Zhong et al. 2020, `exec_eval.py` in
taoyds/test-suite-sql-eval): rows are compared as a multiset, or as a list where the gold orders; columns may stand in
any order, since a question rarely fixes one; two empty results are equal. Text never equals a number ('2016' is not
2016) and is compared letter by letter, there and here. Where engines differ and the answer does not, we look past it:
floats and decimals agree to six digits (integers exactly, and 1 == 1.0), dates and times are their ISO text, booleans
are 0 and 1, NaN is NULL, bytes are text. What is given up: rows that tie under the gold's ORDER BY or at its LIMIT
count as wrong when the engines break the tie differently.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from math import isclose, isnan
from typing import Any

Row = Sequence[Any]
Cells = tuple[Any, ...]

RELATIVE = 1e-6
ABSOLUTE = 1e-9  # 1e-17 is a float's way to say 0


def compare_rows(gold_rows: Sequence[Row], our_rows: Sequence[Row], ordered: bool) -> bool:
    """Whether both hold the same rows, under some order of our columns; row order counts only if `ordered`."""
    if len(gold_rows) != len(our_rows):
        return False
    if not gold_rows:
        return True
    if len(gold_rows[0]) != len(our_rows[0]):
        return False
    gold, ours = _same_terms(gold_rows, our_rows)
    if ordered:
        return Counter(zip(*gold, strict=True)) == Counter(zip(*ours, strict=True))
    return _columns_match(list(zip(*gold, strict=True)), list(zip(*ours, strict=True)))


def _same_terms(gold_rows: Sequence[Row], our_rows: Sequence[Row]) -> tuple[list[Cells], list[Cells]]:
    """Both with engine differences taken out, so that equal cells are `==` and hash alike."""
    gold = [tuple(_plain(cell) for cell in row) for row in gold_rows]
    ours = [tuple(_plain(cell) for cell in row) for row in our_rows]
    numbers = _Numbers(cell for row in (*gold, *ours) for cell in row if isinstance(cell, int))
    return [tuple(map(numbers.settle, row)) for row in gold], [tuple(map(numbers.settle, row)) for row in ours]


def _plain(cell: Any) -> Any:
    """An engine's value as None, int, float or str."""
    if isinstance(cell, float | Decimal):
        return None if isnan(cell) else float(cell)
    if isinstance(cell, int):
        return int(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, bytes | bytearray | memoryview):
        return bytes(cell).decode(errors="replace")
    return cell if cell is None else str(cell)


class _Numbers:
    """Gives floats that agree to six digits one common value: the first seen, an integer before all others."""

    def __init__(self, integers: Iterator[int]) -> None:
        self.known: list[float] = sorted(set(integers))

    def settle(self, cell: Any) -> Any:
        if not isinstance(cell, float):
            return cell
        at = bisect_left(self.known, cell)
        for number in (*self.known[at : at + 1], *self.known[max(0, at - 1) : at]):
            if isclose(number, cell, rel_tol=RELATIVE, abs_tol=ABSOLUTE):
                return number
        insort(self.known, cell)
        return cell


def _columns_match(gold: list[Cells], ours: list[Cells], done: tuple[int, ...] = ()) -> bool:
    """Whether our columns can be put in an order that gives gold's multiset of rows; `done` are those placed so far.

    Depth first over gold's columns; a branch dies as soon as the rows cut to the columns placed so far differ.
    """
    if len(done) == len(gold):
        return True
    wanted = Counter(zip(*gold[: len(done) + 1], strict=True))
    tried: set[Cells] = set()
    for at, column in enumerate(ours):
        if at in done or column in tried:
            continue
        tried.add(column)
        if Counter(zip(*(ours[i] for i in (*done, at)), strict=True)) == wanted and _columns_match(
            gold, ours, (*done, at)
        ):
            return True
    return False
