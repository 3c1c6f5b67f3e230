"""Ways between tables along single-column foreign keys, and the JOINs that follow one."""

from collections import deque
from collections.abc import Sequence

from sqlglot import exp

from sql_tools.models import Context, Table
from sql_tools.query.identifiers import identifier, same
from sql_tools.query.tables import tables_named

Edge = tuple[str, str, str, str]  # table, column, other table, other column


def key_edges(context: Context) -> list[Edge]:
    """Every single-column foreign key as an edge in both directions."""
    edges = []
    for table in context.catalog:
        for key in table.foreign_keys:
            if len(key.columns) == 1 and len(key.target_columns) == 1:
                there = (key.target_table, key.target_columns[0])
                edges += [(table.name, key.columns[0], *there), (*there, table.name, key.columns[0])]
    return edges


def plain_sources(select: exp.Select, context: Context) -> dict[str, Table]:
    """Alias -> table, where FROM holds only inner joins of different tables of the catalog; else empty."""
    source = select.args.get("from_")
    joins = select.args.get("joins") or []
    nodes = [source.this if source else None, *(join.this for join in joins)]
    if any(join.side or join.kind not in ("", "INNER") or join.args.get("using") or join.method for join in joins):
        return {}
    tables: dict[str, Table] = {}
    for node in nodes:
        stored = stored_table(node, context)
        if stored is None or stored in tables.values():
            return {}
        assert isinstance(node, exp.Table)
        tables[node.alias_or_name] = stored
    return tables


def stored_table(node: exp.Expr | None, context: Context) -> Table | None:
    if not isinstance(node, exp.Table):
        return None
    return next(iter(tables_named(node.name, context.catalog)), None)


def owns(table: Table, column: exp.Column) -> bool:
    return any(same(column.name, c.name) for c in table.columns)


def exists(pair: Edge, tables: dict[str, Table]) -> bool:
    by_name = {table.name: table for table in tables.values()}
    return all(any(same(column, c.name) for c in by_name[name].columns) for name, column in (pair[:2], pair[2:]))


def pair_of(condition: exp.Expr, tables: dict[str, Table]) -> Edge | None:
    """`a.x = b.y` as an edge; None if the condition is anything else, or both columns are of one table."""
    left, right = condition.args.get("this"), condition.args.get("expression")
    if not (isinstance(condition, exp.EQ) and isinstance(left, exp.Column) and isinstance(right, exp.Column)):
        return None
    a, b = (next((t for alias, t in tables.items() if same(alias, c.table)), None) for c in (left, right))
    return (a.name, left.name, b.name, right.name) if a and b and a is not b else None


def shortest(reached: list[str], target: str, edges: list[Edge], equated: Sequence[Edge] = ()) -> list[Edge] | None:
    """The only shortest path of keys from a reached table to `target`; None if there is none, or more than one.

    Ways of one step from columns that the query equates with each other are one way.
    """
    queue = deque((name, list[Edge]()) for name in reached)
    found: list[list[Edge]] = []
    while queue:
        name, path = queue.popleft()
        if found and len(path) >= len(found[0]):
            break
        for edge in edges:
            if edge[0] == name and edge[2] not in reached and edge[2] not in [e[2] for e in path]:
                if edge[2] == target:
                    found.append([*path, edge])
                queue.append((edge[2], [*path, edge]))
    ways = {tuple(path) for path in found}
    alike = len(ways) > 1 and all(len(way) == 1 and _same_step(way[0], found[0][0], equated) for way in ways)
    return found[0] if len(ways) == 1 or alike else None


def _same_step(step: Edge, other: Edge, equated: Sequence[Edge]) -> bool:
    """Do both lead to the same column, from one column or from two that are equal?"""
    if step[2:] != other[2:]:
        return False
    starts = {_lower(edge[:2]) for edge in (step, other)}
    return len(starts) == 1 or any({_lower(e[:2]), _lower(e[2:])} == starts for e in equated)


def _lower(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.lower() for part in parts)


def append_joins(select: exp.Select, path: list[Edge], tables: dict[str, Table], context: Context) -> None:
    """Add the tables of a way along the keys to FROM, and to `tables`; columns bound already get their table's name."""
    aliases = {table.name: alias for alias, table in tables.items()}
    for bare in select.find_all(exp.Column):
        home = bare.meta.get("table")
        if home and not bare.table and home.name in aliases and bare.find_ancestor(exp.Select) is select:
            bare.set("table", identifier(aliases[home.name], context.dialect))
    for name, column, other, other_column in path:
        if other in aliases:
            continue
        node = table_node(other, context)
        aliases[other] = node.alias_or_name
        tables[node.alias_or_name] = next(t for t in context.catalog if t.name == other)
        select.append(
            "joins", exp.Join(this=node, on=key_equality(aliases, (name, column, other, other_column), context))
        )


def key_equality(aliases: dict[str, str], edge: Edge, context: Context) -> exp.EQ:
    """The join condition that an edge stands for."""
    name, column, other, other_column = edge
    return exp.EQ(
        this=bound_column(name, column, context, alias=aliases[name]),
        expression=bound_column(other, other_column, context, alias=aliases[other]),
    )


def bound_column(table: str, name: str, context: Context, *, alias: str = "") -> exp.Column:
    """A column as the binder leaves it: written as stored, its catalog entry in its meta."""
    stored = tables_named(table, context.catalog)[0]
    column = exp.column(identifier(name, context.dialect), alias or None)
    column.meta.update(table=stored, column=next((c for c in stored.columns if same(c.name, name)), None))
    return column


def table_node(name: str, context: Context) -> exp.Table:
    table = next(t for t in context.catalog if t.name == name)
    parts = [identifier(part, context.dialect) for part in table.path]
    node = exp.Table(**dict(zip(("this", "db", "catalog"), reversed(parts), strict=False)))
    node.meta["added"] = True
    return node
