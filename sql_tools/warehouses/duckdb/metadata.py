"""What DuckDB can't hold as constraints, kept in the loaded file: keys the data may break, and the loader's notes."""

from collections.abc import Iterable, Sequence

import duckdb

from sql_tools.models import ForeignKey
from sql_tools.warehouses.names import quote

METADATA_SCHEMA = "_arctic_copilot"


def create_metadata(connection: duckdb.DuckDBPyConnection) -> None:
    """Empty tables for keys and notes; `catalog` reads them back."""
    schema = quote(METADATA_SCHEMA)
    connection.execute(f"CREATE SCHEMA {schema}")
    connection.execute(
        f"CREATE TABLE {schema}.keys (schema_name VARCHAR, table_name VARCHAR, kind VARCHAR, columns VARCHAR[], "
        "target_table VARCHAR, target_columns VARCHAR[])"
    )
    connection.execute(f"CREATE TABLE {schema}.notes (note VARCHAR)")


def write_keys(
    connection: duckdb.DuckDBPyConnection, table: str, *, primary: Sequence[str], foreign: Iterable[ForeignKey]
) -> None:
    """Remember the keys of a table in schema `main`."""
    rows = [(table, "FOREIGN KEY", list(k.columns), k.target_table, list(k.target_columns)) for k in foreign]
    if primary:
        rows.append((table, "PRIMARY KEY", list(primary), "", []))
    for row in rows:
        connection.execute(f"INSERT INTO {quote(METADATA_SCHEMA)}.keys VALUES ('main', ?, ?, ?, ?, ?)", row)


def write_note(connection: duckdb.DuckDBPyConnection, note: str) -> None:
    """Remember one sentence for the user."""
    connection.execute(f"INSERT INTO {quote(METADATA_SCHEMA)}.notes VALUES (?)", [note])
