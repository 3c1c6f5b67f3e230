"""The tables a query reads, copied into a DuckDB file: as the asker, whole, and only if they are small."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb
from sqlglot import exp
from sqlglot.errors import ParseError

from sql_tools.errors import WarehouseError
from sql_tools.models import Column, QueryResult, Table
from sql_tools.query.identifiers import quote
from sql_tools.query.tables import tables_meant
from sql_tools.settings import Settings
from sql_tools.warehouses import Warehouse

MAX_COPIED_ROWS = 10_000  # of one table; an answer from a part of a table says nothing
ROWS_A_STATEMENT = 200
JSON_TYPES = ("variant", "object", "array", "map")

OnTable = Callable[[str, int], None]  # a table's name, and how many rows were copied


def tables_used(tree: exp.Expr, tables: tuple[Table, ...]) -> tuple[Table, ...]:
    """The stored tables that a query names, each once, in the order of the catalog."""
    ours = {id(found) for table in tree.find_all(exp.Table) for found in tables_meant(table, tables)}
    return tuple(table for table in tables if id(table) in ours)


def copy_tables(tables: Iterable[Table], source: Warehouse, path: Path, settings: Settings, on_table: OnTable) -> None:
    """Write the tables into a new DuckDB file, each in its own schema.

    Raises WarehouseError if one has more than MAX_COPIED_ROWS rows, or cannot be read.
    """
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE nothing_is_copied (here INTEGER)")  # a query may read no table at all
        for table in tables:
            found = _rows(table, source, settings)
            _create(connection, table)
            for start in range(0, len(found.rows), ROWS_A_STATEMENT):
                _insert(connection, table, found.rows[start : start + ROWS_A_STATEMENT])
            on_table(table.name, len(found.rows))


def _rows(table: Table, source: Warehouse, settings: Settings) -> QueryResult:
    """All rows; one more than allowed is asked for, to know."""
    name = quote((table.database, table.schema_name, table.name) if table.database else table.path, source.dialect)
    columns = ", ".join(quote((column.name,), source.dialect) for column in table.columns)
    limited = f"SELECT {columns} FROM {name} LIMIT {MAX_COPIED_ROWS + 1}"
    found = source.run(limited, max_rows=MAX_COPIED_ROWS, timeout_seconds=settings.timeout_seconds)
    if found.truncated:
        raise WarehouseError(
            f"{table.name} has more than {MAX_COPIED_ROWS:,} rows, too many to copy.",
            "Give the same data as a DuckDB file: --local FILE.duckdb.",
        )
    return found


def _create(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    columns = ", ".join(f"{quote((column.name,), 'duckdb')} {duckdb_type(column)}" for column in table.columns)
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quote((table.schema_name,), 'duckdb')}")
    connection.execute(f"CREATE TABLE {quote((table.schema_name, table.name), 'duckdb')} ({columns})")


def _insert(connection: duckdb.DuckDBPyConnection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    row = f"({', '.join('?' * len(table.columns))})"
    name = quote((table.schema_name, table.name), "duckdb")
    connection.execute(
        f"INSERT INTO {name} VALUES {', '.join([row] * len(rows))}", [cell for each in rows for cell in each]
    )


def duckdb_type(column: Column) -> str:
    """DuckDB's type for a column of Snowflake's; text where DuckDB has none like it.

    >>> duckdb_type(Column(name="A", type="NUMBER(38,2)")), duckdb_type(Column(name="V", type="VARIANT"))
    ('DECIMAL(38, 2)', 'JSON')
    """
    if column.type.partition("(")[0].lower() in JSON_TYPES:
        return "JSON"
    try:
        kind = exp.DataType.build(column.type, dialect="snowflake")
    except ParseError:
        return "VARCHAR"
    if kind.is_type("binary", "varbinary"):
        return "BLOB"
    return "VARCHAR" if kind.is_type("geography", "geometry") else kind.sql("duckdb")
