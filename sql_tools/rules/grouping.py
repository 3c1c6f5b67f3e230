"""Rows and groups: no aggregate picks rows, and beside an aggregate each column has one value a group."""

from collections.abc import Iterator

from sqlglot import exp

from sql_tools.errors import InvalidSQLError, NotChecked
from sql_tools.models import Context
from sql_tools.query.grain import Grain, grains, groups_of, own, unjudged

AGGREGATES = (exp.AggFunc, exp.WithinGroup, exp.Anonymous, exp.AnonymousAggFunc)


def no_aggregate_in_where(tree: exp.Expr, context: Context) -> str:
    """WHERE compares rows, HAVING compares groups."""
    for where in tree.find_all(exp.Where):
        found = where.find(exp.AggFunc)
        if (
            found
            and found.find_ancestor(exp.Select) is where.parent
            and not found.find_ancestor(exp.Window, exp.Filter)
        ):
            raise InvalidSQLError(
                f"{found.sql(context.dialect)} cannot stand in WHERE: use HAVING, or compare with a subquery.",
                rule="no_aggregate_in_where",
            )
    return "no aggregate in WHERE"


def groups_have_one_value(tree: exp.Expr, context: Context) -> str:
    """Beside an aggregate each column is grouped or aggregated; InvalidSQLError names the one that is not."""
    for grain in grains(tree, context):
        groups = groups_of(grain)
        aggregates = [
            a for a in own(grain.select, exp.AggFunc) if a.find_ancestor(exp.Window, exp.Select) is grain.select
        ]
        if groups is None or not (groups or aggregates):
            continue
        for column in _loose(grain, groups):
            shown = column.sql(context.dialect)
            raise InvalidSQLError(
                f"{shown} has many values in a group: it is neither grouped nor aggregated.",
                f"Add {shown} to GROUP BY, or take MIN({shown}), MAX({shown}) or ANY_VALUE({shown}).",
                rule="groups_have_one_value",
            )
    if unjudged(tree, context):
        raise NotChecked("a SELECT whose FROM makes rows of its own")
    return "each column beside an aggregate is grouped or aggregated"


def _loose(grain: Grain, groups: list[exp.Expr]) -> Iterator[exp.Column]:
    homes = {home for e in groups if isinstance(e, exp.Column) and (home := grain.home(e))}
    texts = {e.sql().lower() for e in groups}
    outputs = {e.alias.lower() for e in grain.select.expressions if e.alias}
    for column in own(grain.select, exp.Column):
        home = grain.home(column) if isinstance(column, exp.Column) else None
        if not isinstance(column, exp.Column) or home is None or home in homes or isinstance(column.this, exp.Star):
            continue
        in_output = column.find_ancestor(exp.Order, exp.Having, exp.Qualify, exp.Select) is grain.select
        if not in_output and not column.table and column.name.lower() in outputs:
            continue
        if not _is_settled(column, grain.select, texts):
            yield column


def _is_settled(column: exp.Column, select: exp.Select, texts: set[str]) -> bool:
    """Is it inside an aggregate or what may be one, or part of what is grouped by?"""
    node = column.parent
    while node is not None and node is not select:
        if isinstance(node, AGGREGATES) or _is_filtered_aggregate(node) or node.sql().lower() in texts:
            return True
        node = node.parent
    return False


def _is_filtered_aggregate(node: exp.Expr) -> bool:
    return isinstance(node, exp.Filter) and isinstance(node.this, AGGREGATES)
