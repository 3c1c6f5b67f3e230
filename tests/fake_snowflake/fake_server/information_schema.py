"""INFORMATION_SCHEMA of one database, holding only what the role may see.

Like the real one it can be pruned only by one schema's name; all else is filtered by the query itself.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from fake_server.account import Session
from fake_server.catalog import Table
from fake_server.engine import Engine
from fake_server.errors import not_found
from fake_server.lexer import path

TEXT, WHOLE, TIME = pa.string(), pa.int64(), pa.timestamp("us", tz="UTC")
VIEWS: dict[str, dict[str, pa.DataType]] = {
    "TABLES": {
        "TABLE_CATALOG": TEXT, "TABLE_SCHEMA": TEXT, "TABLE_NAME": TEXT, "TABLE_OWNER": TEXT, "TABLE_TYPE": TEXT,
        "IS_TRANSIENT": TEXT, "CLUSTERING_KEY": TEXT, "ROW_COUNT": WHOLE, "BYTES": WHOLE, "RETENTION_TIME": WHOLE,
        "CREATED": TIME, "LAST_ALTERED": TIME, "LAST_DDL": TIME, "COMMENT": TEXT,
    },
    "COLUMNS": {
        "TABLE_CATALOG": TEXT, "TABLE_SCHEMA": TEXT, "TABLE_NAME": TEXT, "COLUMN_NAME": TEXT, "ORDINAL_POSITION": WHOLE,
        "COLUMN_DEFAULT": TEXT, "IS_NULLABLE": TEXT, "DATA_TYPE": TEXT, "CHARACTER_MAXIMUM_LENGTH": WHOLE,
        "CHARACTER_OCTET_LENGTH": WHOLE, "NUMERIC_PRECISION": WHOLE, "NUMERIC_PRECISION_RADIX": WHOLE,
        "NUMERIC_SCALE": WHOLE, "DATETIME_PRECISION": WHOLE, "IS_IDENTITY": TEXT, "COMMENT": TEXT,
    },
    "VIEWS": {
        "TABLE_CATALOG": TEXT, "TABLE_SCHEMA": TEXT, "TABLE_NAME": TEXT, "TABLE_OWNER": TEXT, "VIEW_DEFINITION": TEXT,
        "IS_SECURE": TEXT, "CREATED": TIME, "LAST_ALTERED": TIME, "COMMENT": TEXT,
    },
    "SCHEMATA": {
        "CATALOG_NAME": TEXT, "SCHEMA_NAME": TEXT, "SCHEMA_OWNER": TEXT, "CREATED": TIME, "LAST_ALTERED": TIME, "COMMENT": TEXT,
    },
    "DATABASES": {"DATABASE_NAME": TEXT, "DATABASE_OWNER": TEXT, "CREATED": TIME, "COMMENT": TEXT},
    "TABLE_CONSTRAINTS": {
        "CONSTRAINT_CATALOG": TEXT, "CONSTRAINT_SCHEMA": TEXT, "CONSTRAINT_NAME": TEXT, "TABLE_CATALOG": TEXT,
        "TABLE_SCHEMA": TEXT, "TABLE_NAME": TEXT, "CONSTRAINT_TYPE": TEXT, "ENFORCED": TEXT,
    },
    "PROCEDURES": {
        "PROCEDURE_CATALOG": TEXT, "PROCEDURE_SCHEMA": TEXT, "PROCEDURE_NAME": TEXT, "PROCEDURE_OWNER": TEXT,
        "ARGUMENT_SIGNATURE": TEXT, "DATA_TYPE": TEXT, "COMMENT": TEXT,
    },
    "FUNCTIONS": {
        "FUNCTION_CATALOG": TEXT, "FUNCTION_SCHEMA": TEXT, "FUNCTION_NAME": TEXT, "FUNCTION_OWNER": TEXT,
        "ARGUMENT_SIGNATURE": TEXT, "DATA_TYPE": TEXT, "COMMENT": TEXT,
    },
    "STAGES": {"STAGE_CATALOG": TEXT, "STAGE_SCHEMA": TEXT, "STAGE_NAME": TEXT, "STAGE_TYPE": TEXT, "STAGE_OWNER": TEXT, "COMMENT": TEXT},
    "PACKAGES": {"PACKAGE_NAME": TEXT, "VERSION": TEXT, "LANGUAGE": TEXT, "RUNTIME_VERSION": TEXT},
}  # fmt: skip


def view(session: Session, engine: Engine, database: str, name: str, schema: str | None) -> pa.Table:
    """One view's rows; SnowflakeError if there is no such view."""
    if name not in VIEWS:
        raise not_found("Object", path(database, "INFORMATION_SCHEMA", name))
    rows = list(_rows(session, engine, database, name, schema))
    fields = VIEWS[name]
    return pa.table({key: pa.array([row.get(key) for row in rows], type) for key, type in fields.items()})


def _rows(session: Session, engine: Engine, database: str, name: str, wanted: str | None) -> Iterator[dict[str, Any]]:
    access = session.access
    if name == "DATABASES":
        yield from (_database(session, one) for one in access.databases())
        return
    schemas = [s for s in access.schemas(database) if wanted in (None, s[1])]
    if name == "SCHEMATA":
        yield from (_schema(session, one) for one in schemas)
        return
    if name in ("PROCEDURES", "FUNCTIONS", "STAGES", "PACKAGES"):
        yield from _things(session, database, name[:-1], wanted)
        return
    for schema in schemas:
        for table in access.tables(schema):
            yield from _table_rows(engine, table, name)


def _table_rows(engine: Engine, table: Table, view: str) -> Iterator[dict[str, Any]]:
    where = {"TABLE_CATALOG": table.name[0], "TABLE_SCHEMA": table.name[1], "TABLE_NAME": table.name[2]}
    told = {"TABLE_OWNER": table.owner, "CREATED": moment(table.created), "LAST_ALTERED": moment(table.altered)}
    if view == "TABLES":
        yield where | told | {
            "TABLE_TYPE": table.kind, "IS_TRANSIENT": "NO", "ROW_COUNT": engine.count(table), "BYTES": size(engine, table),
            "RETENTION_TIME": 1, "LAST_DDL": moment(table.altered), "COMMENT": table.comment or None,
        }  # fmt: skip
    elif view == "VIEWS" and table.kind == "VIEW":
        yield where | told | {"VIEW_DEFINITION": table.definition, "IS_SECURE": "NO", "COMMENT": table.comment or None}
    elif view == "COLUMNS":
        for number, column in enumerate(table.columns, 1):
            yield where | {
                "COLUMN_NAME": column.name, "ORDINAL_POSITION": number, "COLUMN_DEFAULT": column.default,
                "IS_NULLABLE": "YES" if column.nullable else "NO", "DATA_TYPE": column.type,
                "CHARACTER_MAXIMUM_LENGTH": column.length, "CHARACTER_OCTET_LENGTH": column.length,
                "NUMERIC_PRECISION": column.precision, "NUMERIC_PRECISION_RADIX": 10 if column.type == "NUMBER" else None,
                "NUMERIC_SCALE": column.scale, "IS_IDENTITY": "NO", "COMMENT": column.comment or None,
            }  # fmt: skip
    elif view == "TABLE_CONSTRAINTS":
        yield from (where | constraint for constraint in _constraints(table))


def _constraints(table: Table) -> Iterator[dict[str, Any]]:
    place = {"CONSTRAINT_CATALOG": table.name[0], "CONSTRAINT_SCHEMA": table.name[1], "ENFORCED": "NO"}
    if table.primary_key:
        yield place | {"CONSTRAINT_NAME": key_name(table), "CONSTRAINT_TYPE": "PRIMARY KEY"}
    for key in table.foreign_keys:
        yield place | {"CONSTRAINT_NAME": key.name, "CONSTRAINT_TYPE": "FOREIGN KEY"}


def _database(session: Session, name: str) -> dict[str, Any]:
    thing = session.account.catalog.databases[name]
    return {"DATABASE_NAME": name, "DATABASE_OWNER": thing.owner, "CREATED": moment(thing.created)}


def _schema(session: Session, name: tuple[str, ...]) -> dict[str, Any]:
    thing = session.account.catalog.schemas[name]
    told = {"CATALOG_NAME": name[0], "SCHEMA_NAME": name[1], "SCHEMA_OWNER": thing.owner}
    return told | {
        "CREATED": moment(thing.created),
        "LAST_ALTERED": moment(thing.created),
        "COMMENT": thing.said.get("comment"),
    }


def _things(session: Session, database: str, kind: str, schema: str | None) -> Iterator[dict[str, Any]]:
    for thing in session.account.catalog.of(kind):
        if thing.name[0] == database and schema in (None, thing.name[1]) and session.access.sees_thing(thing):
            yield {
                f"{kind}_CATALOG": thing.name[0], f"{kind}_SCHEMA": thing.name[1], f"{kind}_NAME": thing.name[2],
                f"{kind}_OWNER": thing.owner, "COMMENT": thing.said.get("comment"), "STAGE_TYPE": "Internal Named",
                "ARGUMENT_SIGNATURE": thing.said.get("signature"), "DATA_TYPE": thing.said.get("returns"),
            }  # fmt: skip


def key_name(table: Table) -> str:
    """As Snowflake names a key that has no name."""
    return f"SYS_CONSTRAINT_{abs(hash(table.name)) % 10**12:012d}"


def size(engine: Engine, table: Table) -> int | None:
    """Bytes on disk: what the test said, else 8 for each value, in blocks of 512."""
    if table.kind == "VIEW":
        return None
    if table.bytes is not None:
        return table.bytes
    return -(-(engine.count(table) or 0) * len(table.columns) * 8 // 512) * 512


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
