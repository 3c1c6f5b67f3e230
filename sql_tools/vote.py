"""Results of several drafts -> the one most of them agree on; SQL texts that return the same rows are one vote."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sql_tools.models import QueryResult


def vote(results: Sequence[QueryResult]) -> tuple[int, int]:
    """Index of the winner and how many agree with it; ties go to the earliest, an empty result loses to any other."""
    keys = [_key(result) for result in results]
    counts = Counter(keys)
    best = max(range(len(results)), key=lambda i: (bool(results[i].rows), counts[keys[i]], -i))
    return best, counts[keys[best]]


def _key(result: QueryResult) -> tuple[str, ...]:
    """Rows as a multiset, cells compared as people would: 1 = 1.0, six digits."""
    return tuple(sorted(repr(tuple(_cell(cell) for cell in row)) for row in result.rows))


def _cell(value: Any) -> Any:
    if isinstance(value, (float, Decimal)) and not isinstance(value, bool):
        return float(f"{float(value):.6g}")
    return float(value) if isinstance(value, int) else str(value)
