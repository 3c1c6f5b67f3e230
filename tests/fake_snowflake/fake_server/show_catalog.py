"""SHOW of the catalog: databases, schemas, tables, columns, keys."""

import json
from collections.abc import Sequence
from typing import Any

from fake_server import information_schema
from fake_server.account import Session
from fake_server.engine import Engine
from fake_server.errors import cannot_operate
from fake_server.show_scope import stamp, tables_in

TABLE_COLUMNS = (
    "created_on", "name", "database_name", "schema_name", "kind", "comment", "cluster_by", "rows:fixed", "bytes:fixed", "owner",
    "retention_time", "owner_role_type",
)  # fmt: skip
PRIMARY = (
    "created_on",
    "database_name",
    "schema_name",
    "table_name",
    "column_name",
    "key_sequence:fixed",
    "constraint_name",
    "rely",
    "comment",
)
IMPORTED = (
    "created_on", "pk_database_name", "pk_schema_name", "pk_table_name", "pk_column_name", "fk_database_name",
    "fk_schema_name", "fk_table_name", "fk_column_name", "key_sequence:fixed", "update_rule", "delete_rule", "fk_name",
    "pk_name", "deferrability", "rely", "comment",
)  # fmt: skip


def tables(session: Session, engine: Engine, said: dict[str, Any], *kinds: str) -> tuple[Sequence[str], list[Any]]:
    rows = [
        (stamp(t.created), t.name[2], t.name[0], t.name[1], "TABLE" if t.kind == "BASE TABLE" else t.kind, t.comment, "",
         engine.count(t), information_schema.size(engine, t), t.owner, "1", "ROLE")
        for t in tables_in(session, said) if t.kind in kinds
    ]  # fmt: skip
    return TABLE_COLUMNS, rows


def columns(session: Session, engine: Engine, said: dict[str, Any]) -> tuple[Sequence[str], list[Any]]:
    names = (
        "table_name",
        "schema_name",
        "column_name",
        "data_type",
        "null?",
        "default",
        "kind",
        "expression",
        "comment",
        "database_name",
        "autoincrement",
    )
    rows = [
        (t.name[2], t.name[1], c.name, _data_type(c), "true" if c.nullable else "NOT_NULL", c.default or "", "COLUMN", "",
         c.comment, t.name[0], "")
        for t in tables_in(session, said) for c in t.columns
    ]  # fmt: skip
    return names, rows


def _data_type(column: Any) -> str:
    told = {"type": {"NUMBER": "FIXED", "FLOAT": "REAL"}.get(column.type, column.type)}
    if column.type == "NUMBER":
        told |= {"precision": column.precision or 38, "scale": column.scale or 0}
    return json.dumps(told | {"nullable": column.nullable}, separators=(",", ":"))


def databases(session: Session, engine: Engine, said: dict[str, Any]) -> tuple[Sequence[str], list[Any]]:
    names = (
        "created_on",
        "name",
        "is_default",
        "is_current",
        "origin",
        "owner",
        "comment",
        "options",
        "retention_time",
        "kind",
    )
    things = [session.account.catalog.databases[name] for name in session.access.databases()]
    return names, [
        (stamp(t.created), t.name[0], "N", "Y" if t.name[0] == session.database else "N", "", t.owner, t.said.get("comment", ""), "", "1", "STANDARD")
        for t in things
    ]  # fmt: skip


def schemas(session: Session, engine: Engine, said: dict[str, Any]) -> tuple[Sequence[str], list[Any]]:
    names = (
        "created_on",
        "name",
        "is_default",
        "is_current",
        "database_name",
        "owner",
        "comment",
        "options",
        "retention_time",
    )
    database = said.get("database") or (said["in"][0] if "in" in said else session.database)
    if database and not session.access.sees_database(database):
        raise cannot_operate()
    found = [(s, session.account.catalog.schemas[s]) for s in session.access.schemas(database)]
    rows = [(stamp(t.created), s[1], "N", "N", s[0], t.owner, t.said.get("comment", ""), "", "1") for s, t in found]
    if database:
        rows.append(
            (
                stamp(0),
                "INFORMATION_SCHEMA",
                "N",
                "N",
                database,
                "",
                "Views describing the contents of schemas in this database",
                "",
                "1",
            )
        )
    return names, sorted(rows, key=lambda row: row[1])


def primary_keys(session: Session, engine: Engine, said: dict[str, Any]) -> tuple[Sequence[str], list[Any]]:
    return PRIMARY, [
        (stamp(t.created), *t.name, column, number, information_schema.key_name(t), "false", "")
        for t in tables_in(session, said) for number, column in enumerate(t.primary_key, 1)
    ]  # fmt: skip


def imported_keys(session: Session, engine: Engine, said: dict[str, Any]) -> tuple[Sequence[str], list[Any]]:
    rows = []
    for table in tables_in(session, said):
        for key in table.foreign_keys:
            other = session.account.catalog.tables.get(key.table)
            if other is None or not session.access.sees_table(other):
                continue  # the other end is hidden, so the key would tell its name
            for number, (mine, theirs) in enumerate(zip(key.columns, key.references, strict=True), 1):
                rows.append(
                    (stamp(table.created), *key.table, theirs, *table.name, mine, number, "NO ACTION", "NO ACTION", key.name,
                     information_schema.key_name(other), "NOT DEFERRABLE", "false", "")
                )  # fmt: skip
    return IMPORTED, rows
