"""DESCRIBE, of what the role may see."""

import json

from fake_server import grammar
from fake_server.account import Session
from fake_server.catalog import Name
from fake_server.engine import Engine
from fake_server.errors import cannot_operate
from fake_server.resolve import full_name, require_table
from fake_server.results import DESCRIBE, Result, listing


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
