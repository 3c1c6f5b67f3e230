"""A SQLite file copied into DuckDB through Python's sqlite3, with the answers it would have given.

SQLite types values, not columns, so a column's type comes from the values present: all integers -> BIGINT, numbers
-> DOUBLE, only bytes -> BLOB, else VARCHAR. Text stays text even when it looks like a number or a date: zip codes keep
their zeros, and `= '2016'` finds what it found before. One repair: '' in a column declared numeric means missing, and
becomes NULL. Views are copied as their rows. SQLite does not enforce keys, so they are kept as metadata.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote as quote_url

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]

from sql_tools.errors import WarehouseError
from sql_tools.models import ForeignKey
from sql_tools.warehouses import OnProgress
from sql_tools.warehouses.duckdb.metadata import create_metadata, write_keys, write_note
from sql_tools.warehouses.names import quote

ROWS_A_CHUNK = 50_000
COLUMNS_A_QUERY = 200  # SQLite returns at most 2,000 expressions; each column takes five
MAX_VIEW_SECONDS = 20.0
MAX_LOCK_SECONDS = 1.0
ARROW = {"BIGINT": pa.int64(), "DOUBLE": pa.float64(), "VARCHAR": pa.string(), "BLOB": pa.binary()}


@dataclass(frozen=True)
class SourceColumn:
    """A column on its way: SQLite's `name` and `declared` type, DuckDB's `type`, and the SQL that reads it."""

    name: str
    declared: str
    key_position: int = 0  # 1, 2, ... within the primary key
    type: str = "VARCHAR"
    reader: str = ""


def load_sqlite(connection: duckdb.DuckDBPyConnection, path: Path, *, on_progress: OnProgress) -> None:
    """Copy every table and view of the SQLite file at `path`; WarehouseError if it can't be read or holds none."""
    create_metadata(connection)
    try:
        source = _open(path)
        try:
            relations = _relations(source)
            for index, (name, kind) in enumerate(relations):
                on_progress(f"Loading {name}", index / len(relations))
                _load_relation(connection, source, name, kind)
        finally:
            source.close()
    except sqlite3.DatabaseError as error:
        raise _sqlite_error(path, error) from error
    if not relations:
        raise WarehouseError(f"{path} holds no tables.", "Give a database with at least one table.")


def _open(path: Path) -> sqlite3.Connection:
    """Read-only; a database in write-ahead mode in a folder we can't write to is taken as it stands."""
    uri = f"file:{quote_url(str(path.absolute()))}?mode=ro"
    source = sqlite3.connect(uri, uri=True, timeout=MAX_LOCK_SECONDS)
    try:
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        source.close()
        if "unable to open" not in str(error) or path.with_name(path.name + "-wal").exists():
            raise
        source = sqlite3.connect(uri + "&immutable=1", uri=True)
    source.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return source


def _relations(source: sqlite3.Connection) -> list[tuple[str, str]]:
    """Names and kinds (table, view), tables first, without SQLite's own and the hidden parts of virtual tables."""
    shadows = {row[0] for row in source.execute("SELECT name FROM pragma_table_list WHERE type = 'shadow'")}
    rows = source.execute(
        "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') "
        "AND substr(name, 1, 7) <> 'sqlite_' ORDER BY type, name"
    ).fetchall()
    return [(name, kind) for name, kind in rows if name not in shadows]


def _load_relation(connection: duckdb.DuckDBPyConnection, source: sqlite3.Connection, name: str, kind: str) -> None:
    """One table with its keys, or one view's rows; a view that fails and a table nobody here can read are noted."""
    try:
        with _time_limit(source, MAX_VIEW_SECONDS if kind == "view" else None):
            columns, notes = _typed_columns(source, name)
            _copy_rows(connection, source, name, columns)
    except (sqlite3.OperationalError, duckdb.ProgrammingError) as error:
        if isinstance(error, sqlite3.OperationalError) and kind == "table" and "no such module" not in str(error):
            raise
        with suppress(duckdb.Error):  # an empty name can't even be dropped
            connection.execute(f"DROP TABLE IF EXISTS {quote(name)}")
        write_note(connection, f"{kind.capitalize()} {name} is left out: {str(error).splitlines()[0]}.")
        return
    for note in notes:
        write_note(connection, note)
    primary = [c.name for c in sorted(columns, key=lambda c: c.key_position) if c.key_position]
    write_keys(connection, name, primary=primary, foreign=_foreign_keys(source, name))


@contextmanager
def _time_limit(source: sqlite3.Connection, seconds: float | None) -> Iterator[None]:
    """Stop a statement of `source` after `seconds`, with an OperationalError."""
    deadline = time.monotonic() + (seconds or 0)
    if seconds is not None:
        source.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
    try:
        yield
    finally:
        source.set_progress_handler(None, 0)


def _typed_columns(source: sqlite3.Connection, table: str) -> tuple[list[SourceColumn], list[str]]:
    """Columns with the type their values have, and notes on values that were changed."""
    declared = [
        SourceColumn(name=row[0], declared=(row[1] or "").upper(), key_position=row[2])
        for row in source.execute("SELECT name, type, pk FROM pragma_table_xinfo(?) WHERE hidden <> 1", [table])
    ]
    columns, notes = [], []
    for start in range(0, len(declared), COLUMNS_A_QUERY):
        batch = declared[start : start + COLUMNS_A_QUERY]
        for column, classes in zip(batch, _classes(source, table, batch), strict=True):
            columns.append(_typed(column, classes))
            if "empty" in classes and columns[-1].type in ("BIGINT", "DOUBLE"):
                notes.append(f"Empty texts in {table}.{column.name} were read as NULL.")
    return columns, notes


def _classes(source: sqlite3.Connection, table: str, columns: Sequence[SourceColumn]) -> Iterator[set[str]]:
    """The storage classes present in each column; `empty` stands for the text ''."""
    calls = []
    for column in columns:
        name = quote(column.name)
        calls += [f"max(typeof({name}) = '{kind}')" for kind in ("integer", "real", "blob")]
        calls += [f"max(typeof({name}) = 'text' AND {name} <> '')", f"max(typeof({name}) = 'text' AND {name} = '')"]
    found = source.execute(f"SELECT {', '.join(calls)} FROM {quote(table)}").fetchone()
    for start in range(0, len(found), 5):
        flags = zip(("integer", "real", "blob", "text", "empty"), found[start : start + 5], strict=True)
        yield {kind for kind, present in flags if present}


def _typed(column: SourceColumn, classes: set[str]) -> SourceColumn:
    """The narrowest DuckDB type that holds the classes present, and how to read it."""
    name = quote(column.name)
    numeric = _declared_type(column.declared) in ("BIGINT", "DOUBLE")
    values = classes - {"empty"} if numeric and classes & {"integer", "real"} else classes
    reader = f"nullif({name}, '')" if values != classes else name
    if not values:
        return _read_as(column, _declared_type(column.declared), reader)
    if values == {"integer"}:
        return _read_as(column, "BIGINT", reader)
    if values <= {"integer", "real"}:
        return _read_as(column, "DOUBLE", f"CAST({reader} AS REAL)")
    if values == {"blob"}:
        return _read_as(column, "BLOB", reader)
    return _read_as(column, "VARCHAR", f"CAST({name} AS TEXT)")


def _read_as(column: SourceColumn, data_type: str, reader: str) -> SourceColumn:
    return SourceColumn(column.name, column.declared, column.key_position, data_type, reader)


def _declared_type(declared: str) -> str:
    """SQLite's affinity rules, as DuckDB types; they decide only where no value does."""
    if "INT" in declared:
        return "BIGINT"
    if any(part in declared for part in ("REAL", "FLOA", "DOUB", "NUM", "DEC")):
        return "DOUBLE"
    return "VARCHAR"


def _copy_rows(
    connection: duckdb.DuckDBPyConnection, source: sqlite3.Connection, table: str, columns: Sequence[SourceColumn]
) -> None:
    """Create the table and copy its rows in chunks."""
    connection.execute(f"CREATE TABLE {quote(table)} ({', '.join(f'{quote(c.name)} {c.type}' for c in columns)})")
    cursor = source.execute(f"SELECT {', '.join(c.reader for c in columns)} FROM {quote(table)}")
    while rows := cursor.fetchmany(ROWS_A_CHUNK):
        arrays = [
            pa.array(cells, ARROW[column.type]) for column, cells in zip(columns, zip(*rows, strict=True), strict=True)
        ]
        chunk = pa.Table.from_arrays(arrays, names=[f"c{index}" for index in range(len(columns))])
        connection.register("arriving", chunk)
        connection.execute(f"INSERT INTO {quote(table)} SELECT * FROM arriving")
        connection.unregister("arriving")


def _foreign_keys(source: sqlite3.Connection, table: str) -> list[ForeignKey]:
    """Declared foreign keys whose target exists, in the order declared, names as the tables write them."""
    keys: dict[int, list[tuple[Any, ...]]] = {}
    for key, *row in source.execute(
        'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq', [table]
    ):
        keys.setdefault(key, []).append(tuple(row))
    found = [_foreign_key(source, table, rows) for _, rows in sorted(keys.items(), reverse=True)]
    return [key for key in found if key is not None]


def _foreign_key(source: sqlite3.Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> ForeignKey | None:
    """Target columns left out mean the target's primary key; None if a name leads nowhere."""
    target = _actual_table(source, rows[0][0])
    if target is None:
        return None
    own, theirs = _column_names(source, table), _column_names(source, target)
    targets = [row[2] for row in rows] if rows[0][2] is not None else _primary_key(source, target)
    columns = [own.get(row[1].lower()) for row in rows]
    target_columns = [theirs.get(name.lower()) for name in targets]
    if len(columns) != len(target_columns) or None in columns or None in target_columns:
        return None
    return ForeignKey(
        columns=tuple(name for name in columns if name),
        target_table=target,
        target_columns=tuple(name for name in target_columns if name),
    )


def _actual_table(source: sqlite3.Connection, name: str) -> str | None:
    row = source.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(?)", [name]
    ).fetchone()
    return row[0] if row else None


def _column_names(source: sqlite3.Connection, table: str) -> dict[str, str]:
    return {row[0].lower(): row[0] for row in source.execute("SELECT name FROM pragma_table_xinfo(?)", [table])}


def _primary_key(source: sqlite3.Connection, table: str) -> list[str]:
    sql = "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk"
    return [row[0] for row in source.execute(sql, [table])]


def _sqlite_error(path: Path, error: sqlite3.Error) -> WarehouseError:
    """Why the file can't be read, in words that say what to do."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return WarehouseError(
            f"{path} is being written to by another program.", "Close it, or copy the file and open the copy."
        )
    if "unable to open" in text or "readonly" in text:
        return WarehouseError(f"{path} can't be opened: {text}.", "Check the permissions of the file and its folder.")
    return WarehouseError(f"{path} is not a readable SQLite database: {text}.", "Copy it again from its source.")
