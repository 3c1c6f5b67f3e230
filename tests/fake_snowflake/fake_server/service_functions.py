"""Functions that a service answers: rows are posted in batches to the URL that the test gave, as Snowflake posts them.

Sources: Snowflake's documentation of service functions and of the data format of external functions, which they share;
which statuses are tried again and how often: behaviour change 1938. The waits between two tries are much shorter here.
"""

import base64
import itertools
import json
import time
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

from fake_server import cortex
from fake_server.account import Session
from fake_server.catalog import Thing
from fake_server.errors import SnowflakeError
from fake_server.lexer import path
from fake_server.resolve import full_name, spelled
from sqlglot import exp

BATCH_TIMEOUT_SECONDS = 3600
MAX_BATCH_ROWS = 500  # where the function says nothing; the documentation does not tell how Snowflake chooses
MAX_BATCH_RETRIES = 3
WAIT_SECONDS = 0.02  # before the first retry; each further wait is twice as long
RETRIED = (404, 429, 500, 502, 503, 504)
PARSED = ("VARIANT", "OBJECT", "ARRAY")
CONTEXT = {"CURRENT_USER": lambda s: s.user, "CURRENT_ROLE": lambda s: s.role, "CURRENT_DATABASE": lambda s: s.database}
NUMBERS = itertools.count(1)


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


def fill(tree: exp.Expression, session: Session, watch: Any) -> None:
    """Put the services' answers in the places of calls whose arguments are values."""
    for node in reversed(list(tree.find_all(exp.Anonymous))):
        thing = find(node, session)
        if thing is not None and not node.find(exp.Column):
            (answer,) = ask(session, thing, [[cortex.value(one) for one in node.expressions]], watch)
            _put(node, thing, exp.null() if answer is None else exp.Literal.string(answer))


def fill_columns(ready: Any, session: Session, engine: Any, watch: Any) -> None:
    """The same for calls over the columns of the outermost SELECT: its rows are read, posted, and joined to their answers."""
    for node in reversed(list(ready.tree.find_all(exp.Anonymous))):
        thing = find(node, session)
        if thing is None:
            continue
        if node.parent_select is not ready.tree or node.find_ancestor(exp.Where, exp.Join, exp.Group, exp.Having):
            raise SnowflakeError(2, "0A000", "Unsupported feature 'service functions there' (by the tests' server).")
        rows = _rows(ready.tree, node.expressions, session, engine, watch)
        answers = dict(zip(map(tuple, rows), ask(session, thing, rows, watch), strict=True))
        name = f"_FAKE_SERVICE_{next(NUMBERS)}"
        ready.registered[name] = _table(answers, len(node.expressions))
        same = [
            exp.NullSafeEQ(this=exp.column(f"A{at}", "_s"), expression=one.copy())
            for at, one in enumerate(node.expressions)
        ]
        found = exp.select(exp.Max(this=exp.column("V", "_s"))).from_(exp.to_table(name).as_("_s")).where(*same)
        _put(node, thing, found.subquery())


def _rows(
    tree: exp.Select, arguments: list[exp.Expression], session: Session, engine: Any, watch: Any
) -> list[list[Any]]:
    """The arguments of every row that the SELECT reads."""
    from fake_server import query

    asked = exp.Select(expressions=[exp.alias_(one.copy(), f"A{at}", quoted=True) for at, one in enumerate(arguments)])
    for part in ("from_", "from", "joins", "where", "laterals"):
        if tree.args.get(part):
            asked.set(
                part,
                [one.copy() for one in tree.args[part]]
                if isinstance(tree.args[part], list)
                else tree.args[part].copy(),
            )
    ready = query.prepare(session, engine, asked, asked.sql(dialect="snowflake"), watch)
    return [list(row.values()) for row in query.run(session, engine, ready, None, watch).as_table().to_pylist()]


def _table(answers: dict[tuple[Any, ...], str | None], width: int) -> Any:
    import pyarrow as pa

    columns = {f"A{at}": [key[at] for key in answers] for at in range(width)}
    return pa.table({**columns, "V": pa.array(list(answers.values()), pa.string())})


def _put(node: exp.Anonymous, thing: Thing, answer: exp.Expression) -> None:
    whole = node.parent if isinstance(node.parent, exp.Dot) else node
    whole.replace(exp.ParseJSON(this=answer) if str(thing.said["returns"]) in PARSED else answer)


def ask(session: Session, thing: Thing, rows: list[list[Any]], watch: Any) -> list[str | None]:
    """The answer to each row, as text; SnowflakeError where a batch fails for good."""
    size, answers = int(thing.said.get("max_batch_rows") or MAX_BATCH_ROWS), []
    for number, start in enumerate(range(0, len(rows), size)):
        watch.check()
        answers += _batch(session, thing, rows[start : start + size], number, watch)
    returns = str(thing.said["returns"])
    return [
        one if one is None or (isinstance(one, str) and returns not in PARSED) else json.dumps(one) for one in answers
    ]


def _batch(session: Session, thing: Thing, rows: list[list[Any]], number: int, watch: Any) -> list[Any]:
    """One batch there and back, tried again as the function says."""
    until = time.monotonic() + float(thing.said.get("batch_timeout") or BATCH_TIMEOUT_SECONDS)
    tries = int(thing.said.get("max_batch_retries", MAX_BATCH_RETRIES)) + 1
    request, why = _request(session, thing, rows, number), ""
    for attempt in range(tries):
        if attempt:
            watch.wait(WAIT_SECONDS * 2**attempt)
        left = until - time.monotonic()
        if left <= 0:
            why = "Timeout was reached"
            break
        try:
            with urlopen(request, timeout=left) as answer:
                return _read(json.load(answer), len(rows))
        except HTTPError as error:
            why = f"{error.code} '{error.read(500).decode(errors='replace')}'"
            if error.code not in RETRIED:
                break
        except TimeoutError:
            why = "Timeout was reached"
            break
        except (OSError, HTTPException) as error:
            why = f"503 '{getattr(error, 'reason', error)}'"
        except (ValueError, LookupError, TypeError) as error:
            why = f"200 'not in the format of the documentation: {error}'"
            break
    if "return_null" in thing.said:
        return [None] * len(rows)
    raise failed(thing, f"remote service error: {why}")


def _read(body: Any, count: int) -> list[Any]:
    rows = body["data"]
    if [row[0] for row in rows] != list(range(count)) or any(len(row) != 2 for row in rows):
        raise ValueError("rows are missing, or in another order than they were sent in")
    return [row[1] for row in rows]


def _request(session: Session, thing: Thing, rows: list[list[Any]], number: int) -> Request:
    endpoints = session.account.faults.get("endpoints", {})
    url = endpoints.get(path(*thing.name)) or endpoints.get(thing.name[2])
    if url is None:
        raise failed(thing, "remote service error: 503 'the service has no running instance'")
    body = json.dumps({"data": [[at, *row] for at, row in enumerate(rows)]}, default=str).encode()
    return Request(url.rstrip("/") + str(thing.said["path"]), body, _headers(session, thing, number))


def _headers(session: Session, thing: Thing, number: int) -> dict[str, str]:
    """What comes with each batch. A name in base64 stands beside each plain one."""
    query = next((ran.query_id for ran in reversed(session.account.log) if ran.session_id == session.id), str(uuid4()))
    told = {
        "name": thing.name[2],
        "signature": f"({thing.said['signature']})",
        "return-type": str(thing.said["returns"]),
    }
    headers = {
        "Content-Type": "application/json",
        "sf-external-function-format": "json",
        "sf-external-function-format-version": "1.0",
        "sf-external-function-current-query-id": query,
        "sf-external-function-query-batch-id": f"{query}:1:{number}:0:0",
    }
    for name, value in told.items():
        headers[f"sf-external-function-{name}"] = value
        headers[f"sf-external-function-{name}-base64"] = base64.b64encode(value.encode()).decode()
    for one in thing.said.get("items", []):
        if value := CONTEXT.get(one["one"].upper(), lambda s: None)(session):
            headers[f"sf-context-{one['one'].lower().replace('_', '-')}"] = value
    return headers


def failed(thing: Thing, why: str) -> SnowflakeError:
    """In the words that users of real service functions report."""
    return SnowflakeError(100351, "22023", f"Request failed for external function {thing.name[2]} with {why}")
