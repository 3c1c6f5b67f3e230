"""SHOW and DESCRIBE, of what the role may see."""

import fnmatch
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from fake_server import grammar, information_schema
from fake_server.account import Session
from fake_server.catalog import Name, Table
from fake_server.engine import Engine
from fake_server.errors import cannot_operate, unsupported
from fake_server.lexer import path
from fake_server.resolve import full_name, require_table
from fake_server.results import DESCRIBE, SHOW, Result, listing

SCOPE = (
    "[HISTORY] [LIKE <like:string>] [IN { ACCOUNT | DATABASE [<database:ident>] | SCHEMA [<in:name>] | TABLE <table:name> "
    "| VIEW <table:name> | APPLICATION <app:ident> | COMPUTE POOL <pool:ident> | SERVICE <service:name> | <in:name> }] "
    "[STARTS WITH <starts:string>] [LIMIT <limit:int> [FROM <from:string>]]"
)
THINGS = (
    "ROLES", "USERS", "WAREHOUSES", "STAGES", "PROCEDURES", "FUNCTIONS", "RESOURCE MONITORS", "COMPUTE POOLS",
    "IMAGE REPOSITORIES", "SERVICES", "STREAMLITS", "SEMANTIC VIEWS", "MCP SERVERS", "TASKS", "NETWORK RULES", "TAGS",
    "USER FUNCTIONS", "USER PROCEDURES", "SECRETS", "FILE FORMATS", "SEQUENCES", "CORTEX SEARCH SERVICES", "BUDGETS",
)  # fmt: skip
SINGULAR = {
    "IMAGE REPOSITORIES": "IMAGE REPOSITORY",
    "USER FUNCTIONS": "FUNCTION",
    "USER PROCEDURES": "PROCEDURE",
    "BUDGETS": "BUDGET",
}
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


def show(session: Session, engine: Engine, sql: str) -> Result:
    """One SHOW statement's rows."""
    what = next((w for w in SHOWN if _starts(sql, w)), None)
    if what is None:
        grammar.parse("SHOW <what:word>", sql)
        raise unsupported(" ".join(sql.split()[:3]))
    said = grammar.parse(f"SHOW [TERSE] {what} {SCOPE}", sql)
    columns, rows = SHOWN[what](session, engine, said)
    names = [column.split(":")[0] for column in columns]
    if "name" in names:
        rows = _matching(rows, names.index("name"), said)
    kept = list(rows)[: said.get("limit")]
    return listing(columns, kept, SHOW)


def _matching(rows: Iterable[Sequence[Any]], index: int, said: dict[str, Any]) -> list[Sequence[Any]]:
    like, starts = said.get("like"), said.get("starts", "")
    pattern = like.upper().replace("%", "*").replace("_", "?") if like else "*"
    return [r for r in rows if fnmatch.fnmatchcase(str(r[index]).upper(), pattern) and str(r[index]).startswith(starts)]


def schemas_in(session: Session, said: dict[str, Any]) -> list[Name]:
    """The schemas that IN names, as far as the role sees them; else the session's own."""
    access = session.access
    if "app" in said or (set(said) >= {"pool"}):
        raise unsupported("SHOW .. IN this")
    if "database" in said:
        return _of_database(session, said["database"])
    if "in" in said:
        name = said["in"]
        if (
            len(name) == 1
            and access.sees_database(name[0])
            and not access.sees_schema((session.database or "", name[0]))
        ):
            return _of_database(session, name[0])
        name = name if len(name) == 2 else (session.database or "", name[0])
        if not access.sees_schema(name):
            raise cannot_operate()
        return [name]
    if session.database and session.schema:
        return [(session.database, session.schema)]
    return access.schemas(session.database)


def _of_database(session: Session, name: str) -> list[Name]:
    if not session.access.sees_database(name):
        raise cannot_operate()
    return session.access.schemas(name)


def tables_in(session: Session, said: dict[str, Any]) -> list[Table]:
    """The tables that IN names."""
    if "table" in said:
        name = full_name(session, said["table"], "SHOW")
        return [require_table(session, name, privilege="SELECT", kind="Table")]
    return [table for schema in schemas_in(session, said) for table in session.access.tables(schema)]


def _tables(session: Session, engine: Engine, said: dict[str, Any], *kinds: str) -> tuple[Sequence[str], list[Any]]:
    rows = [
        (stamp(t.created), t.name[2], t.name[0], t.name[1], "TABLE" if t.kind == "BASE TABLE" else t.kind, t.comment, "",
         engine.count(t), information_schema.size(engine, t), t.owner, "1", "ROLE")
        for t in tables_in(session, said) if t.kind in kinds
    ]  # fmt: skip
    return TABLE_COLUMNS, rows


def _columns(session: Session, engine: Engine, said: dict[str, Any]) -> tuple[Sequence[str], list[Any]]:
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


def _databases(session: Session, engine: Engine, said: dict[str, Any]) -> tuple[Sequence[str], list[Any]]:
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


def _schemas(session: Session, engine: Engine, said: dict[str, Any]) -> tuple[Sequence[str], list[Any]]:
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


def _primary_keys(session: Session, engine: Engine, said: dict[str, Any]) -> tuple[Sequence[str], list[Any]]:
    return PRIMARY, [
        (stamp(t.created), *t.name, column, number, information_schema.key_name(t), "false", "")
        for t in tables_in(session, said) for number, column in enumerate(t.primary_key, 1)
    ]  # fmt: skip


def _imported_keys(session: Session, engine: Engine, said: dict[str, Any]) -> tuple[Sequence[str], list[Any]]:
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


def grants(session: Session, engine: Engine, sql: str) -> Result:
    said = grammar.parse(
        "SHOW [CALLER] GRANTS [{ TO { ROLE <role:ident> | USER <user:ident> } | OF ROLE <of:ident> "
        "| ON { ACCOUNT | <kind:word> [<kind2:word>] <on:name> [<args:parens>] } }]",
        sql,
    )
    members = session.account.grants.members
    if "of" in said:
        rows = [("", role, kind, name, "ACCOUNTADMIN") for role, kind, name in sorted(members) if role == said["of"]]
        return listing(("created_on", "role", "granted_to", "grantee_name", "granted_by"), rows)
    if "user" in said or not (said.keys() & {"role", "on"}):
        user = said.get("user", session.user)
        rows = [
            ("", role, "USER", name, "ACCOUNTADMIN")
            for role, kind, name in sorted(members)
            if (kind, name) == ("USER", user)
        ]
        return listing(("created_on", "role", "granted_to", "grantee_name", "granted_by"), rows)
    caller = _starts(sql, "CALLER GRANTS")
    given = [g for g in session.account.grants.given if g.caller == caller and not g.future]
    if "role" in said:
        given = [g for g in given if g.role == said["role"]]
    else:
        given = [g for g in given if g.name and g.name == full_name(session, said["on"])[-len(g.name) :]]
    rows = sorted(
        ("", g.privilege, g.kind, path(*(g.name or g.within)), "ROLE", g.role, "false", "ACCOUNTADMIN") for g in given
    )
    if "role" in said:
        rows += [
            ("", "USAGE", "ROLE", r, "ROLE", n, "false", "")
            for r, k, n in sorted(members)
            if (k, n) == ("ROLE", said["role"])
        ]
    return listing(
        ("created_on", "privilege", "granted_on", "name", "granted_to", "grantee_name", "grant_option", "granted_by"),
        rows,
    )


def _things(kind: str) -> Callable[..., tuple[Sequence[str], list[Any]]]:
    def rows(session: Session, engine: Engine, said: dict[str, Any]) -> tuple[Sequence[str], list[Any]]:
        things = [
            t for t in session.account.catalog.of(kind) if kind in ("ROLE", "USER") or session.access.sees_thing(t)
        ]
        if "in" in said or "database" in said:
            places = schemas_in(session, said)
            things = [t for t in things if len(t.name) < 3 or t.name[:2] in places]
        extra = sorted({key for t in things for key, value in t.said.items() if _shown(key, value)})
        names = ("created_on", "name", "database_name", "schema_name", "owner", "comment", *extra)
        return names, [
            (stamp(t.created), t.name[-1], t.name[0] if len(t.name) == 3 else "", t.name[1] if len(t.name) == 3 else "", t.owner,
             t.said.get("comment", ""), *(t.said.get(key, "") for key in extra))
            for t in things
        ]  # fmt: skip

    return rows


def _shown(key: str, value: Any) -> bool:
    """What a statement said that SHOW repeats."""
    hidden = ("name", "comment", "password", "replace", "exists", "yaml", "spec", "body", "altered")
    return key.islower() and key not in hidden and isinstance(value, str | int | bool)


def _parameters(session: Session, engine: Engine, said: dict[str, Any]) -> tuple[Sequence[str], list[Any]]:
    names = ("key", "value", "default", "level", "description", "type")
    rows = [(key, str(value), "", "SESSION", "", "STRING") for key, value in sorted(session.parameters.items())]
    like = (said.get("like") or "%").upper().replace("%", "*")
    return names, [row for row in rows if fnmatch.fnmatchcase(row[0], like)]


SHOWN: dict[str, Callable[..., tuple[Sequence[str], list[Any]]]] = {
    "TABLES": lambda s, e, w: _tables(s, e, w, "BASE TABLE"),
    "VIEWS": lambda s, e, w: _tables(s, e, w, "VIEW"),
    "OBJECTS": lambda s, e, w: _tables(s, e, w, "BASE TABLE", "VIEW"),
    "COLUMNS": _columns,
    "DATABASES": _databases,
    "SCHEMAS": _schemas,
    "PRIMARY KEYS": _primary_keys,
    "IMPORTED KEYS": _imported_keys,
    "PARAMETERS": _parameters,
    **{kind: _things(SINGULAR.get(kind, kind[:-1])) for kind in THINGS},
}


def describe(session: Session, engine: Engine, sql: str) -> Result:
    """DESCRIBE TABLE and VIEW, RESULT, and every other kind by what was said of it."""
    said = grammar.parse("{DESCRIBE|DESC} {TABLE|VIEW|<kind:word> [<kind2:word>]} <name:name> [<args:parens>]", sql)
    if "kind" in said:
        kind = " ".join(said[key] for key in ("kind", "kind2") if key in said)
        return _describe_thing(session, kind, said["name"])
    table = require_table(session, full_name(session, said["name"], "DESCRIBE"), kind="Table")
    names = (
        "name",
        "type",
        "kind",
        "null?",
        "default",
        "primary key",
        "unique key",
        "check",
        "expression",
        "comment",
        "policy name",
    )
    rows = [
        (c.name, c.declared(), "COLUMN", "Y" if c.nullable else "N", c.default, "Y" if c.name in table.primary_key else "N",
         "N", None, None, c.comment or None, None)
        for c in table.columns
    ]  # fmt: skip
    return listing(names, rows, DESCRIBE)


def _describe_thing(session: Session, kind: str, name: Name) -> Result:
    full = name if (kind, name) in session.account.catalog.things else full_name(session, name, "DESCRIBE")
    thing = session.account.catalog.things.get((kind, full))
    if thing is None or not session.access.sees_thing(thing):
        raise cannot_operate()
    rows = [
        (key, value if isinstance(value, str) else json.dumps(value))
        for key, value in thing.said.items()
        if key != "password"
    ]
    return listing(("property", "value"), rows, DESCRIBE)


def stamp(seconds: float) -> str:
    return str(information_schema.moment(seconds).isoformat(sep=" ", timespec="milliseconds"))


def _starts(sql: str, words: str) -> bool:
    told = " ".join(sql.upper().split()).removeprefix("SHOW ").removeprefix("TERSE ")
    return told == words or told.startswith((words + " ", words + ";"))
