"""What is in a Snowflake table, as its asker sees it: all values of columns that have few, samples of the others.

Read with the asker's own session, so masking and row policies apply. Bounded: the first rows of every table; distinct
values only of tables that are small enough to be read whole; a time limit on each statement, one on all of them.
"""

from collections.abc import Callable, Sequence

from sql_tools.errors import WarehouseError
from sql_tools.models import Column, Table
from sql_tools.warehouses.names import quote, quote_path
from sql_tools.warehouses.snowflake.statements import Fetched

SAMPLE_ROWS = 500
MAX_SAMPLED_COLUMNS = 300
MAX_VALUES = 1000
MAX_VALUE_CHARS = 80
MAX_SAMPLES = 3
MAX_COUNTED_BYTES = 200 * 10**6  # a table that large is not read whole for the sake of examples
MAX_COUNTED_COLUMNS = 20

Fetch = Callable[[str, int], Fetched]  # a statement and the most rows wanted of it


def with_contents(fetch: Fetch, table: Table, *, bytes_stored: int, is_view: bool) -> Table:
    """The table with values and samples; as it is where it cannot be read, or not in time."""
    plain = [c for c in table.columns if c.type.startswith(("VARCHAR", "BOOLEAN", "DATE", "NUMBER", "FLOAT"))]
    plain = plain[:MAX_SAMPLED_COLUMNS]
    if not plain or table.row_count == 0:
        return table
    try:
        seen, whole = _seen(fetch, table, plain)
        few = [column for column in plain if _may_have_few(column, seen[column.name])]
        values = {column.name: seen[column.name] for column in few} if whole else {}
        if not whole and not is_view and bytes_stored <= MAX_COUNTED_BYTES:
            values = _distinct(fetch, table, few[:MAX_COUNTED_COLUMNS])
    except WarehouseError:
        return table
    columns = tuple(_described(c, values.get(c.name, ()), seen.get(c.name, ())) for c in table.columns)
    return table.model_copy(update={"columns": columns})


def _seen(fetch: Fetch, table: Table, columns: Sequence[Column]) -> tuple[dict[str, list[str]], bool]:
    """Each column's distinct values in the first rows, as text; and whether those are all rows there are."""
    texts = ", ".join(f"TO_VARCHAR({quote(column.name)})" for column in columns)
    path = quote_path(table.database, table.schema_name, table.name)
    rows = fetch(f"SELECT {texts} FROM {path} LIMIT {SAMPLE_ROWS + 1}", SAMPLE_ROWS + 1).rows
    seen: dict[str, list[str]] = {column.name: [] for column in columns}
    for column, cells in zip(columns, zip(*rows, strict=True), strict=False):  # no rows, no cells
        seen[column.name] = list(dict.fromkeys(cell for cell in cells if cell is not None))
    return seen, len(rows) <= SAMPLE_ROWS


def _distinct(fetch: Fetch, table: Table, columns: Sequence[Column]) -> dict[str, list[str]]:
    """All values of those columns that turn out to have few: counted in one statement, listed in one each."""
    if not columns:
        return {}
    path = quote_path(table.database, table.schema_name, table.name)
    counts = ", ".join(f"APPROX_COUNT_DISTINCT({quote(column.name)})" for column in columns)
    found = fetch(f"SELECT {counts} FROM {path}", 1).rows[0]
    few = [column.name for column, count in zip(columns, found, strict=True) if count <= MAX_VALUES]
    return {name: _values(fetch, path, name) for name in few}


def _values(fetch: Fetch, path: str, name: str) -> list[str]:
    column = f"TO_VARCHAR({quote(name)})"
    rows = fetch(
        f"SELECT DISTINCT {column} FROM {path} WHERE {quote(name)} IS NOT NULL LIMIT {MAX_VALUES + 1}", MAX_VALUES + 1
    ).rows
    return [str(row[0]) for row in rows]


def _may_have_few(column: Column, seen: Sequence[str]) -> bool:
    return column.type.startswith(("VARCHAR", "BOOLEAN")) and len(seen) < SAMPLE_ROWS / 2 and _fits(seen)


def _fits(values: Sequence[str]) -> bool:
    return len(values) <= MAX_VALUES and all(len(value) <= MAX_VALUE_CHARS for value in values)


def _described(column: Column, values: Sequence[str], seen: Sequence[str]) -> Column:
    if values and _fits(values):
        return column.model_copy(update={"values": tuple(sorted(values))})
    samples = [value for value in seen if 0 < len(value) <= MAX_VALUE_CHARS][:MAX_SAMPLES]
    return column.model_copy(update={"samples": tuple(samples)})
