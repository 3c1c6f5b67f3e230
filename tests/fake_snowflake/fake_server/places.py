"""Databases and schemas, made and dropped; and DROP of the tables and views in them."""

from typing import Any

from fake_server import grammar
from fake_server.account import Session
from fake_server.catalog import Name
from fake_server.engine import Engine
from fake_server.errors import already_exists, cannot_operate, no_privilege, not_found
from fake_server.lexer import path
from fake_server.resolve import full_name, require_schema, require_table
from fake_server.results import Result, status
from fake_server.tables import drop_in_engine


def require_owner(session: Session, kind: str, name: Name, owner: str) -> None:
    if not session.access.may("OWNERSHIP", kind, name, owner):
        raise no_privilege(kind, name[-1])


def create_place(session: Session, engine: Engine, sql: str) -> Result:
    """CREATE DATABASE and SCHEMA, which become the session's own."""
    said = grammar.parse(
        "CREATE [OR REPLACE !replace] [TRANSIENT] {DATABASE|SCHEMA !schema} [IF NOT EXISTS !exists] <name:name> [WITH MANAGED ACCESS] "
        "[DATA_RETENTION_TIME_IN_DAYS = <days:int>] [COMMENT = <comment:string>]",
        sql,
    )
    catalog, name = session.account.catalog, said["name"]
    is_schema = "schema" in said
    if is_schema:
        name = name if len(name) == 2 else (session.database or "", *name)
        if not session.access.sees_database(name[0]):
            raise cannot_operate()
        if not session.access.may("CREATE SCHEMA", "DATABASE", name[:1], catalog.databases[name[0]].owner):
            raise no_privilege("database", name[0])
    elif not session.access.is_admin and not session.access.may("CREATE DATABASE", "ACCOUNT", ()):
        raise no_privilege("account", session.account.name)
    known = name in catalog.schemas if is_schema else name[0] in catalog.databases
    what = "Schema" if is_schema else "Database"
    if known and "exists" in said:
        return status(f"{name[-1]} already exists, statement succeeded.")
    if known and "replace" not in said:
        raise already_exists(path(*name))
    if known:
        drop_place_in_engine(session, engine, name)
    if is_schema:
        catalog.add_schema(name, session.role)
        catalog.schemas[name].said["comment"] = said.get("comment", "")
        session.account.grants.future("SCHEMA", name, session.role)
    else:
        catalog.add_database(name[0], session.role)
        catalog.databases[name[0]].said["comment"] = said.get("comment", "")
    engine.account.make_room(name[0], name[1] if is_schema else "PUBLIC")
    session.database, session.schema = name[0], name[1] if is_schema else "PUBLIC"
    return status(f"{what} {name[-1]} successfully created.")


def drop(session: Session, engine: Engine, sql: str) -> Result:
    """DROP TABLE, VIEW, SCHEMA, DATABASE."""
    said = grammar.parse("DROP <kind:word> [IF EXISTS !exists] <name:name> [{CASCADE|RESTRICT}]", sql)
    kind, catalog = said["kind"], session.account.catalog
    try:
        if kind in ("TABLE", "VIEW"):
            name = full_name(session, said["name"], f"DROP {kind}")
            table = require_table(session, name, privilege="OWNERSHIP", kind=kind.title())
            drop_in_engine(session, engine, table)
            catalog.tables.pop(name)
        elif kind == "SCHEMA":
            name = require_schema(session, said["name"])
            require_owner(session, kind, name, catalog.schemas[name].owner)
            drop_place_in_engine(session, engine, name)
        else:
            name = said["name"]
            if not session.access.sees_database(name[0]):
                raise not_found("Database", path(*name))
            require_owner(session, kind, name, catalog.databases[name[0]].owner)
            drop_place_in_engine(session, engine, name)
    except Exception:
        if "exists" in said and not _there(catalog, said, session):
            return status("Drop statement executed successfully (object already dropped).")
        raise
    session.account.grants.drop(name)
    return status(f"{name[-1]} successfully dropped.")


def _there(catalog: Any, said: dict[str, Any], session: Session) -> bool:
    name = said["name"]
    if said["kind"] == "DATABASE":
        return name[0] in catalog.databases
    if said["kind"] == "SCHEMA":
        return (name if len(name) == 2 else (session.database, *name)) in catalog.schemas
    return (session.database, session.schema, *name)[-3:] in catalog.tables


def drop_place_in_engine(session: Session, engine: Engine, name: Name) -> None:
    """Drop a schema's or database's tables, and forget the place."""
    catalog = session.account.catalog
    tables = [t for key, t in list(catalog.tables.items()) if key[: len(name)] == name]
    for table in sorted(tables, key=lambda t: t.kind != "VIEW"):
        drop_in_engine(session, engine, table)
    if len(name) == 1:
        catalog.drop_database(name[0])
    else:
        catalog.drop_schema(name)
    for database in engine.roles.values():
        for key in [k for k in database.versions if k[: len(name)] == name and len(k) == 3]:
            database.versions.pop(key)
    if (session.database, session.schema)[: len(name)] == name:
        session.database, session.schema = (None, None) if len(name) == 1 else (session.database, None)
