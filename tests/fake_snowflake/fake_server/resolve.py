"""Names in a parsed statement -> what they mean in this session, for this role."""

from collections.abc import Iterator
from typing import Any

from fake_server.account import Session
from fake_server.catalog import Name, Table
from fake_server.errors import cannot_operate, invalid_identifier, no_current, not_found
from fake_server.lexer import path
from sqlglot import exp


def spelled(node: exp.Expression | str | None) -> str:
    """An identifier as the catalog would hold it."""
    if isinstance(node, exp.Identifier):
        return node.name if node.args.get("quoted") else node.name.upper()
    return node.name.upper() if isinstance(node, exp.Expression) else str(node or "").upper()


def full_name(session: Session, name: Name, command: str = "SELECT") -> Name:
    """A one- to three-part name with the session's database and schema before it; its own temporary table goes first."""
    full = _placed(session, name, command)
    own = temporary(session, full)
    return own if own in session.account.catalog.tables else full


def temporary(session: Session, full: Name) -> Name:
    """Under which name the session's temporary table is kept: no other session comes upon it."""
    return (*full[:2], f"{full[2]} #{session.room}")


def _placed(session: Session, name: Name, command: str) -> Name:
    if len(name) == 1:
        if not session.database:
            raise no_current("database", command)
        if not session.schema:
            raise no_current("schema", command)
        return (session.database, session.schema, *name)
    if len(name) == 2:
        if not session.database:
            raise no_current("database", command)
        return (session.database, *name)
    return name


def table_name(session: Session, node: exp.Table, command: str = "SELECT") -> Name:
    parts = tuple(spelled(part) for part in node.parts)
    return full_name(session, parts, command)


def real_tables(tree: exp.Expression) -> Iterator[exp.Table]:
    """The tables a statement names; not its CTEs, functions and staged files."""
    for node in list(tree.find_all(exp.Table)):
        plain = isinstance(node.this, exp.Identifier)
        if plain and not (len(node.parts) == 1 and is_cte(node, spelled(node.this))):
            yield node


def is_cte(node: exp.Expression, name: str) -> bool:
    """Is `name` a CTE where this node stands? Inside a CTE only the ones before it are seen, and itself if recursive."""
    child, parent = node, node.parent
    while parent is not None:
        if isinstance(parent, exp.With):
            before = parent.expressions[: _index(parent.expressions, child)]
            if parent.args.get("recursive"):
                before = [*before, child]
            if any(spelled(cte.args["alias"].this) == name for cte in before):
                return True
            child, parent = parent, parent.parent
            if parent is None:
                return False
            child, parent = parent, parent.parent
            continue
        with_ = parent.args.get("with_") or parent.args.get("with")
        if with_ and child is not with_ and any(spelled(c.args["alias"].this) == name for c in with_.expressions):
            return True
        child, parent = parent, parent.parent
    return False


def require_table(session: Session, name: Name, *, privilege: str = "SELECT", kind: str = "Object") -> Table:
    """The table, if the role may do this to it; else SnowflakeError in the words for what does not exist."""
    table = session.account.catalog.tables.get(name)
    access = session.access
    if table and access.sees_schema(name[:2]):
        on = "VIEW" if table.kind == "VIEW" else "TABLE"
        if access.may(privilege, on, name, table.owner):
            return table
        if access.sees_table(table) and privilege != "SELECT":
            from fake_server.errors import no_privilege

            raise no_privilege(on, name[2])
    raise not_found(kind, path(*name))


def require_schema(session: Session, name: Name) -> Name:
    if len(name) == 1:
        if not session.database:
            raise no_current("database", "USE SCHEMA")
        name = (session.database, *name)
    if not session.access.sees_schema(name):
        raise cannot_operate()
    return name


def quote_all(tree: exp.Expression) -> None:
    """Write every name as the catalog holds it, so that no word the engine below reserves is in the way."""
    for node in tree.find_all(exp.Identifier):
        if not node.args.get("quoted"):
            node.set("this", node.name.upper())
            node.set("quoted", True)


def bind(tree: exp.Expression, values: Any) -> None:
    """Put the values of `?`s into the tree."""
    for node, value in zip(list(tree.find_all(exp.Placeholder, bfs=False)), values or (), strict=False):
        plain = isinstance(value, bool | int | float | str) or value is None
        node.replace(exp.convert(value) if plain else exp.cast(exp.Literal.string(str(value)), _type_of(value)))


def _type_of(value: Any) -> str:
    return {"date": "DATE", "datetime": "TIMESTAMP_NTZ", "time": "TIME", "Decimal": "DECIMAL(38, 10)"}.get(
        type(value).__name__, "VARCHAR"
    )


def check_case(tree: exp.Expression, tables: list[Table]) -> None:
    """Refuse a column whose name differs from an existing one only by case: the engine below would take it."""
    known = {column.name for table in tables for column in table.columns}
    known |= {spelled(a.args["alias"]) for a in tree.find_all(exp.Alias)}
    known |= {spelled(column) for a in tree.find_all(exp.TableAlias) for column in a.args.get("columns") or []}
    folded = {name.upper() for name in known}
    for node in tree.find_all(exp.Column):
        if isinstance(node.this, exp.Identifier):
            name = spelled(node.this)
            if name not in known and name.upper() in folded:
                raise invalid_identifier(path(*([spelled(node.args["table"])] if node.table else []), name))


def _index(nodes: list[exp.Expression], node: exp.Expression) -> int:
    return next((i for i, one in enumerate(nodes) if one is node), len(nodes))
