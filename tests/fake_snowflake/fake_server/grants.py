"""GRANT, REVOKE, and the statements on roles and users; caller grants among them."""

import re
from typing import Any

from fake_server import grammar
from fake_server.access import Grant
from fake_server.account import Session
from fake_server.catalog import Name, Thing
from fake_server.engine import Engine
from fake_server.errors import already_exists, no_privilege, not_found, syntax_error
from fake_server.lexer import path, tokens
from fake_server.resolve import full_name
from fake_server.results import Result, status

KINDS = (
    "DATABASE", "SCHEMA", "TABLE", "VIEW", "WAREHOUSE", "STAGE", "PROCEDURE", "FUNCTION", "IMAGE REPOSITORY",
    "COMPUTE POOL", "SERVICE", "STREAMLIT", "SEMANTIC VIEW", "MCP SERVER", "TASK", "RESOURCE MONITOR", "INTEGRATION",
    "SEQUENCE", "FILE FORMAT", "SECRET", "BUDGET", "AGENT",
)  # fmt: skip
PLURAL = {"IMAGE REPOSITORY": "IMAGE REPOSITORIES"}
ON = " | ".join(f"{kind} !on_{kind.replace(' ', '_')}" for kind in KINDS)
ALL = " | ".join(f"{PLURAL.get(kind, kind + 'S')} !on_{kind.replace(' ', '_')}" for kind in KINDS)
PRIVILEGES = {
    "ALL", "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "USAGE", "OPERATE", "MONITOR", "MODIFY", "READ",
    "WRITE", "OWNERSHIP", "REBUILD", "EVOLVE SCHEMA", "CREATE DATABASE", "CREATE ROLE", "CREATE USER", "CREATE WAREHOUSE",
    "CREATE COMPUTE POOL", "CREATE INTEGRATION", "EXECUTE TASK", "EXECUTE MANAGED TASK", "MANAGE GRANTS",
    "MANAGE CALLER GRANTS", "BIND SERVICE ENDPOINT", "IMPORTED PRIVILEGES", "APPLYBUDGET", "EXECUTE ALERT",
    "DATA READ", "OBJECT DISCOVERY", "PROGRAM USAGE",
    *(f"CREATE {kind}" for kind in (
        "SCHEMA", "TABLE", "VIEW", "STAGE", "PROCEDURE", "FUNCTION", "IMAGE REPOSITORY", "SERVICE", "STREAMLIT",
        "SEMANTIC VIEW", "MCP SERVER", "TASK", "SEQUENCE", "SECRET", "NETWORK RULE", "DYNAMIC TABLE", "CORTEX SEARCH SERVICE",
        "AGENT", "NOTEBOOK", "TEMPORARY TABLE", "FILE FORMAT", "SNOWFLAKE.CORE.BUDGET")),
}  # fmt: skip
TARGET = (
    "{ ACCOUNT !on_ACCOUNT | ALL "
    + f"{{ {ALL} }} IN {{ DATABASE !in_database | SCHEMA }} <within:name> | FUTURE !future {{ {ALL} }}"
)
TARGET += " IN { DATABASE !in_database | SCHEMA } <within:name> | { " + ON + " } <name:name> [<args:parens>] }"


def grant(session: Session, engine: Engine, sql: str) -> Result:
    """GRANT or REVOKE, of a role, of privileges, or of caller privileges."""
    words = [t.value for t in tokens(sql)[:4]]
    revoke = words[0] == "REVOKE"
    if words[1] in ("ROLE", "DATABASE", "SERVICE", "APPLICATION") and "ROLE" in words[1:3]:
        return _role(session, sql, revoke)
    caller = "CALLER" in words[1:4]
    said = _caller(sql, revoke) if caller else _plain(sql, revoke)
    kind = next(key[3:].replace("_", " ") for key in said if key.startswith("on_"))
    _require_role(session, said["role"])
    for privilege in said["privileges"]:
        made = _grant(session, said, kind, privilege, caller)
        _require_right(session, made)
        for one in [made] if made.future or caller or not made.within else _expanded(session, made):
            (session.account.grants.given.discard if revoke else session.account.grants.given.add)(one)
    return status("Statement executed successfully.")


def _plain(sql: str, revoke: bool) -> dict[str, Any]:
    privileges, rest = _privileges(sql, 1)
    to = (
        "FROM ROLE <role:ident> [{CASCADE|RESTRICT}]"
        if revoke
        else "TO [ROLE] <role:ident> [WITH GRANT OPTION] [{COPY|REVOKE} CURRENT GRANTS]"
    )
    return grammar.parse(f"ON {TARGET} {to}", sql[rest:]) | {"privileges": privileges}


def _caller(sql: str, revoke: bool) -> dict[str, Any]:
    """`GRANT [INHERITED] CALLER p ON .. TO ROLE r`, `GRANT ALL [INHERITED] CALLER PRIVILEGES ON .. TO ROLE r`."""
    found = tokens(sql)
    words = [t.value for t in found]
    after = words.index("CALLER") + 1
    if words[1 : after - 1] not in ([], ["INHERITED"], ["ALL"], ["ALL", "INHERITED"]):
        raise syntax_error(sql, found[1].start, found[1].text)
    if words[1] == "ALL":
        if words[after] != "PRIVILEGES":
            raise syntax_error(sql, found[after].start, found[after].text)
        privileges, rest = ["ALL"], found[after + 1].start
    else:
        privileges, rest = _privileges(sql, after)
    to = "FROM" if revoke else "TO"
    said = grammar.parse(f"ON {TARGET} {to} {{ROLE|DATABASE ROLE|APPLICATION}} <role:ident>", sql[rest:])
    if ("INHERITED" in words[1:after]) != ("within" in said):
        raise syntax_error(sql, found[1].start, found[1].text)
    return said | {"privileges": privileges}


def _privileges(sql: str, index: int) -> tuple[list[str], int]:
    """The privileges before ON, and where ON stands; SnowflakeError for one that there isn't."""
    found = tokens(sql)
    end = next((i for i, t in enumerate(found) if i >= index and t.value == "ON" and t.kind == "word"), None)
    if end is None:
        raise syntax_error(sql, len(sql), "<EOF>")
    text = sql[found[index].start : found[end].start]
    privileges = [" ".join(part.upper().split()) for part in text.split(",")]
    for privilege in privileges:
        if privilege not in PRIVILEGES and privilege != "ALL PRIVILEGES":
            raise syntax_error(sql, found[index].start, privilege)
    return [re.sub("^ALL PRIVILEGES$", "ALL", p) for p in privileges], found[end].start


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


def _role(session: Session, sql: str, revoke: bool) -> Result:
    to = "FROM" if revoke else "TO"
    said = grammar.parse(
        f"{{GRANT|REVOKE}} {{ ROLE <given:ident> {to} {{ ROLE !to_role | USER !to_user }} <grantee:ident> "
        f"| {{DATABASE|APPLICATION}} ROLE <database_role:name> {to} ROLE <grantee:ident> "
        f"| SERVICE ROLE <service:name> ! <service_role:ident> {to} ROLE <grantee:ident> }}",
        sql,
    )
    members = session.account.grants.members
    if "given" not in said:
        _require_role(session, said["grantee"])
        return status("Statement executed successfully.")
    _require_role(session, said["given"])
    kind = "USER" if "to_user" in said else "ROLE"
    if session.account.thing(kind, said["grantee"]) is None:
        raise not_found(kind.title(), said["grantee"])
    _require_manager(session, said["given"])
    entry = (said["given"], kind, said["grantee"])
    (members.discard if revoke else members.add)(entry)
    return status("Statement executed successfully.")


def _require_manager(session: Session, role: str) -> None:
    thing = session.account.thing("ROLE", role)
    roles = session.account.grants.closure(session.role)
    if not ({"ACCOUNTADMIN", "SECURITYADMIN"} & {session.role}) and (thing is None or thing.owner not in roles):
        raise no_privilege("role", role)


def _require_role(session: Session, role: str) -> None:
    if session.account.thing("ROLE", role) is None:
        raise not_found("Role", role)


def create_role(session: Session, engine: Engine, sql: str) -> Result:
    said = grammar.parse(
        "CREATE [OR REPLACE !replace] ROLE [IF NOT EXISTS !exists] <name:ident> [COMMENT = <comment:string>]", sql
    )
    return _create(session, "ROLE", said, sql)


def create_user(session: Session, engine: Engine, sql: str) -> Result:
    said = grammar.parse(
        "CREATE [OR REPLACE !replace] USER [IF NOT EXISTS !exists] <name:ident> ~{ PASSWORD = <password:string> "
        "| DEFAULT_ROLE = <default_role:scalar> | DEFAULT_WAREHOUSE = <default_warehouse:scalar> | TYPE = <type:word> "
        "| DEFAULT_NAMESPACE = <namespace:name> | RSA_PUBLIC_KEY = <key:string> | MUST_CHANGE_PASSWORD = <must:bool> "
        "| LOGIN_NAME = <login:scalar> | EMAIL = <email:string> | COMMENT = <comment:string> }",
        sql,
    )
    return _create(session, "USER", said, sql)


def _create(session: Session, kind: str, said: dict[str, Any], sql: str) -> Result:
    allowed = {"ACCOUNTADMIN", "SECURITYADMIN", "USERADMIN"}
    if session.role not in allowed and not session.access.may(f"CREATE {kind}", "ACCOUNT", ()):
        raise no_privilege("account", session.account.name)
    key = (kind, (said["name"],))
    if key in session.account.catalog.things and "replace" not in said:
        if "exists" in said:
            return status(f"{said['name']} already exists, statement succeeded.")
        raise already_exists(said["name"])
    session.account.catalog.things[key] = Thing(kind, key[1], session.role, said, sql)
    return status(f"{kind.title()} {said['name']} successfully created.")


def drop_role(session: Session, engine: Engine, sql: str) -> Result:
    said = grammar.parse("DROP {ROLE|USER !user} [IF EXISTS !exists] <name:ident>", sql)
    kind = "USER" if "user" in said else "ROLE"
    if session.account.thing(kind, said["name"]) is None:
        if "exists" in said:
            return status("Drop statement executed successfully (object already dropped).")
        raise not_found(kind.title(), said["name"])
    _require_manager(session, said["name"])
    session.account.catalog.things.pop((kind, (said["name"],)))
    grants = session.account.grants
    grants.members = {
        m for m in grants.members if said["name"] not in (m[2] if m[1] == kind else "", m[0] if kind == "ROLE" else "")
    }
    if kind == "ROLE":
        grants.given = {g for g in grants.given if g.role != said["name"]}
    return status(f"{said['name']} successfully dropped.")
