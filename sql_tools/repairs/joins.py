"""Tables that a draft takes a column of but leaves out of FROM.

Acts on a draft that does not bind. A missing table comes in if one way along the keys leads to it and each step finds at most one
row: joined LEFT, so that no row is lost or repeated. Must never bring in a table that could repeat rows, nor choose between two.
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
