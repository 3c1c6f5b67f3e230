"""What a DuckDB file holds, as Tables: names, types, keys, comments, row counts, values and samples.

Work is bounded: a table's first rows say which text columns have few distinct values; only those are counted in full,
in one query for many columns. A view that fails (its file is out of reach, its table is gone) is left out, with a note.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import duckdb

from sql_tools.errors import QueryTimeoutError, WarehouseError
from sql_tools.models import Column, ForeignKey, Table
from sql_tools.warehouses.keys import infer_foreign_keys
from sql_tools.warehouses.metadata import METADATA_SCHEMA
from sql_tools.warehouses.names import quote, quote_path
from sql_tools.warehouses.time_limit import time_limit

MAX_VALUES = 30
MAX_VALUE_CHARS = 80
MAX_SAMPLES = 3
SAMPLE_CELLS = 200_000
MAX_SAMPLE_ROWS = 1000
MAX_COUNTED_ROWS = 2_000_000
COLUMNS_A_QUERY = 50
MAX_SECONDS = 15.0
MAX_SECONDS_A_TABLE = 5.0

Cursor = duckdb.DuckDBPyConnection
Name = tuple[str, str]  # schema, table


def default_schema(cursor: Cursor) -> str | None:
    """`main` if it holds tables, else the schema with most (first by name among equals); None if nothing is there."""
    rows = cursor.execute(
        "SELECT schema_name FROM (SELECT schema_name, database_name, internal FROM duckdb_tables() UNION ALL "
        "SELECT schema_name, database_name, internal FROM duckdb_views()) WHERE NOT internal "
        "AND database_name = current_database() AND schema_name <> ? "
        "GROUP BY 1 ORDER BY schema_name <> 'main', count(*) DESC, schema_name LIMIT 1",
        [METADATA_SCHEMA],
    ).fetchall()
    return rows[0][0] if rows else None


def read_tables(cursor: Cursor, schema: str) -> tuple[tuple[Table, ...], tuple[str, ...]]:
    """All readable tables and views by schema and name, and a note for each one left out.

    Raises WarehouseError if nothing can be read.
    """
    deadline = time.monotonic() + MAX_SECONDS
    notes = list(_loader_notes(cursor))
    tables = []
    for table in _declared_tables(cursor, schema):
        try:
            cursor.execute(f"EXPLAIN SELECT * FROM {quote_path(table.schema_name, table.name)}")
        except duckdb.Error as error:
            notes.append(f"{table.name} is left out: {_first_line(error)}.")
        else:
            tables.append(_with_contents(cursor, table, deadline=deadline))
    if not tables:
        raise WarehouseError(
            "Nothing in this database can be read: " + " ".join(notes),
            "Views over files are closed for safety: copy their rows into tables, or open the folder of files itself.",
        )
    if not any(table.foreign_keys for table in tables):
        tables = infer_foreign_keys(cursor, tables, deadline=deadline)
    return tuple(tables), tuple(notes)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")


def _declared_tables(cursor: Cursor, schema: str) -> Iterator[Table]:
    """Tables and views as declared, without contents."""
    database = cursor.execute("SELECT current_database()").fetchall()[0][0]
    columns = _columns(cursor)
    primary, foreign = _keys(cursor)
    rows = cursor.execute(
        "SELECT schema_name, table_name, comment FROM duckdb_tables() WHERE database_name = current_database() "
        "AND NOT internal UNION ALL SELECT schema_name, view_name, comment FROM duckdb_views() "
        "WHERE database_name = current_database() AND NOT internal ORDER BY 1, 2"
    ).fetchall()
    for schema_name, name, comment in rows:
        if schema_name == METADATA_SCHEMA:
            continue
        key = (schema_name, name)
        yield Table(
            database=database,
            schema_name=schema_name,
            name=name,
            columns=tuple(columns[key]),
            primary_key=primary.get(key, ()),
            foreign_keys=tuple(foreign[key]),
            comment=comment or "",
            in_default_schema=schema_name == schema,
        )


def _columns(cursor: Cursor) -> dict[Name, list[Column]]:
    rows = cursor.execute(
        "SELECT schema_name, table_name, column_name, data_type, comment FROM duckdb_columns() "
        "WHERE database_name = current_database() AND NOT internal ORDER BY schema_name, table_name, column_index"
    ).fetchall()
    columns = defaultdict(list)
    for schema_name, table, name, data_type, comment in rows:
        columns[schema_name, table].append(Column(name=name, type=data_type, comment=comment or ""))
    return columns


def _keys(cursor: Cursor) -> tuple[dict[Name, tuple[str, ...]], dict[Name, list[ForeignKey]]]:
    """Primary and foreign keys by table: those declared to the engine, and those `load` wrote down."""
    rows = cursor.execute(
        "SELECT schema_name, table_name, constraint_type, constraint_column_names, referenced_table, "
        "referenced_column_names FROM duckdb_constraints() WHERE database_name = current_database() "
        "AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY') ORDER BY schema_name, table_name, constraint_index"
    ).fetchall()
    if _has_metadata(cursor):
        rows += cursor.execute(f"SELECT * FROM {quote(METADATA_SCHEMA)}.keys ORDER BY ALL").fetchall()
    primary: dict[Name, tuple[str, ...]] = {}
    foreign = defaultdict(list)
    for schema_name, table, kind, columns, target, target_columns in rows:
        if kind == "PRIMARY KEY":
            primary[schema_name, table] = tuple(columns)
        else:
            key = ForeignKey(columns=tuple(columns), target_table=target, target_columns=tuple(target_columns))
            foreign[schema_name, table].append(key)
    return primary, foreign


def _has_metadata(cursor: Cursor) -> bool:
    sql = "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = ?"
    return bool(cursor.execute(sql, [METADATA_SCHEMA]).fetchall()[0][0])


def _loader_notes(cursor: Cursor) -> Iterable[str]:
    if not _has_metadata(cursor):
        return []
    return [row[0] for row in cursor.execute(f"SELECT note FROM {quote(METADATA_SCHEMA)}.notes").fetchall()]


def _with_contents(cursor: Cursor, table: Table, *, deadline: float) -> Table:
    """The table with its row count, and columns with values or samples; as declared if that fails or takes too long."""
    seconds = min(MAX_SECONDS_A_TABLE, deadline - time.monotonic())
    if seconds <= 0:
        return table
    try:
        with time_limit(cursor, seconds):
            return _with_values(cursor, table)
    except (duckdb.Error, QueryTimeoutError):
        return table


def _with_values(cursor: Cursor, table: Table) -> Table:
    path = quote_path(table.schema_name, table.name)
    row_count = cursor.execute(f"SELECT count(*) FROM {path}").fetchall()[0][0]
    seen = _seen(cursor, path, table.columns)
    few = [column for column in table.columns if _may_have_few(column, seen[column.name])]
    values = _few_values(cursor, path, few, seen=seen, row_count=row_count)
    columns = tuple(_described(column, values.get(column.name, ()), seen[column.name]) for column in table.columns)
    return table.model_copy(update={"row_count": row_count, "columns": columns})


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
    return is_text and 0 < len(seen) <= MAX_VALUES and max(map(len, seen)) <= MAX_VALUE_CHARS


def _few_values(
    cursor: Cursor, path: str, columns: Sequence[Column], *, seen: dict[str, list[str]], row_count: int
) -> dict[str, tuple[str, ...]]:
    """All values of those columns that turn out to have few; beyond MAX_COUNTED_ROWS rows, those of the first ones."""
    names = [column.name for column in columns]
    if row_count > min(_sample_rows(columns), MAX_SAMPLE_ROWS):
        names = [name for batch in _batches(names) for name in _with_few(cursor, path, batch)]
        seen = {name: found for batch in _batches(names) for name, found in _distinct(cursor, path, batch)}
    return {name: tuple(sorted(seen[name])) for name in names if _fits(seen[name])}


def _fits(values: Sequence[str]) -> bool:
    return len(values) <= MAX_VALUES and all(len(value) <= MAX_VALUE_CHARS for value in values)


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), COLUMNS_A_QUERY):
        yield names[start : start + COLUMNS_A_QUERY]


def _with_few(cursor: Cursor, path: str, names: Sequence[str]) -> list[str]:
    """Those of `names` with few distinct values by estimate: cheap, and never many values in memory."""
    counts = _aggregate(cursor, path, names, "approx_count_distinct({})")
    return [name for name, count in zip(names, counts, strict=True) if count <= 2 * MAX_VALUES]


def _distinct(cursor: Cursor, path: str, names: Sequence[str]) -> Iterable[tuple[str, list[str]]]:
    lists = _aggregate(cursor, path, names, "list(DISTINCT CAST({0} AS VARCHAR)) FILTER ({0} IS NOT NULL)")
    return zip(names, (found or [] for found in lists), strict=True)


def _aggregate(cursor: Cursor, path: str, names: Sequence[str], call: str) -> Sequence[Any]:
    """`call` over each column of the first MAX_COUNTED_ROWS rows, in one query."""
    calls = ", ".join(call.format(quote(name)) for name in names)
    rows = cursor.execute(f"SELECT {calls} FROM (FROM {path} LIMIT {MAX_COUNTED_ROWS})").fetchall()
    return rows[0]


def _described(column: Column, values: tuple[str, ...], seen: Sequence[str]) -> Column:
    samples = () if values else [value for value in seen if 0 < len(value) <= MAX_VALUE_CHARS][:MAX_SAMPLES]
    return column.model_copy(update={"values": values, "samples": tuple(samples)})
