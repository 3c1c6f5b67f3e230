"""NOT IN over a list with a NULL in it: no row passes, whatever is stored.

`id NOT IN (1, NULL)` is unknown for each id but 1. Whether a subquery gives a NULL is asked of the data.
"""

from collections.abc import Iterator

from sqlglot import exp

from sql_tools.diagnostics.duplicates import with_ctes
from sql_tools.errors import NotChecked
from sql_tools.models import Context
from sql_tools.query.grain import Grain
from sql_tools.warehouses.probe import Probe


def not_in_meets_no_null(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """No list behind NOT IN holds a NULL; NotChecked where a list depends on the row outside."""
    select = grain.select
    for node in _lists(select):
        shown = (
            (node.find_ancestor(exp.Not) or node).sql(context.dialect)
            if isinstance(node, exp.In)
            else node.sql(context.dialect)
        )
        if isinstance(node.this.unnest(), exp.Tuple):
            raise NotChecked(f"whether {shown} meets a NULL")
        if any(isinstance(one, exp.Null) for one in node.args.get("expressions") or []):
            yield f"{shown} is true for no row: there is a NULL in the list"
            continue
        query = _query(node)
        if query is None:
            continue
        if any(isinstance(c, exp.Column) and _is_from_outside(c, query) for c in query.find_all(exp.Column)):
            raise NotChecked(f"whether {shown} meets a NULL")
        column = query.selects[0].alias_or_name if len(query.selects) == 1 else ""
        alias = exp.TableAlias(this=exp.to_identifier("listed"), columns=[exp.to_identifier("c_")])
        found = exp.select("1").from_(exp.Subquery(this=query.copy(), alias=alias)).where("c_ IS NULL").limit(1)
        result = probe.run(with_ctes(found, select))
        if result is not None and result.rows:
            what = f"{column} is NULL in some row of it" if column else "it holds a NULL"
            yield f"{shown} is true for no row: {what}; leave those out with IS NOT NULL, or write NOT EXISTS"


def _lists(select: exp.Select) -> Iterator[exp.Expr]:
    """The lists and subqueries that NOT IN, or `<> ALL`, compares with, of this SELECT itself."""
    for node in select.find_all(exp.In, exp.NEQ):
        if node.find_ancestor(exp.Select) is not select:
            continue
        above = node.parent
        while isinstance(above, exp.Paren):
            above = above.parent
        if (isinstance(node, exp.In) and isinstance(above, exp.Not)) or (
            isinstance(node, exp.NEQ) and isinstance(node.expression, exp.All)
        ):
            yield node


def _query(node: exp.Expr) -> exp.Query | None:
    inside = node.args.get("query") if isinstance(node, exp.In) else node.expression.this
    while isinstance(inside, (exp.Paren, exp.Subquery)):
        inside = inside.this
    return inside if isinstance(inside, (exp.Select, exp.SetOperation)) else None


def _is_from_outside(column: exp.Column, query: exp.Query) -> bool:
    """Is it written with an alias that no FROM inside the query has?"""
    if not column.table:
        return False
    inside = {
        n.alias_or_name.lower() for n in query.find_all(exp.Table, exp.Subquery, exp.Unnest, exp.Lateral, exp.Values)
    }
    return column.table.lower() not in inside
