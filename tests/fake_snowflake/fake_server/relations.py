"""What reads like a table but is made for each statement: INFORMATION_SCHEMA, ACCOUNT_USAGE, QUERY_HISTORY, RESULT_SCAN."""

import itertools
from typing import Any

import pyarrow as pa
from fake_server import history, information_schema
from fake_server.account import Session
from fake_server.engine import Engine
from fake_server.errors import SnowflakeError, not_found
from fake_server.lexer import path
from fake_server.resolve import is_cte, spelled
from sqlglot import exp

NUMBERS = itertools.count(1)
HISTORIES = ("QUERY_HISTORY", "QUERY_HISTORY_BY_SESSION", "QUERY_HISTORY_BY_USER", "QUERY_HISTORY_BY_WAREHOUSE")


def replace(ready: Any, session: Session, engine: Engine) -> None:
    """Each such relation in the tree becomes a table that is registered for the statement."""
    for node in list(ready.tree.find_all(exp.TableFromRows)):
        made = _function(node, session)
        if made is not None:
            _put(ready, node, made)
            ready.needs_warehouse = True
    for node in list(ready.tree.find_all(exp.Table)):
        made = _view(node, session, engine)
        if made is not None:
            _put(ready, node, made)
            ready.needs_warehouse = True


def _view(node: exp.Table, session: Session, engine: Engine) -> pa.Table | None:
    names = [spelled(part) for part in node.parts if isinstance(part, exp.Identifier)]
    if len(names) != len(node.parts) or not names:
        return None
    if len(names) == 3 and names[:2] == ["SNOWFLAKE", "ACCOUNT_USAGE"]:
        return history.account_usage(session, names[2])
    if len(names) == 1 and (session.schema != "INFORMATION_SCHEMA" or is_cte(node, names[0])):
        return None
    database, schema, view = ([session.database or "", session.schema or ""][: 3 - len(names)] + names)[-3:]
    if schema != "INFORMATION_SCHEMA":
        return None
    if not session.access.sees_database(database):
        raise not_found("Database", path(database))
    return information_schema.view(session, engine, database, view, schema_wanted(node))


def _function(node: exp.TableFromRows, session: Session) -> pa.Table | None:
    call = node.this
    while isinstance(call, exp.Dot):
        call = call.expression
    name = call.name.upper() if isinstance(call, exp.Anonymous) else ""
    if name in HISTORIES:
        return history.as_table(session, session.account.log)
    return result_scan(call, session) if name == "RESULT_SCAN" else None


def result_scan(node: exp.Func, session: Session) -> pa.Table:
    """An earlier result of the same session's user; a restricted caller's procedure reaches none from outside."""
    argument = node.expressions[0] if node.expressions else node.this
    query_id = argument.name if isinstance(argument, exp.Expression) else str(argument)
    kept = session.account.results.get(query_id)
    if kept is None or (session.limit and kept[1] != session.id):
        raise SnowflakeError(709, "02000", f"SQL compilation error:\nStatement {query_id} not found")
    return kept[0].as_table()


def schema_wanted(node: exp.Table) -> str | None:
    """The one schema that the query asks for, if it does: TABLE_SCHEMA = 'X' (or SCHEMA_NAME) in its WHERE."""
    select = node.find_ancestor(exp.Select)
    where = select.args.get("where") if select else None
    for test in where.find_all(exp.EQ) if where else ():
        by_schema = isinstance(test.this, exp.Column) and test.this.name.upper() in ("TABLE_SCHEMA", "SCHEMA_NAME")
        if by_schema and isinstance(test.expression, exp.Literal) and test.find_ancestor(exp.Or, exp.Not) is None:
            return str(test.expression.name)
    return None


def _put(ready: Any, node: exp.Expression, made: pa.Table) -> None:
    name = f"_FAKE_{next(NUMBERS)}"
    ready.registered[name] = made
    alias = node.args.get("alias")
    if alias is None and isinstance(node, exp.Table):
        alias = exp.TableAlias(this=exp.to_identifier(spelled(node.this), quoted=True))
    put = exp.Table(this=exp.to_identifier(name, quoted=True), alias=alias)
    for key in ("joins", "pivots", "laterals", "sample"):
        put.set(key, node.args.get(key))
    node.replace(put)
