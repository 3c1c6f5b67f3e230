"""A result's first rows as a table; where the terminal is too narrow for one, rows one below the other.

Each row takes one line: numbers and short text are never cut, long text is, down to MIN_TEXT letters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import RenderableType
from rich.table import Table as Grid
from rich.text import Text

from app.terminal.cells import cell, is_number, shown

if TYPE_CHECKING:
    from app.terminal.console import Terminal
    from sql_tools.models import Answer

MAX_ROWS = 20
MAX_RECORDS = 5
MIN_TEXT = 20  # a timestamp fits
MAX_TEXT = 60
BORDER = 3  # a column's share of the lines and spaces between columns

Cells = Sequence[Sequence[Text]]


def rows_view(answer: Answer, terminal: Terminal) -> Iterator[RenderableType]:
    """The first rows, and how many more there are."""
    names = [Text(shown(column.name)) for column in answer.columns]
    rows = [[cell(value) for value in row] for row in answer.rows[:MAX_ROWS]]
    fixed = [all(is_number(row[at]) for row in answer.rows[:MAX_ROWS]) for at in range(len(names))]
    longest = _longest_text([names, *rows], fixed, room=terminal.width - BORDER * len(names) - 1)
    if longest is None:
        rows = rows[:MAX_RECORDS]
        yield _records(names, rows)
    else:
        yield _table(names, rows, fixed, longest=longest, has_unicode=terminal.has_unicode)
    if len(answer.rows) > len(rows):
        yield Text(f"… {len(answer.rows) - len(rows):,} more rows", style="dim")
    if answer.truncated:
        yield Text(f"The result was cut at {len(answer.rows):,} rows.", style="dim")


def _longest_text(lines: Cells, fixed: Sequence[bool], *, room: int) -> int | None:
    """How long a text cell may be for a line to fit into `room`; None if even MIN_TEXT is too long."""
    widths = [max(text.cell_len for text in column) for column in zip(*lines, strict=True)]
    for longest in range(MAX_TEXT, MIN_TEXT - 1, -1):
        if sum(w if keep else min(w, longest) for w, keep in zip(widths, fixed, strict=True)) <= room:
            return longest
    return None


def _table(names: Sequence[Text], rows: Cells, fixed: Sequence[bool], *, longest: int, has_unicode: bool) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD if has_unicode else box.ASCII2, header_style="bold", pad_edge=False)
    for name, keep in zip(names, fixed, strict=True):
        grid.add_column(name, justify="right" if keep and rows else "left", no_wrap=True, overflow="ellipsis")
    for row in rows:
        for text, keep in zip(row, fixed, strict=True):
            if not keep:
                text.truncate(longest, overflow="ellipsis")
        grid.add_row(*row)
    return grid


def _records(names: Sequence[Text], rows: Cells) -> Grid:
    """A line for each column of each row."""
    grid = Grid(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    for number, row in enumerate(rows, start=1):
        grid.add_row(Text(f"row {number}", style="bold"), "")
        for name, text in zip(names, row, strict=True):
            grid.add_row(Text(name.plain, style="dim"), text)
    return grid
