"""SELECT: names resolved for the role, context functions filled in, then run by fakesnow and DuckDB."""

import re
from collections.abc import Callable
from typing import Any

import duckdb
import snowflake.connector.errors
import sqlglot
from fake_server import context, functions, relations, service_functions
from fake_server.account import Session
from fake_server.catalog import Table
from fake_server.engine import Engine, Watch, as_numbers, stored
from fake_server.errors import SnowflakeError, no_warehouse, not_found
from fake_server.resolve import bind, check_case, quote_all, real_tables, require_table, spelled, table_name
from fake_server.results import SELECT, Result
from fakesnow.rowtype import describe_as_rowtype
from sqlglot import exp
from sqlglot.errors import ParseError

UNKNOWN_COLUMN = re.compile(r'Referenced (?:column|table) "([^"]+)" not found|does not have a column named "([^"]+)"')
UNKNOWN_FUNCTION = re.compile(r"(?:Function|function) with name \"?([\w$]+)\"? does not exist")


class Prepared:
    """A statement ready to run: its tree with every name resolved, and the tables it reads."""

    def __init__(self, tree: exp.Expression, tables: list[Table]) -> None:
        self.tree, self.tables = tree, tables
        self.registered: dict[str, Any] = {}
        self.needs_warehouse = bool(tables)


def parse(sql: str) -> exp.Expression:
    """The statement's tree; SnowflakeError where it can't be read."""
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="snowflake") if tree]
    except ParseError as error:
        where = error.errors[0] if error.errors else {}
        raise SnowflakeError(
            1003,
            "42000",
            f"SQL compilation error:\nsyntax error line {where.get('line') or 1} at position {where.get('col') or 0} "
            f"unexpected '{where.get('highlight') or ''}'.",
        ) from error
    if len(trees) != 1:
        raise SnowflakeError(
            8, "0A000", f"Actual statement count {len(trees)} did not match the desired statement count 1."
        )
    return trees[0]


def prepare(session: Session, engine: Engine, tree: exp.Expression, sql: str, watch: Watch) -> Prepared:
    """Resolve every name; SnowflakeError for what the role doesn't see or the server doesn't know."""
    _name_columns(tree)
    context.fill(tree, session, watch)
    ready = Prepared(tree, [])
    relations.replace(ready, session, engine)
    functions.require_known(tree, session, sql)
    service_functions.fill_columns(ready, session, engine, watch)
    for node in real_tables(tree):
        if node.name.startswith("_FAKE_"):
            continue
        table = require_table(session, table_name(session, node))
        engine.provide(session, table)
        _qualify(node, table)
        ready.tables.append(table)
        ready.needs_warehouse = True
    check_case(tree, ready.tables)
    quote_all(tree)
    return ready


def select(session: Session, engine: Engine, sql: str, values: Any, watch: Watch, *, describe: bool) -> Result:
    """The rows of a query; or its columns alone."""
    tree = parse(sql)
    bind(tree, values)
    ready = prepare(session, engine, tree, sql, watch)
    if ready.needs_warehouse and not describe:
        require_warehouse(session)
    return run(session, engine, ready, None, watch, describe=describe)


def run(
    session: Session, engine: Engine, ready: Prepared, values: Any, watch: Watch, *, describe: bool = False
) -> Result:
    connection = engine.connection(session, own=True)
    with session.lock:
        for name, table in ready.registered.items():
            connection._duck_conn.register(name, table)
        try:
            with watch.over(connection):
                return _run(connection, ready.tree.sql(dialect="snowflake"), values, describe)
        finally:
            for name in ready.registered:
                connection._duck_conn.unregister(name)


def _run(connection: Any, sql: str, values: Any, describe: bool) -> Result:
    cursor = connection.cursor()

    def work() -> Result:
        if describe:
            described = cursor._describe_only(sql)
            if described is not None:
                return Result(describe_as_rowtype(described), type_id=SELECT)
        cursor.execute(sql, binding_params=values, server=True)
        described = cursor._describe_last_sql()
        table = as_numbers(cursor._arrow_table, [str(row[1]) for row in described])
        return Result(describe_as_rowtype(described), table=table, type_id=SELECT)

    return translated(work)


def translated(work: Callable[[], Any]) -> Any:
    """Run it; what the engine refuses is told in Snowflake's words."""
    try:
        return work()
    except snowflake.connector.errors.Error as error:
        if isinstance(error.__cause__, duckdb.InterruptException):
            raise error.__cause__ from error
        raise refusal(str(error.msg), error.errno, error.sqlstate or "") from error
    except duckdb.InterruptException:
        raise
    except (duckdb.Error, NotImplementedError, ParseError) as error:
        raise refusal(str(error), 100183, "22000") from error


def refusal(message: str, code: int, sqlstate: str) -> SnowflakeError:
    """The engine's own message without its suggestions; the usual ones as Snowflake says them."""
    first = re.sub(r"^\d{6} \(\w+\): ", "", message.split("\n")[0])
    if found := UNKNOWN_COLUMN.search(first):
        name = (found[1] or found[2]).upper()
        return SnowflakeError(
            904, "42000", f"SQL compilation error: error line 1 at position 0\ninvalid identifier '{name}'"
        )
    if found := UNKNOWN_FUNCTION.search(first):
        return SnowflakeError(2140, "42601", f"SQL compilation error:\nUnknown function {found[1].upper()}.")
    if (
        "with name" in first
        and "does not exist" in first
        and (found := re.search(r"Table Function with name \"?([\w$]+)", first))
    ):
        return SnowflakeError(2140, "42601", f"SQL compilation error:\nUnknown table function {found[1].upper()}.")
    if found := re.search(r"Table with name \"?([\w$]+)\"? does not exist", first):
        return not_found("Object", found[1])
    return SnowflakeError(code, sqlstate, f"SQL compilation error:\n{first}")


def require_warehouse(session: Session) -> None:
    """A running warehouse the role may use; one that resumes by itself is resumed."""
    thing = session.account.thing("WAREHOUSE", session.warehouse) if session.warehouse else None
    if thing is None or not session.access.may("USAGE", "WAREHOUSE", thing.name, thing.owner):
        raise no_warehouse()
    if thing.said.get("state") == "SUSPENDED":
        if not thing.said.get("auto_resume", True):
            raise no_warehouse()
        thing.said["state"] = "STARTED"


def _qualify(node: exp.Table, table: Table) -> None:
    if not node.alias and not isinstance(node.parent, exp.Insert | exp.Update | exp.Delete | exp.Merge | exp.Schema):
        node.set("alias", exp.TableAlias(this=exp.to_identifier(spelled(node.this), quoted=True)))
    for key, part in zip(("catalog", "db", "this"), stored(table.name), strict=True):
        node.set(key, exp.to_identifier(part, quoted=True))


def _name_columns(tree: exp.Expression) -> None:
    """Give columns without a name the one Snowflake gives them: their own text."""
    while isinstance(tree, exp.SetOperation | exp.Subquery):
        tree = tree.this
    if not isinstance(tree, exp.Select):
        return
    for node in list(tree.expressions):
        if not isinstance(node, exp.Alias | exp.Column | exp.Star | exp.Dot | exp.Aliases):
            text = node.sql(dialect="snowflake")
            name = text if isinstance(node, exp.Literal) else text.upper()
            node.replace(exp.alias_(node.copy(), name, quoted=True))
