"""Joins by columns that do not exist, and tables that a draft takes a column of but leaves out of FROM.

Acts on a draft that does not bind. A join's condition becomes the one key between its two tables. A missing table comes in
if one way along the keys leads to it and each step finds at most one row: joined LEFT, so that no row is lost or repeated.
Must never touch a join whose columns exist, nor bring in a table that could repeat rows.
"""

from collections.abc import Iterator

from sqlglot import exp

from sql_tools.models import Change, Context, ForeignKey, Table
from sql_tools.query.identifiers import identifier, same
from sql_tools.query.tables import tables_named
from sql_tools.repairs.names import nearly
from sql_tools.rules.names import Reach, unknown_columns

MAX_STEPS = 3
Step = tuple[ForeignKey, Table]  # a key, and the table that it finds one row of


def joined_by_keys(tree: exp.Expr, context: Context) -> list[Change]:
    """A join on a column that its table lacks follows the one key between the two tables, where the column is called like the key
    or like the other table."""
    changes = []
    unknown = {id(column): reach for column, reach in unknown_columns(tree, context)}
    for equal in list(tree.find_all(exp.EQ)):
        sides = (equal.this, equal.expression)
        reach = next((unknown[id(side)] for side in sides if id(side) in unknown), None)
        if (
            reach is None
            or equal.find_ancestor(exp.Join, exp.Select) is None
            or not all(isinstance(s, exp.Column) for s in sides)
        ):
            continue
        ends = [(side.table, node) for side in sides if (node := reach.node(side.table)) is not None]
        keys = list(_keys_between(ends, context)) if len(ends) == 2 and ends[0][0] != ends[1][0] else []
        lacking = [side for side in sides if id(side) in unknown and isinstance(side, exp.Column)]
        if (
            len(keys) == 1
            and isinstance(equal.find_ancestor(exp.Join, exp.Select), exp.Join)
            and all(_means_key(side, keys[0], dict(ends)) for side in lacking)
            and not _is_used(keys[0], tree, equal)
        ):
            before = equal.sql(context.dialect)
            equal.replace(keys[0])
            why = f"one of these columns does not exist, and this is the only key between {ends[0][0]} and {ends[1][0]}"
            changes.append(Change(rule="joined_by_keys", before=before, after=keys[0].sql(context.dialect), why=why))
    return changes


def _means_key(side: exp.Column, key: exp.EQ, nodes: dict[str, exp.Table]) -> bool:
    """Is the column that does not exist called like either end of the key, or like the table at the other end?"""
    own = next(end for end in (key.this, key.expression) if same(end.table, side.table))
    other = key.expression if own is key.this else key.this
    table = nodes[other.table].name
    return nearly(side.name, own.name, "") or nearly(side.name, other.name, table) or nearly(side.name, table, "")


def _is_used(key: exp.EQ, tree: exp.Expr, but: exp.Expr) -> bool:
    """Does another condition join by the key's referring column already, so that a second join by it is not what is meant?"""
    refers = (key.this.table.casefold(), key.this.name.casefold())
    for equal in tree.find_all(exp.EQ):
        sides = {
            (s.table.casefold(), s.name.casefold()) for s in (equal.this, equal.expression) if isinstance(s, exp.Column)
        }
        if equal is not but and len(sides) == 2 and refers in sides:
            return True
    return False


def missing_tables(tree: exp.Expr, context: Context) -> list[Change]:
    """A column that no table in FROM has, but one table has that keys find one row of, brings that table into FROM."""
    changes: list[Change] = []
    while len(changes) < MAX_STEPS and (change := _one_missing(tree, context)) is not None:
        changes.append(change)
    return changes


def _one_missing(tree: exp.Expr, context: Context) -> Change | None:
    for column, reach in unknown_columns(tree, context):
        select = reach.scope.expression
        if not isinstance(select, exp.Select) or not _may_come_from_elsewhere(column, reach):
            continue
        ways = list(_ways(column, reach, context))
        stars = [e for e in select.expressions if isinstance(e, exp.Star)]
        if len(ways) == 1 and not any(star.args.get(key) for star in stars for key in ("except_", "replace", "rename")):
            for star in stars:  # what it stood for before
                aliases = [identifier(alias, context.dialect) for alias in reach.sources]
                at = select.expressions.index(star)
                own = [exp.Column(this=exp.Star(), table=alias) for alias in aliases]
                select.set("expressions", [*select.expressions[:at], *own, *select.expressions[at + 1 :]])
            return _join(select, column, *ways[0], context)
    return None


def _keys_between(ends: list[tuple[str, exp.Table]], context: Context) -> Iterator[exp.EQ]:
    """The single-column keys of either table that refer to the other, as conditions."""
    for (alias, node), (other_alias, other) in (ends, reversed(ends)):
        for table in tables_named(node.name, context.catalog):
            for key in table.foreign_keys:
                if len(key.columns) == 1 and same(key.target_table.split(".")[-1], other.name):
                    yield exp.EQ(
                        this=_column(key.columns[0], alias, context),
                        expression=_column(key.target_columns[0], other_alias, context),
                    )


def _may_come_from_elsewhere(column: exp.Column, reach: Reach) -> bool:
    """Is the name of no column in FROM, nor like one, and no text in quotes?"""
    if column.this.quoted or reach.homes(column.name) or None in reach.sources.values():
        return False
    named = column.table and reach.source(column.table) is not None
    return not named and not any(
        nearly(column.name, stored, reach.table_name(source))
        for source, columns in reach.sources.items()
        for stored in columns or ()
    )


def _ways(column: exp.Column, reach: Reach, context: Context) -> Iterator[tuple[str, list[Step]]]:
    """The ways of few steps from a source in FROM to a table with this column (and this name, if the column says one)."""
    starts = [(alias, node) for alias in reach.sources if (node := reach.node(alias)) is not None]
    present = {node.name.casefold() for _, node in starts}
    edge: list[tuple[str, Table, list[Step]]] = [
        (alias, table, []) for alias, node in starts for table in tables_named(node.name, context.catalog)[:1]
    ]
    for _ in range(MAX_STEPS):
        edge = [
            (alias, target, [*steps, (key, target)])
            for alias, table, steps in edge
            for key, target in _finds_one(table, context)
        ]
        edge = [one for one in edge if one[1].name.casefold() not in present]
        yield from ((alias, steps) for alias, table, steps in edge if _is_meant(column, table))


def _finds_one(table: Table, context: Context) -> Iterator[Step]:
    for key in table.foreign_keys:
        for target in tables_named(key.target_table.split(".")[-1], context.catalog)[:1]:
            if len(key.columns) == 1 and target.primary_key == key.target_columns:
                yield key, target


def _is_meant(column: exp.Column, table: Table) -> bool:
    return any(same(column.name, c.name) for c in table.columns) and (
        not column.table or same(column.table, table.name)
    )


def _join(select: exp.Select, column: exp.Column, alias: str, steps: list[Step], context: Context) -> Change:
    """Adds the tables of a way to FROM, and names the last one before the column."""
    added = []
    for key, target in steps:
        parts = [identifier(part, context.dialect) for part in reversed(target.path)]
        node = exp.Table(**dict(zip(("this", "db", "catalog"), parts, strict=False)))
        on = exp.EQ(
            this=_column(key.columns[0], alias, context),
            expression=_column(key.target_columns[0], target.name, context),
        )
        select.append("joins", exp.Join(this=node, side="LEFT", on=on))
        added.append(f"LEFT JOIN {node.sql(context.dialect)} ON {on.sql(context.dialect)}")
        alias = target.name
    column.set("table", identifier(alias, context.dialect))
    why = f"{column.name} is a column of {alias}, and each row finds at most one there"
    return Change(rule="missing_tables", before="", after=" ".join(added), why=why)


def _column(name: str, alias: str, context: Context) -> exp.Column:
    return exp.column(identifier(name, context.dialect), identifier(alias, context.dialect))
