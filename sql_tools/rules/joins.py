"""Joins run along the keys: the schema knows how tables connect better than a small model does.

A join is redrawn only where its condition cannot hold (a column that is not there, or two keys that do not refer to each
other) and the declared keys leave exactly one shortest way; a joined table that nothing is taken from, that the
question does not mention and that repeats rows, is left out. Both are told in the check.
"""

from collections import deque
from collections.abc import Sequence

from sqlglot import exp

from sql_tools.catalog_index import tables_named
from sql_tools.identifiers import identifier, same
from sql_tools.models import Context, Table
from sql_tools.rules import mend
from sql_tools.rules.names import nearly

Edge = tuple[str, str, str, str]  # table, column, other table, other column


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


def key_edges(context: Context) -> list[Edge]:
    """Every single-column foreign key, both ways."""
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


def pair_of(condition: exp.Expr, tables: dict[str, Table]) -> Edge | None:
    """The condition as table, column, other table, other column, if it equates columns of two different tables."""
    left, right = condition.args.get("this"), condition.args.get("expression")
    if not (isinstance(condition, exp.EQ) and isinstance(left, exp.Column) and isinstance(right, exp.Column)):
        return None
    a, b = (next((t for alias, t in tables.items() if same(alias, c.table)), None) for c in (left, right))
    return (a.name, left.name, b.name, right.name) if a and b and a is not b else None


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


def table_node(name: str, context: Context) -> exp.Table:
    table = next(t for t in context.catalog if t.name == name)
    parts = [identifier(part, context.dialect) for part in table.path]
    node = exp.Table(**dict(zip(("this", "db", "catalog"), reversed(parts), strict=False)))
    node.meta["added"] = True
    return node


def shortest(reached: list[str], target: str, edges: list[Edge], equated: Sequence[Edge] = ()) -> list[Edge] | None:
    """The one shortest way from any reached table to `target`; None if there is none, or more than one.

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


def exists(pair: Edge, tables: dict[str, Table]) -> bool:
    by_name = {table.name: table for table in tables.values()}
    return all(any(same(column, c.name) for c in by_name[name].columns) for name, column in (pair[:2], pair[2:]))


def owns(table: Table, column: exp.Column) -> bool:
    return any(same(column.name, c.name) for c in table.columns)
