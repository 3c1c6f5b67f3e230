"""CREATE, ALTER and DROP of everything else that is deployed: read strictly, kept, and shown again; nothing of it runs."""

import time
from typing import Any

from fake_server import deploy_checks, grammar, procedures
from fake_server.account import Session
from fake_server.catalog import Name, Thing
from fake_server.deploy_grammar import KINDS, Kind
from fake_server.engine import Engine
from fake_server.errors import SnowflakeError, already_exists, no_privilege, not_found, syntax_error, unsupported
from fake_server.lexer import path, tokens
from fake_server.resolve import full_name, require_schema
from fake_server.results import Result, status

DROPPED = {
    **{kind: kind for kind in KINDS},
    "PROCEDURE": "PROCEDURE",
    "FUNCTION": "FUNCTION",
    "SEMANTIC VIEW": "SEMANTIC VIEW",
}


def run(session: Session, engine: Engine, sql: str) -> Result:
    """One such statement; SnowflakeError for a kind, clause or order that is not documented."""
    found = tokens(sql)
    verb = found[0].value
    kind = kind_of([t.value for t in found[1:9]])
    if verb == "EXECUTE":
        raise unsupported(" ".join(sql.split()[:2]))
    if kind is None:
        index = 1 if verb != "CREATE" or found[1:2] == () else _after_replace(found)
        wrong = found[index] if index < len(found) else found[-1]
        raise syntax_error(sql, wrong.start, wrong.text)
    if session.limit:
        raise no_privilege(kind, found[-1].text)
    if verb == "CREATE":
        return procedures.create(session, engine, sql) if kind == "PROCEDURE" else create(session, kind, sql)
    return alter(session, kind, sql) if verb == "ALTER" else drop(session, kind, sql)


def kind_of(words: list[str]) -> str | None:
    """The kind that these words (after the verb) speak of."""
    while words and words[0] in ("OR", "REPLACE", "TEMP", "TEMPORARY"):
        words = words[1:]
    if words[:5] == ["SNOWFLAKE", ".", "CORE", ".", "BUDGET"]:
        return "SNOWFLAKE.CORE.BUDGET"
    return next((kind for kind in DROPPED if words[: len(kind.split())] == kind.split()), None)


def _after_replace(found: Any) -> int:
    return 3 if len(found) > 3 and found[1].value == "OR" else 1


def create(session: Session, kind: str, sql: str) -> Result:
    form = KINDS[kind]
    said = grammar.parse(form.create, sql)
    name = place(session, kind, form, said["name"])
    said |= deploy_checks.check(session, kind, said)
    things = session.account.catalog.things
    if (kind, name) in things and "replace" not in said:
        if "exists" in said:
            return status(f"{name[-1]} already exists, statement succeeded.")
        raise already_exists(path(*name))
    require_create(session, kind, form, name)
    if kind in ("WAREHOUSE", "COMPUTE POOL"):
        said["state"] = "SUSPENDED" if said.get("initially_suspended") else "STARTED"
    things[kind, name] = Thing(kind, name, session.role, said, sql)
    if len(name) == 1 and kind == "WAREHOUSE":
        session.warehouse = name[0]
    return status(created(kind, name))


def created(kind: str, name: Name) -> str:
    words = {"STAGE": "Stage area", "SNOWFLAKE.CORE.BUDGET": "Instance"}.get(kind, kind.capitalize())
    return f"{words} {name[-1]} successfully created."


def place(session: Session, kind: str, form: Kind | None, name: Name) -> Name:
    """The full name; the schema must be there and seen."""
    if form is not None and not form.schema:
        return (name,) if isinstance(name, str) else name
    full = full_name(session, name, f"CREATE {kind}")
    require_schema(session, full[:2])
    return full


def require_create(session: Session, kind: str, form: Kind | None, name: Name) -> None:
    access = session.access
    if form is not None and not form.schema:
        allowed = access.is_admin or (access.may(f"CREATE {kind}", "ACCOUNT", ()) and not form.admin)
        if not allowed:
            raise no_privilege("account", session.account.name)
        return
    owner = session.account.catalog.schemas[name[:2]].owner
    if not access.may(f"CREATE {kind}", "SCHEMA", name[:2], owner):
        raise no_privilege("schema", name[1])


def require_thing(session: Session, kind: str, name: Any, *, own: bool = False) -> Thing:
    """The object, if the role sees it (or owns it)."""
    form = KINDS.get(kind)
    full = (name,) if isinstance(name, str) else full_name(session, name, kind) if form is None or form.schema else name
    thing = session.account.catalog.things.get((kind, full))
    if thing is None or not session.access.sees_thing(thing):
        raise not_found(kind.capitalize(), path(*full))
    if own and not session.access.may("OWNERSHIP", kind, thing.name, thing.owner):
        raise no_privilege(kind, full[-1])
    return thing


def alter(session: Session, kind: str, sql: str) -> Result:
    form = KINDS.get(kind)
    if form is None or not form.alter:
        raise unsupported(f"ALTER {kind}")
    said = grammar.parse(form.alter[0], sql)
    try:
        thing = require_thing(session, kind, said["name"])
    except SnowflakeError as error:
        if said.pop("exists", False) and error.code == 2003:
            return status("Statement executed successfully.")
        raise
    wanted = "OPERATE" if said.keys() & {"suspend", "resume"} else "OWNERSHIP"
    if not session.access.may(wanted, kind, thing.name, thing.owner):
        raise no_privilege(kind, thing.name[-1])
    if kind == "WAREHOUSE" and "suspend" in said and thing.said.get("state") == "SUSPENDED":
        raise SnowflakeError(90064, "22000", f"Invalid state. Warehouse '{thing.name[0]}' cannot be suspended.")
    thing.said |= {key: value for key, value in said.items() if key not in ("name", "suspend", "resume", "exists")}
    if "suspend" in said or "resume" in said:
        thing.said["state"] = "SUSPENDED" if "suspend" in said else "STARTED"
    thing.said["altered"] = time.time()
    return status("Statement executed successfully.")


def drop(session: Session, kind: str, sql: str) -> Result:
    words = kind.replace(".", " . ")
    if kind in ("PROCEDURE", "FUNCTION"):
        said = grammar.parse(f"DROP {words} [IF EXISTS !exists] <name:name> <args:parens>", sql)
    else:
        said = grammar.parse(f"DROP {words} [IF EXISTS !exists] <name:name> [FORCE]", sql)
    try:
        thing = require_thing(session, kind, said["name"], own=True)
    except SnowflakeError as error:
        if "exists" in said and error.code == 2003:
            return status("Drop statement executed successfully (object already dropped).")
        raise
    session.account.catalog.things.pop((kind, thing.name))
    session.account.grants.drop(thing.name)
    return status(f"{thing.name[-1]} successfully dropped.")
