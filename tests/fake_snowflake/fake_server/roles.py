"""Roles and users: made, dropped, given to one another."""

from typing import Any

from fake_server import grammar
from fake_server.account import Session
from fake_server.catalog import Thing
from fake_server.engine import Engine
from fake_server.errors import already_exists, no_privilege, not_found
from fake_server.results import Result, status


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


def grant_role(session: Session, sql: str, revoke: bool) -> Result:
    to = "FROM" if revoke else "TO"
    said = grammar.parse(
        f"{{GRANT|REVOKE}} {{ ROLE <given:ident> {to} {{ ROLE !to_role | USER !to_user }} <grantee:ident> "
        f"| {{DATABASE|APPLICATION}} ROLE <database_role:name> {to} ROLE <grantee:ident> "
        f"| SERVICE ROLE <service:name> ! <service_role:ident> {to} ROLE <grantee:ident> }}",
        sql,
    )
    members = session.account.grants.members
    if "given" not in said:
        require_role(session, said["grantee"])
        return status("Statement executed successfully.")
    require_role(session, said["given"])
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


def require_role(session: Session, role: str) -> None:
    if session.account.thing("ROLE", role) is None:
        raise not_found("Role", role)
