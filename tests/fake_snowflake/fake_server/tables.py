"""Tables, views and their rows: CREATE, and INSERT and the rest of DML."""

import itertools
from typing import Any

from fake_server import context
from fake_server.account import Session
from fake_server.catalog import Column, ForeignKey, Name, Table
from fake_server.engine import Engine, Watch, place, read_columns, stored
from fake_server.errors import SnowflakeError, already_exists, no_privilege, not_found
from fake_server.lexer import path
from fake_server.query import parse, require_warehouse, translated
from fake_server.resolve import (
    is_cte,
    quote_all,
    real_tables,
    require_schema,
    require_table,
    spelled,
    table_name,
    temporary,
)
from fake_server.results import DML, Result, status
from fakesnow.rowtype import describe_as_rowtype
from sqlglot import exp

KEY_NAMES = itertools.count(1)
DROPPED_PARTS = (exp.PrimaryKey, exp.ForeignKey, exp.Constraint, exp.UniqueColumnConstraint, exp.CheckColumnConstraint)


def require_create(session: Session, kind: str, schema: Name) -> Name:
    """The schema, if the role may make such a thing there."""
    schema = require_schema(session, schema)
    owner = session.account.catalog.schemas[schema].owner
    if not session.access.may(f"CREATE {kind}", "SCHEMA", schema, owner):
        raise no_privilege("schema", schema[1])
    return schema


def create_table(session: Session, engine: Engine, sql: str, values: Any, watch: Watch) -> Result:
    """CREATE TABLE and VIEW, also AS SELECT."""
    tree = parse(sql)
    holder = tree.this if isinstance(tree.this, exp.Schema) else None
    node = holder.this if holder else tree.this
    kind = str(tree.args["kind"]).upper()
    name = table_name(session, node, f"CREATE {kind}")
    passing = tree.find(exp.TemporaryProperty) is not None
    if passing:
        name = _require_temporary(session, kind, name)
    else:
        require_create(session, kind, name[:2])
    catalog = session.account.catalog
    if name in catalog.tables and tree.args.get("exists"):
        return status(f"{name[2]} already exists, statement succeeded.")
    if name in catalog.tables and not tree.args.get("replace"):
        raise already_exists(path(*name))
    table = Table(name, [], "VIEW" if kind == "VIEW" else "BASE TABLE", session.role)
    table.comment = _comment(tree)
    declared = _declared(session, holder, table)
    if kind == "VIEW":
        table.definition = sql
    if isinstance(tree.args.get("properties"), exp.Properties):
        table.session = session.room if passing else ""
        tree.args["properties"].set("expressions", [])
    engine.account.make_room(*name[:2])
    _resolve_sources(session, engine, tree, node, watch)
    _set_name(node, name)
    if name in catalog.tables:
        drop_in_engine(session, engine, catalog.tables[name])
    tree.set("replace", False)
    run_in_account(session, engine, tree, values, watch)
    table.columns = _described(engine, name, declared)
    catalog.tables[name] = table
    session.account.grants.future(kind, name, session.role)
    return status(f"{kind.title()} {name[2]} successfully created.")


def _require_temporary(session: Session, kind: str, name: Name) -> Name:
    """The session's own name for it. USAGE of the schema will do, and nothing of the name that belongs to another role.

    In an owner's rights procedure there is none. What a restricted caller's needs is not documented: here CREATE TABLE is
    to be among its caller grants. Source: CREATE TABLE, tables-temp-transient, BCR 427, procedure-python-limitations.
    """
    if session.rights == "OWNER":
        raise SnowflakeError(
            90236, "42601", f"Stored procedure execution error: Unsupported statement type 'temporary {kind}'."
        )
    schema = require_schema(session, name[:2])
    other = session.account.catalog.tables.get(name)
    if session.limit and not session.access._lent("CREATE TABLE", "SCHEMA", schema):
        raise no_privilege("schema", schema[1])
    if other and not other.session and not session.access.may("OWNERSHIP", kind, name, other.owner):
        raise no_privilege(kind.lower(), name[2])
    return name if other and other.session else temporary(session, name)


def _described(engine: Engine, name: Name, declared: dict[str, Column]) -> list[Column]:
    columns = read_columns(engine.account.keeper._duck_conn.cursor(), name)
    for column in columns:
        if told := declared.get(column.name):
            column.comment, column.length = told.comment, told.length or column.length
            column.type = told.type or column.type
            column.nullable = told.nullable
    return columns


def _declared(session: Session, holder: exp.Schema | None, table: Table) -> dict[str, Column]:
    """Comments, lengths and keys, taken off the tree: the engine would lose the former and enforce the latter."""
    declared = {}
    for part in list(holder.expressions) if holder else []:
        if isinstance(part, exp.ColumnDef):
            declared[spelled(part.this)] = _column(session, part, table)
        elif keep_key(session, part, table, ""):
            part.pop()
    return declared


def _column(session: Session, part: exp.ColumnDef, table: Table) -> Column:
    column = Column(spelled(part.this), _special_type(part.args.get("kind")))
    for constraint in list(part.args.get("constraints") or []):
        kind = constraint.kind
        if isinstance(kind, exp.CommentColumnConstraint):
            column.comment = kind.this.name
        elif isinstance(kind, exp.PrimaryKeyColumnConstraint):
            table.primary_key, column.nullable = (column.name,), False
        elif isinstance(kind, exp.Reference):
            _refer(session, table, (column.name,), kind, "")
        elif isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null"):
            column.nullable = False
            continue
        elif not isinstance(kind, exp.UniqueColumnConstraint):
            continue
        constraint.pop()
    return column


def _special_type(kind: exp.DataType | None) -> str:
    name = kind.sql(dialect="snowflake").split("(")[0].upper() if kind else ""
    return (
        name
        if name in ("ARRAY", "OBJECT", "VARIANT", "GEOGRAPHY", "TIMESTAMP_LTZ", "TIMESTAMP_TZ", "TIMESTAMP_NTZ")
        else ""
    )


def keep_key(session: Session, part: exp.Expression, table: Table, name: str) -> bool:
    """Keep a key that is declared beside the columns; was it one?"""
    if isinstance(part, exp.Constraint):
        return any([keep_key(session, one, table, spelled(part.this)) for one in part.expressions])
    if isinstance(part, exp.PrimaryKey):
        table.primary_key = tuple(spelled(_bare(one)) for one in part.expressions)
    elif isinstance(part, exp.ForeignKey):
        _refer(session, table, tuple(spelled(one) for one in part.expressions), part.args["reference"], name)
    elif not isinstance(part, DROPPED_PARTS):
        return False
    return True


def _bare(node: exp.Expression) -> exp.Expression:
    return node.this if isinstance(node, exp.Ordered | exp.Column) else node


def _refer(session: Session, table: Table, columns: tuple[str, ...], reference: exp.Reference, name: str) -> None:
    target = reference.this
    other = target.this if isinstance(target, exp.Schema) else target
    full = tuple(spelled(part) for part in other.parts)
    full = (*table.name[: 3 - len(full)], *full)
    found = session.account.catalog.tables.get(full)
    if (found is None or not session.access.sees_table(found)) and full != table.name:
        raise not_found("Table", path(*full))
    told = tuple(spelled(one) for one in target.expressions) if isinstance(target, exp.Schema) else ()
    theirs = told or (found.primary_key if found else table.primary_key)
    table.foreign_keys.append(ForeignKey(columns, full, theirs, name or f"SYS_CONSTRAINT_{next(KEY_NAMES):012d}"))


def _comment(tree: exp.Expression) -> str:
    found = next((p for p in tree.find_all(exp.SchemaCommentProperty)), None)
    return found.this.name if found else ""


def change_rows(session: Session, engine: Engine, sql: str, values: Any, watch: Watch) -> Result:
    """INSERT, UPDATE, DELETE, MERGE, TRUNCATE: what the role may do to the target and read from the rest."""
    tree = parse(sql)
    verb = sql.split(None, 1)[0].upper()
    require_warehouse(session)
    target = tree.this if not isinstance(tree, exp.TruncateTable) else tree.expressions[0]
    node = target.this if isinstance(target, exp.Schema) else target
    privileges = ("INSERT", "UPDATE", "DELETE") if verb == "MERGE" else (verb,)
    for privilege in privileges:
        table = require_table(session, table_name(session, node, verb), privilege=privilege, kind="Table")
    engine.make(table)
    _resolve_sources(session, engine, tree, node, watch)
    _set_name(node, table.name)
    result = run_in_account(session, engine, tree, values, watch)
    table.touch()
    result.type_id = DML.get(verb, 0x6000)
    if verb in DML and result.table is not None:
        result.rows = [tuple(row.values()) for row in result.table.to_pylist()]
        result.table = None
        result.extra["stats"] = {"numRowsInserted": int(result.rows[0][0])} if verb == "INSERT" and result.rows else {}
    return result


def _resolve_sources(session: Session, engine: Engine, tree: exp.Expression, target: exp.Table, watch: Watch) -> None:
    context.fill(tree, session, watch)
    for node in list(real_tables(tree)):
        if node is target or is_cte(node, spelled(node.this)):
            continue
        table = require_table(session, table_name(session, node))
        engine.make(table)
        _set_name(node, table.name)
    quote_all(tree)


def _set_name(node: exp.Table, name: Name) -> None:
    for key, part in zip(("catalog", "db", "this"), stored(name), strict=True):
        node.set(key, exp.to_identifier(part, quoted=True))


def run_in_account(session: Session, engine: Engine, tree: exp.Expression, values: Any, watch: Watch) -> Result:
    """Run a statement whose names are resolved in the account's own database."""
    connection = engine.connection(session, own=False)
    rows = values if isinstance(values, list) else [values]
    with session.lock, watch.over(connection):

        def work() -> Result:
            total = 0
            for one in rows:
                cursor = connection.cursor()
                cursor.execute(tree.sql(dialect="snowflake"), binding_params=one, server=True)
                total += cursor.rowcount or 0
            result = Result(describe_as_rowtype(cursor._describe_last_sql()), table=cursor._arrow_table)
            if isinstance(values, list):
                result.rows, result.table = [(total,)], None
            return result

        return translated(work)


def drop_in_engine(session: Session, engine: Engine, table: Table) -> None:
    if table.made:
        what = "VIEW" if table.kind == "VIEW" else "TABLE"
        engine.connection(session, own=False)._duck_conn.execute(f"DROP {what} IF EXISTS {place(table.name)}")
