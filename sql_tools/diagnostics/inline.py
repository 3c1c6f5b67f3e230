"""A query -> the same with its plain subqueries and CTEs inlined into the SELECT that reads them, so that one FROM shows all
joins.

`SELECT SUM(total) FROM (SELECT o.total FROM orders o JOIN lines l ...)` repeats orders as much as the sum over the join
itself. What groups, limits, unites or removes repeats stays a subquery: sqlglot's `merge_subqueries` says what is plain.
"""

import re

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.merge_subqueries import merge_subqueries
from sqlglot.optimizer.qualify import qualify

from sql_tools.models import Context
from sql_tools.query.identifiers import identifier
from sql_tools.query.tables import tables_meant

GIVEN = re.compile(r"_col_\d+")  # how sqlglot calls an output that had no name


def inlined(tree: exp.Expr, context: Context) -> exp.Expr | None:
    """The merged query; None where there is nothing to merge, or it cannot be told what the names mean."""
    nested = [
        node for node in tree.find_all(exp.Subquery, exp.CTE) if isinstance(node.parent, (exp.From, exp.Join, exp.With))
    ]
    if not nested:
        return None
    named = tree.copy()
    schema = _schema(named, context)
    if schema is None:
        return None
    try:
        full = qualify(
            named,
            schema=schema,
            dialect=context.dialect,
            quote_identifiers=False,
            identify=False,
            validate_qualify_columns=False,
        )
        before = len(list(full.find_all(exp.Select)))
        merged: exp.Expr = merge_subqueries(full)
    except SqlglotError:
        return None
    return _unnamed(merged) if len(list(merged.find_all(exp.Select))) < before else None


def _schema(tree: exp.Expr, context: Context) -> dict[str, object] | None:
    """The columns of the stored tables in it, whose names are written in full, all of as many parts; None where one means
    no table, or several."""
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    nested: dict[str, object] = {}
    for node in tree.find_all(exp.Table):
        if not node.db and node.name.lower() in ctes:
            continue
        meant = tables_meant(node, context.catalog)
        if len(meant) != 1 or not meant[0].schema_name:
            return None
        table = meant[0]
        parts = [part for part in (table.database, table.schema_name, table.name) if part]
        if not node.alias:
            node.set("alias", exp.TableAlias(this=node.this.copy()))
        for key, part in zip(("this", "db", "catalog"), reversed(parts), strict=False):
            node.set(key, identifier(part, context.dialect))
        place = nested
        for part in parts:
            place = place.setdefault(_written(part, context), {})  # type: ignore[assignment]
        place.update({_written(column.name, context): column.type or "VARCHAR" for column in table.columns})
    return nested


def _written(name: str, context: Context) -> str:
    return identifier(name, context.dialect).sql(context.dialect)


def _unnamed(tree: exp.Expr) -> exp.Expr:
    """Without the names that outputs got on the way."""
    if isinstance(tree, exp.Select):
        tree.set("expressions", [e.this if GIVEN.fullmatch(e.alias) else e for e in tree.expressions])
    return tree
