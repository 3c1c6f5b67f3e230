"""Question, result -> the one sentence that answers it."""

from decimal import Decimal
from typing import Any

from sql_tools.models import QueryResult

MAX_VALUE_CHARS = 80


def answer(result: QueryResult) -> str:
    """A plain sentence made from the rows alone, so it cannot say what they do not."""
    if not result.rows:
        return "No rows match."
    if len(result.rows) == 1 and len(result.columns) <= 4:
        row = result.rows[0]
        return "; ".join(_label(result, i) + _value(cell) for i, cell in enumerate(row)) + "."
    if result.truncated:
        return f"The first {len(result.rows):,} rows; there are more."
    if len(result.rows) == 1:
        return "One row."
    if len(result.columns) == 1 and len(result.rows) <= 5:
        return f"{_label(result, 0)}{', '.join(_value(row[0]) for row in result.rows)}."
    return f"{len(result.rows):,} rows."


def _label(result: QueryResult, index: int) -> str:
    """The column's name before its value; none where the engine made it up from an expression, as `count_star()`."""
    name = result.columns[index].name
    return "" if "(" in name else f"{name}: "


def _value(cell: Any) -> str:
    if cell is None:
        return "none"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, (float, Decimal)):
        number = float(cell)
        return f"{number:,.2f}".rstrip("0").rstrip(".") if abs(number) >= 0.01 or number == 0 else f"{number:.4g}"
    text = " ".join(str(cell).split())
    return text if len(text) <= MAX_VALUE_CHARS else text[: MAX_VALUE_CHARS - 1] + "…"
