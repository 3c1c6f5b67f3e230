"""SHOW GRANTS and SHOW CALLER GRANTS."""

from fake_server import grammar
from fake_server.account import Session
from fake_server.engine import Engine
from fake_server.lexer import path
from fake_server.resolve import full_name
from fake_server.results import Result, listing


def show_grants(session: Session, engine: Engine, sql: str) -> Result:
    """Who has which role, and which role has which privilege."""
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
    caller = sql.upper().split()[1] == "CALLER"
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
