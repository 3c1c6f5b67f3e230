"""Redraws joins along foreign keys where the drafted condition cannot hold, and joins a table whose column is used.

A join is redrawn only where its condition cannot hold (a column that is not there, or two keys that do not refer to each
other) and the declared keys leave exactly one shortest way; a joined table that nothing is taken from, that the
question does not mention and that repeats rows, is left out. Both are told in the check.
"""

from sqlglot import exp

from sql_tools.models import Context, Table
from sql_tools.query.identifiers import identifier, same
from sql_tools.query.join_paths import (
    Edge,
    append_joins,
    bound_column,
    exists,
    key_edges,
    key_equality,
    owns,
    pair_of,
    plain_sources,
    shortest,
    table_node,
)
from sql_tools.rules import mend
from sql_tools.rules.names import nearly


@mend
def joins_follow_keys(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """Each join condition that cannot hold is replaced by the way the keys lead."""
    notes = []
    edges = key_edges(context)
    for select in tree.find_all(exp.Select):
        tables = plain_sources(select, context)
        if tables and len(tables) > 1 and any(not _holds(join, tables, edges) for join in select.args["joins"]):
            notes += _redraw(select, tables, edges, context)
    return tree, "; ".join(notes) or "every join condition can hold"


@mend
def missing_tables_are_joined(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """A column that no table in FROM has, but one table the keys lead to has, brings that table into FROM."""
    notes = []
    edges = key_edges(context)
    for select in tree.find_all(exp.Select):
        tables = plain_sources(select, context)
        if not tables:
            continue
        outputs = {e.alias.lower() for e in select.expressions if e.alias}
        inner = select.find_ancestor(exp.Select) is not None  # elsewhere in it, a column may be of the query around
        for column in (
            [c for e in select.expressions for c in e.find_all(exp.Column)]
            if inner
            else list(select.find_all(exp.Column))
        ):
            if column.find_ancestor(exp.Select) is not select or isinstance(column.this, exp.Star):
                continue
            known = any(owns(t, column) for t in tables.values()) or (
                not column.table and column.name.lower() in outputs
            )
            known = known or any(nearly(column.name, c.name) for t in tables.values() for c in t.columns)
            path = None if known or column.this.quoted else _way_to(column.name, select, tables, edges, context)
            if path:
                append_joins(select, path, tables, context)
                column.set("table", identifier(path[-1][2], context.dialect))
                notes.append(f"{column.name} is a column of {path[-1][2]}, which was joined along the keys")
    return tree, "; ".join(notes) or "every table needed is in FROM"


def _way_to(
    name: str, select: exp.Select, tables: dict[str, Table], edges: list[Edge], context: Context
) -> list[Edge] | None:
    """The shortest way along the keys to the one nearest table that has this column."""
    holders = [t.name for t in context.catalog if any(same(name, c.name) for c in t.columns)]
    conditions = [c for join in select.args.get("joins") or [] for c in _conditions(join)]
    equated = [pair for c in conditions if (pair := pair_of(c, tables))]
    paths = [p for holder in holders if (p := shortest([t.name for t in tables.values()], holder, edges, equated))]
    best = min((len(path) for path in paths), default=0)
    nearest = [path for path in paths if len(path) == best]
    return nearest[0] if len(nearest) == 1 else None


def _holds(join: exp.Join, tables: dict[str, Table], edges: list[Edge]) -> bool:
    on = join.args.get("on")
    pairs = [
        pair
        for part in (on.flatten() if isinstance(on, exp.And) else [on] if on else [])
        if (pair := pair_of(part, tables))
    ]
    return all(_may_hold(pair, tables, edges) for pair in pairs)


def _may_hold(pair: Edge, tables: dict[str, Table], edges: list[Edge]) -> bool:
    """Both columns exist, and if both are keys then of the same thing."""
    if not exists(pair, tables):
        return False
    by_name = {table.name: table for table in tables.values()}
    if any(all(same(x, y) for x, y in zip(pair, edge, strict=True)) for edge in edges):
        return True
    means = [_referred(by_name[name], column) for name, column in (pair[:2], pair[2:])]
    if all(means):
        return means[0] == means[1]
    ends = [(pair[2], pair[3]), (pair[0], pair[1])]
    return not any(m and same(m[0], end[0]) and not same(m[1], end[1]) for m, end in zip(means, ends, strict=True))


def _referred(table: Table, column: str) -> tuple[str, str] | None:
    """The key a column stands for: its foreign key's target, or itself if it is the primary key; else None."""
    for key in table.foreign_keys:
        if len(key.columns) == 1 and same(key.columns[0], column):
            return key.target_table.lower(), key.target_columns[0].lower()
    return (table.name.lower(), column.lower()) if [c.lower() for c in table.primary_key] == [column.lower()] else None


def _redraw(select: exp.Select, tables: dict[str, Table], edges: list[Edge], context: Context) -> list[str]:
    """Rebuild FROM along the keys; nothing is changed unless every table can be reached one way only."""
    aliases = {table.name: alias for alias, table in tables.items()}
    plan: list[Edge] = []
    reached = [next(iter(tables.values())).name]
    for table in list(tables.values())[1:]:
        if table.name in reached:
            continue
        path = shortest(reached, table.name, edges)
        if path is None:
            return []
        plan += path
        reached += [edge[2] for edge in path]
    rest = [p for join in select.args["joins"] for p in _conditions(join) if pair_of(p, tables) is None]
    nodes = {join.this.alias_or_name: join.this for join in select.args["joins"]}
    select.set("joins", None)
    plan = _shortened(plan, select, tables, aliases, context)
    for edge in plan:
        node = nodes.get(aliases.get(edge[2], "")) or table_node(edge[2], context)
        aliases.setdefault(edge[2], node.alias_or_name)
        select.append("joins", exp.Join(this=node, on=key_equality(aliases, edge, context)))
    for condition in rest:
        select.where(condition.copy(), copy=False)
    return ["joins redrawn along the keys: " + ", ".join(f"{a}.{b} = {c}.{d}" for a, b, c, d in plan)]


def _shortened(
    plan: list[Edge], select: exp.Select, tables: dict[str, Table], aliases: dict[str, str], context: Context
) -> list[Edge]:
    """The plan without its last table, if all that is used of it is the foreign key to a table on the way: that table's
    key says the same, and its rows are not repeated."""
    if not plan or len(plan) < 2:
        return plan
    near, key, last, column = plan[-1]
    alias = aliases.get(last)
    if alias is None or near in aliases or _referred(tables[alias], column) != (near.lower(), key.lower()):
        return plan
    used = [c for c in select.find_all(exp.Column) if same(c.table, alias) or (not c.table and owns(tables[alias], c))]
    others = [t for t in tables.values() if t.name != last]
    if any(not same(c.name, column) or (not c.table and any(owns(t, c) for t in others)) for c in used):
        return plan
    for c in used:
        c.replace(bound_column(near, key, context, alias=near))
    return plan[:-1]


def _conditions(join: exp.Join) -> list[exp.Expr]:
    on = join.args.get("on")
    return list(on.flatten()) if isinstance(on, exp.And) else [on] if on else []
