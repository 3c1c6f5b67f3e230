"""Procedures of Snowflake's own: semantic views from YAML, budgets' methods."""

from typing import Any

from fake_server import deploy_checks, grammar
from fake_server.account import Session
from fake_server.catalog import Thing
from fake_server.engine import Watch
from fake_server.errors import SnowflakeError, no_privilege, not_found
from fake_server.lexer import path, tokens
from fake_server.resolve import full_name, require_schema
from fake_server.results import CALL, Result, listing

METHODS = (
    "SET_SPENDING_LIMIT",
    "ADD_RESOURCE",
    "REMOVE_RESOURCE",
    "SET_EMAIL_NOTIFICATIONS",
    "GET_SPENDING_LIMIT",
    "ACTIVATE",
)
REFERENCED = {
    "DATABASE": "DATABASE",
    "SCHEMA": "SCHEMA",
    "WAREHOUSE": "WAREHOUSE",
    "COMPUTE_POOL": "COMPUTE POOL",
    "TABLE": "TABLE",
}


def call(session: Session, name: str, values: list[Any], watch: Watch) -> Result:
    """CALL SYSTEM$...; the functions that may also be selected answer here too."""
    if name == "SYSTEM$CREATE_SEMANTIC_VIEW_FROM_YAML":
        told = create_semantic_view(session, *values)
    else:
        from fake_server import context

        told = context.system(name, values, session, watch)
    return listing([name], [[told]], CALL)


def create_semantic_view(session: Session, place: str, text: str, verify_only: Any = False, alter: Any = False) -> str:
    """Read the YAML strictly, and keep it as a semantic view of the schema `place`."""
    schema = require_schema(session, tuple(t.value for t in tokens(place) if t.kind in ("word", "quoted")))
    spec = deploy_checks.semantic_spec(session, text)
    name = (*schema, tokens(str(spec["name"]))[0].value)
    if not session.access.may("CREATE SEMANTIC VIEW", "SCHEMA", schema, session.account.catalog.schemas[schema].owner):
        raise no_privilege("schema", schema[1])
    if str(verify_only).upper() == "TRUE":
        return "YAML file is valid for creating a semantic view. No object has been created yet."
    session.account.catalog.things["SEMANTIC VIEW", name] = Thing(
        "SEMANTIC VIEW", name, session.role, {"yaml": text}, text
    )
    return "Semantic view was successfully created."


def read_semantic_view(session: Session, reference: str) -> str:
    """The YAML of a semantic view that the role has some privilege on."""
    name = full_name(session, tuple(t.value for t in tokens(reference) if t.kind in ("word", "quoted")))
    thing = session.account.catalog.things.get(("SEMANTIC VIEW", name))
    if thing is None or not session.access.sees_thing(thing):
        raise not_found("Semantic view", path(*name))
    return str(thing.said["yaml"])


def method(session: Session, sql: str) -> Result:
    """CALL budget!METHOD(...)."""
    said = grammar.parse("CALL <name:name> ! <method:word> <arguments:parens>", sql)
    name = full_name(session, said["name"], "CALL")
    thing = session.account.catalog.things.get(("SNOWFLAKE.CORE.BUDGET", name))
    if thing is None or not session.access.sees_thing(thing):
        raise not_found("Instance", path(*name))
    if said["method"] not in METHODS:
        raise SnowflakeError(2140, "42601", f"SQL compilation error:\nUnknown function {said['method']}.")
    if said["method"] in ("ADD_RESOURCE", "REMOVE_RESOURCE"):
        _require_reference(session, said["arguments"])
    elif said["method"] == "SET_SPENDING_LIMIT":
        thing.said["limit"] = grammar.parse("<limit:int>", said["arguments"])["limit"]
    return listing([said["method"]], [["The statement was executed."]], CALL)


def _require_reference(session: Session, text: str) -> None:
    said = grammar.parse(
        "[SELECT] SYSTEM$REFERENCE ( <kind:string> , <name:string> [, <scope:string> [, <privilege:string>]] )", text
    )
    kind = REFERENCED.get(said["kind"].upper())
    name = tuple(t.value for t in tokens(said["name"]) if t.kind in ("word", "quoted"))
    catalog = session.account.catalog
    known = (
        name[0] in catalog.databases
        if kind == "DATABASE"
        else name in catalog.schemas or (kind, name) in catalog.things
    )
    if kind is None or not known:
        raise not_found(said["kind"].capitalize(), path(*name))
