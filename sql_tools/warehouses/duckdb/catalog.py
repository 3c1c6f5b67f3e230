"""What a DuckDB file holds, as Tables: names, types, keys and comments; `contents` adds what is in them.

A view that does not bind (its file is out of reach, its table is gone) is left out, with a note; so is a view or a table
whose own SQL, a view's query or a computed column, may not run.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import duckdb

from sql_tools.errors import WarehouseError
from sql_tools.models import Column, ForeignKey, Table
from sql_tools.warehouses.duckdb.contents import with_contents
from sql_tools.warehouses.duckdb.errors import warehouse_error
from sql_tools.warehouses.duckdb.inferred_keys import infer_foreign_keys
from sql_tools.warehouses.duckdb.metadata import METADATA_SCHEMA
from sql_tools.warehouses.names import quote, quote_path

MAX_SECONDS = 15.0

Cursor = duckdb.DuckDBPyConnection
Name = tuple[str, str]  # schema, table
UnreadableViews = Callable[[tuple[Table, ...], dict[Name, str]], dict[Name, str]]  # tables, their SQL -> why not


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


def shadowing_macros(cursor: Cursor) -> tuple[str, ...]:
    """Names of the file's macros that take the place of DuckDB's own functions and operators, sorted.

    The query itself calls nothing that a macro could stand for.
    """
    rows = cursor.execute(
        "SELECT function_name, internal FROM system.main.duckdb_functions() WHERE internal "
        "OR function_type IN ('macro', 'table_macro')"
    ).fetchall()
    own = {name.lower() for name, internal in rows if internal}
    return tuple(sorted({name for name, internal in rows if not internal and name.lower() in own}))


def stored_sql(cursor: Cursor) -> dict[Name, str]:
    """The SQL that runs when a view or a table of the file is read, as DuckDB writes it: `CREATE VIEW ...` of each view, and
    `SELECT ... FROM` the table for the computed columns of a table that has some."""
    views = cursor.execute(
        "SELECT schema_name, view_name, sql FROM duckdb_views() WHERE database_name = current_database() AND NOT internal"
    ).fetchall()
    computed = defaultdict(list)
    for schema, table, expression in cursor.execute(
        "SELECT schema_name, table_name, generation_expression FROM duckdb_columns() "
        "WHERE database_name = current_database() AND NOT internal AND is_generated ORDER BY ALL"
    ).fetchall():
        computed[schema, table].append(expression)
    tables = {name: f"SELECT {', '.join(each)} FROM {quote_path(*name)}" for name, each in computed.items()}
    return {(schema, name): sql for schema, name, sql in views} | tables


def read_tables(
    cursor: Cursor, schema: str, *, unreadable_views: UnreadableViews, system: bool = False
) -> tuple[tuple[Table, ...], tuple[str, ...]]:
    """All readable tables and views by schema and name, and a note for each one left out.

    With `system`, INFORMATION_SCHEMA's views come last, without their contents.

    Raises WarehouseError if nothing can be read.
    """
    deadline = time.monotonic() + MAX_SECONDS
    notes = list(_loader_notes(cursor))
    tables = []
    declared = tuple(_declared_tables(cursor, schema))
    refused = unreadable_views(declared, stored_sql(cursor))
    for table in declared:
        if why := refused.get((table.schema_name, table.name)):
            notes.append(f"{table.name} is left out: {why}.")
            continue
        try:
            cursor.execute(f"EXPLAIN SELECT * FROM {quote_path(table.schema_name, table.name)}")
        except duckdb.Error as error:
            notes.append(f"{table.name} is left out: {warehouse_error(error).message.splitlines()[0].rstrip('.!')}.")
        else:
            tables.append(with_contents(cursor, table, deadline=deadline))
    if not tables:
        raise WarehouseError(
            "Nothing in this database can be read: " + " ".join(notes),
            "Views over files are closed for safety: copy their rows into tables, or open the folder of files itself.",
        )
    tables = infer_foreign_keys(cursor, tables, deadline=deadline)
    tables += _system_views(cursor) if system else []
    return tuple(tables), tuple(notes)


def _system_views(cursor: Cursor) -> list[Table]:
    rows = cursor.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = 'system' "
        "AND schema_name = 'information_schema' ORDER BY table_name, column_index"
    ).fetchall()
    columns = defaultdict(list)
    for view, name, data_type in rows:
        columns[view].append(Column(name=name, type=data_type))
    return [
        Table(schema_name="information_schema", name=view, columns=tuple(found), in_default_schema=False)
        for view, found in columns.items()
    ]


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
