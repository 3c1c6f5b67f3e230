"""Foreign keys nobody declared, guessed from names and proven on the data.

A guess needs all of: a name that points at the other table's key, the same kind of type, a key that is unique, and
every value present there. Still a guess, so `declared` is False. Work is bounded: MAX_PROOFS queries, no large tables.
"""

import time
from collections.abc import Iterator, Sequence

import duckdb

from sql_tools.errors import QueryTimeoutError
from sql_tools.models import Column, ForeignKey, Table
from sql_tools.warehouses.duckdb.interruptible import interruptible
from sql_tools.warehouses.names import quote, quote_path

MAX_PROOFS = 200
MAX_ROWS = 2_000_000
MAX_SECONDS_A_PROOF = 2.0
GENERIC_KEYS = {"id", "key", "code", "no", "number", "uid", "uuid"}


def infer_foreign_keys(cursor: duckdb.DuckDBPyConnection, tables: Sequence[Table], *, deadline: float) -> list[Table]:
    """The tables, each with its own foreign keys and those that names suggest and rows bear out."""
    found: dict[tuple[str, str], list[ForeignKey]] = {}
    for proofs, (table, column, target, key) in enumerate(_candidates(tables)):
        if proofs >= MAX_PROOFS or time.monotonic() > deadline:
            break
        keys = found.setdefault((table.schema_name, table.name), list(table.foreign_keys))
        if not any(k.columns == (column.name,) for k in keys) and _is_borne_out(cursor, table, column, target, key):
            keys.append(
                ForeignKey(columns=(column.name,), target_table=target.name, target_columns=(key.name,), declared=False)
            )
    return [
        table.model_copy(update={"foreign_keys": tuple(found.get((table.schema_name, table.name), table.foreign_keys))})
        for table in tables
    ]


def _candidates(tables: Sequence[Table]) -> Iterator[tuple[Table, Column, Table, Column]]:
    """Pairs of a column and the key its name points at, within one schema."""
    keys = [(target, key) for target in tables for key in target.columns if _may_be_key(target, key)]
    for table in tables:
        for column in table.columns:
            for target, key in keys:
                same_schema = target.schema_name == table.schema_name
                if target is not table and same_schema and _points_at(table, column, target, key):
                    yield table, column, target, key


def _plain(name: str) -> str:
    """Lower case, without what writers disagree on: underscores, spaces, the plural's s."""
    return "".join(ch for ch in name.lower() if ch.isalnum())


def _stems(name: str) -> set[str]:
    plain = _plain(name)
    stems = {plain, plain.removesuffix("s"), plain.removesuffix("es")}
    return stems | ({plain[:-3] + "y"} if plain.endswith("ies") else set())


def _may_be_key(table: Table, column: Column) -> bool:
    """The declared key; without one, a column named id, or after its table."""
    if table.primary_key:
        return table.primary_key == (column.name,)
    name = _plain(column.name)
    return name == "id" or any(name == stem + suffix for stem in _stems(table.name) for suffix in GENERIC_KEYS)


def _points_at(table: Table, column: Column, target: Table, key: Column) -> bool:
    """Does the column bear the key's own name, or the target's name and `id`? Its type must be of the key's kind."""
    name, key_name = _plain(column.name), _plain(key.name)
    if _kind(column) != _kind(key) or not _kind(key):
        return False
    is_own_key = table.primary_key == (column.name,) or _may_be_key(table, column)
    if name == key_name:
        return key_name not in GENERIC_KEYS and not is_own_key
    ends = {key_name, "id"} if key_name in GENERIC_KEYS else {"id"}
    if _kind(key) == "integer" and table.primary_key != (column.name,):
        ends.add("")  # `flights.airline` holds numbers of `airlines`
    return any(name == stem + end for stem in _stems(target.name) for end in ends)


def _kind(column: Column) -> str:
    if column.type in (
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
    ):
        return "integer"
    return column.type if column.type in ("VARCHAR", "UUID") else ""


def _is_borne_out(cursor: duckdb.DuckDBPyConnection, table: Table, column: Column, target: Table, key: Column) -> bool:
    """Is the key unique and free of nulls, and is each of the column's values, at least one, among its own?"""
    counts = (table.row_count, target.row_count)
    if any(count is None or not 0 < count <= MAX_ROWS for count in counts):
        return False
    child, parent = quote_path(table.schema_name, table.name), quote_path(target.schema_name, target.name)
    sql = (
        f"SELECT (SELECT count(DISTINCT {quote(key.name)}) = count(*) FROM {parent}) "
        f"AND (SELECT count({quote(column.name)}) > 0 FROM {child}) "
        f"AND NOT EXISTS (SELECT {quote(column.name)} FROM {child} WHERE {quote(column.name)} IS NOT NULL "
        f"EXCEPT SELECT {quote(key.name)} FROM {parent})"
    )
    try:
        rows = interruptible(cursor, lambda: cursor.execute(sql).fetchall(), timeout_seconds=MAX_SECONDS_A_PROOF)
    except (duckdb.Error, QueryTimeoutError):  # a view that fails on some row, or takes too long
        return False
    return bool(rows[0][0])
