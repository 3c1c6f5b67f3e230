"""What is in a table: its row count, all values of columns that have few, a few samples of the others.

Work is bounded in time, rows and memory: the first rows say which text columns may have few values; an estimate over
many columns in one query thins those out; only the rest are counted. Whatever takes too long is left out.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

import duckdb

from sql_tools.errors import QueryTimeoutError
from sql_tools.models import Column, Table
from sql_tools.warehouses.duckdb.interruptible import interruptible
from sql_tools.warehouses.names import quote, quote_path

MAX_VALUES = 1000
MAX_VALUE_CHARS = 80
MAX_SAMPLES = 3
SAMPLE_CELLS = 200_000
MAX_SAMPLE_ROWS = 1000
MAX_COUNTED_ROWS = 2_000_000  # values of larger tables are those of their first rows
COLUMNS_A_QUERY = 200
MAX_SECONDS_A_QUERY = 5.0

Cursor = duckdb.DuckDBPyConnection
T = TypeVar("T")


def with_contents(cursor: Cursor, table: Table, *, deadline: float) -> Table:
    """The table with its row count, and columns with values or samples: as much as the time allows.

    `deadline` is in time.monotonic's seconds. A view that fails on some row keeps only what is declared.
    """
    path = quote_path(table.schema_name, table.name)
    values: dict[str, list[str]] = {}
    seen: dict[str, list[str]] = {}
    row_count = None
    with suppress(duckdb.Error, QueryTimeoutError):
        row_count = _within(deadline, cursor, lambda: _row_count(cursor, path))
        seen = _within(deadline, cursor, lambda: _seen(cursor, path, table.columns))
        few = [column.name for column in table.columns if _may_have_few(column, seen[column.name])]
        if row_count <= _sample_rows(table.columns):
            values = {name: seen[name] for name in few}
        else:
            for name in _within(deadline, cursor, lambda: _with_few(cursor, path, few)):
                values[name] = _within(deadline, cursor, partial(_distinct, cursor, path, name))
    whole = row_count is not None and row_count <= MAX_COUNTED_ROWS
    columns = tuple(_described(c, values.get(c.name, ()), seen.get(c.name, ()), whole) for c in table.columns)
    return table.model_copy(update={"row_count": row_count, "columns": columns})


def _within(deadline: float, cursor: Cursor, work: Callable[[], T]) -> T:
    return interruptible(cursor, work, timeout_seconds=min(MAX_SECONDS_A_QUERY, max(0.0, deadline - time.monotonic())))


def _row_count(cursor: Cursor, path: str) -> int:
    return int(cursor.execute(f"SELECT count(*) FROM {path}").fetchall()[0][0])


def _sample_rows(columns: Sequence[Column]) -> int:
    return max(20, min(MAX_SAMPLE_ROWS, SAMPLE_CELLS // max(1, len(columns))))


def _is_plain(column: Column) -> bool:
    """Can its values be shown as a short text? Not bytes, lists, structs or maps."""
    return not (
        column.type.endswith("]") or column.type.startswith(("BLOB", "BIT", "STRUCT", "MAP", "UNION", "VARIANT"))
    )


def _seen(cursor: Cursor, path: str, columns: Sequence[Column]) -> dict[str, list[str]]:
    """Each column's distinct values in the table's first rows, as text, in order of appearance."""
    plain = [column.name for column in columns if _is_plain(column)]
    seen: dict[str, list[str]] = {column.name: [] for column in columns}
    if plain:
        texts = ", ".join(f"CAST({quote(name)} AS VARCHAR)" for name in plain)
        rows = cursor.execute(f"SELECT {texts} FROM {path} LIMIT {_sample_rows(columns)}").fetchall()
        for name, cells in zip(plain, zip(*rows, strict=True), strict=False):  # no rows, no cells
            seen[name] = list(dict.fromkeys(cell for cell in cells if cell is not None))
    return seen


def _may_have_few(column: Column, seen: Sequence[str]) -> bool:
    """Text or truth, with few and short values so far?"""
    is_text = column.type.startswith(("VARCHAR", "ENUM", "BOOLEAN"))
    return is_text and _fits(seen)


def _fits(values: Sequence[str]) -> bool:
    return len(values) <= MAX_VALUES and all(len(value) <= MAX_VALUE_CHARS for value in values)


def _with_few(cursor: Cursor, path: str, names: Sequence[str]) -> list[str]:
    """Those of `names` with few distinct values by estimate: many columns in one pass, and few values in memory."""
    found = []
    for start in range(0, len(names), COLUMNS_A_QUERY):
        batch = names[start : start + COLUMNS_A_QUERY]
        estimates = ", ".join(f"approx_count_distinct({quote(name)})" for name in batch)
        counts = cursor.execute(f"SELECT {estimates} FROM {_first_rows(path, batch)}").fetchall()[0]
        found += [name for name, count in zip(batch, counts, strict=True) if count <= 2 * MAX_VALUES]
    return found


def _distinct(cursor: Cursor, path: str, name: str) -> list[str]:
    """The column's values as text, in no order; one more than MAX_VALUES if there are more."""
    rows = cursor.execute(
        f"SELECT DISTINCT CAST({quote(name)} AS VARCHAR) FROM {_first_rows(path, [name])} "
        f"WHERE {quote(name)} IS NOT NULL LIMIT {MAX_VALUES + 1}"
    ).fetchall()
    return [row[0] for row in rows]


def _first_rows(path: str, names: Sequence[str]) -> str:
    return f"(SELECT {', '.join(map(quote, names))} FROM {path} LIMIT {MAX_COUNTED_ROWS})"


def _described(column: Column, values: Sequence[str], seen: Sequence[str], whole: bool) -> Column:
    """The column with its values, sorted, if few and short, else with the first short ones seen. `whole`: every row was
    looked at."""
    if values and _fits(values):
        return column.model_copy(update={"values": tuple(sorted(values)), "values_are_all": whole})
    samples = [value for value in seen if 0 < len(value) <= MAX_VALUE_CHARS][:MAX_SAMPLES]
    return column.model_copy(update={"samples": tuple(samples)})
