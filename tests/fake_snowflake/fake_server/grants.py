"""GRANT and REVOKE: of a role, of privileges, of caller privileges; who may."""

from typing import Any

from fake_server.access import Grant
from fake_server.account import Session
from fake_server.catalog import Name
from fake_server.engine import Engine
from fake_server.errors import no_privilege, not_found
from fake_server.grant_grammar import of_callers, plain
from fake_server.lexer import path, tokens
from fake_server.resolve import full_name
from fake_server.results import Result, status
from fake_server.roles import grant_role, require_role


def grant(session: Session, engine: Engine, sql: str) -> Result:
    """GRANT or REVOKE, of a role, of privileges, or of caller privileges."""
    words = [t.value for t in tokens(sql)[:4]]
    revoke = words[0] == "REVOKE"
    if words[1] in ("ROLE", "DATABASE", "SERVICE", "APPLICATION") and "ROLE" in words[1:3]:
        return grant_role(session, sql, revoke)
    caller = "CALLER" in words[1:4]
    said = of_callers(sql, revoke) if caller else plain(sql, revoke)
    kind = next(key[3:].replace("_", " ") for key in said if key.startswith("on_"))
    require_role(session, said["role"])
    for privilege in said["privileges"]:
        made = _grant(session, said, kind, privilege, caller)
        _require_right(session, made)
        for one in [made] if made.future or caller or not made.within else _expanded(session, made):
            (session.account.grants.given.discard if revoke else session.account.grants.given.add)(one)
    return status("Statement executed successfully.")


def _grant(session: Session, said: dict[str, Any], kind: str, privilege: str, caller: bool) -> Grant:
    within = said.get("within", ())
    if within:
        scope = within if "in_database" in said or len(within) == 2 else (session.database or "", *within)
        return Grant(privilege, kind, (), said["role"], caller, scope, "future" in said)
    if kind == "ACCOUNT":
        return Grant(privilege, kind, (), said["role"], caller)
    return Grant(privilege, kind, object_name(session, kind, said["name"]), said["role"], caller)


def object_name(session: Session, kind: str, name: Name) -> Name:
    """The full name of an existing object; SnowflakeError if the role doesn't see it."""
    catalog, access = session.account.catalog, session.access
    if kind == "DATABASE" and (access.sees_database(name[0]) or name == ("SNOWFLAKE",)):
        return name
    if kind == "SCHEMA":
        name = name if len(name) == 2 else (session.database or "", *name)
        if access.sees_schema(name) or name[0] == "SNOWFLAKE":
            return name
    elif kind in ("TABLE", "VIEW"):
        name = full_name(session, name, "GRANT")
        if name in catalog.tables and access.sees_table(catalog.tables[name]):
            return name
    elif kind != "DATABASE":
        for full in (name, _three(session, name)):
            if (kind, full) in catalog.things and access.sees_thing(catalog.things[kind, full]):
                return full
        if name[0] == "SNOWFLAKE":
            return name
    raise not_found(kind.capitalize(), path(*name))


def _three(session: Session, name: Name) -> Name:
    return (session.database or "", session.schema or "", *name)[-3:]


def _require_right(session: Session, made: Grant) -> None:
    access = session.access
    if access.is_admin or session.role == "SECURITYADMIN" or access.may("MANAGE GRANTS", "ACCOUNT", ()):
        return
    if made.caller:
        if access.may("MANAGE CALLER GRANTS", "ACCOUNT", ()):
            return
        raise no_privilege("account", session.account.name)
    owner = _owner(session, made.kind, made.name or made.within)
    if owner not in session.account.grants.closure(session.role):
        raise no_privilege(made.kind, path(*(made.name or made.within)))


def _owner(session: Session, kind: str, name: Name) -> str:
    catalog = session.account.catalog
    if name in catalog.tables:
        return catalog.tables[name].owner
    if len(name) == 2:
        return catalog.schemas[name].owner if name in catalog.schemas else ""
    if (kind, name) in catalog.things:
        return catalog.things[kind, name].owner
    return catalog.databases[name[0]].owner if name and name[0] in catalog.databases else ""


def _expanded(session: Session, made: Grant) -> list[Grant]:
    """ON ALL .. IN: one for each object that is there now."""
    catalog = session.account.catalog
    if made.kind in ("TABLE", "VIEW"):
        names = [t.name for t in catalog.tables.values() if (t.kind == "VIEW") == (made.kind == "VIEW")]
    elif made.kind == "SCHEMA":
        names = list(catalog.schemas)
    else:
        names = [t.name for t in catalog.of(made.kind)]
    return [Grant(made.privilege, made.kind, n, made.role) for n in names if n[: len(made.within)] == made.within]
