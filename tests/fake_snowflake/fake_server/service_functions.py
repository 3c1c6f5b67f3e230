"""Functions that a service answers: posted to the URL that the test gave, in the wire format of Snowflake's service functions."""

import json
from urllib.error import URLError
from urllib.request import Request, urlopen

from fake_server import cortex
from fake_server.account import Session
from fake_server.catalog import Thing
from fake_server.errors import SnowflakeError
from fake_server.lexer import path
from fake_server.resolve import full_name, spelled
from sqlglot import exp

CALL_SECONDS = 120


def find(node: exp.Anonymous, session: Session) -> Thing | None:
    """The account's own function of this name, if the role may use it."""
    places = []
    if isinstance(node.parent, exp.Dot) and node.parent.expression is node:
        before = node.parent.this
        places = [spelled(part) for part in (before.flatten() if isinstance(before, exp.Dot) else [before])]
    if len(places) < 2 and not (session.database and session.schema):
        return None
    name = full_name(session, (*places, str(node.this).upper()))
    thing = session.account.catalog.things.get(("FUNCTION", name))
    if thing is None or not session.access.sees_schema(name[:2]):
        return None
    return thing if session.access.may("USAGE", "FUNCTION", name, thing.owner) else None


def fill(tree: exp.Expression, session: Session) -> None:
    """Put the services' answers in the places of such calls; their arguments must be values."""
    for node in reversed(list(tree.find_all(exp.Anonymous))):
        thing = find(node, session)
        if thing is not None:
            answer = ask(session, thing, [cortex.value(one) for one in node.expressions])
            text = answer if isinstance(answer, str) else json.dumps(answer)
            put: exp.Expression = exp.Literal.string(text)
            if str(thing.said["returns"]) in ("VARIANT", "OBJECT", "ARRAY"):
                put = exp.ParseJSON(this=exp.Literal.string(json.dumps(answer)))
            whole = node.parent if isinstance(node.parent, exp.Dot) else node
            whole.replace(put)


def ask(session: Session, thing: Thing, values: list[object]) -> object:
    """One row there and back; SnowflakeError where the service does not answer as it should."""
    endpoints = session.account.faults.get("endpoints", {})
    url = endpoints.get(path(*thing.name)) or endpoints.get(thing.name[2])
    if url is None:
        raise _failed(thing, "the service has no running instance")
    request = Request(url.rstrip("/") + str(thing.said["path"]), json.dumps({"data": [[0, *values]]}).encode())
    request.add_header("Content-Type", "application/json")
    try:
        with urlopen(request, timeout=CALL_SECONDS) as answer:
            rows = json.load(answer)["data"]
        if len(rows) != 1 or rows[0][0] != 0:
            raise ValueError("rows are missing or out of order")
        return rows[0][1]
    except (URLError, OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise _failed(thing, str(error)) from error


def _failed(thing: Thing, why: str) -> SnowflakeError:
    return SnowflakeError(395092, "22023", f"Request failed for service function {thing.name[2]}: {why}")
