"""Breaks ties: ORDER BY with LIMIT gets a key as its last column, so that the same rows come each time."""

from sqlglot import exp

from sql_tools.models import Context
from sql_tools.query.identifiers import identifier
from sql_tools.query.join_paths import plain_sources
from sql_tools.rules import mend


@mend
def ties_are_broken(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """ORDER BY with LIMIT goes on with what is grouped by, in the same direction, else with the primary keys in FROM."""
    notes = []
    for select in tree.find_all(exp.Select):
        order = select.args.get("order")
        if order is None or not select.args.get("limit") or select.args.get("distinct"):
            continue
        known = {ordered.this.sql().lower() for ordered in order.expressions}
        breakers = [b for b in _breakers(select, context) if b.sql().lower() not in known]
        down = bool(select.args.get("group")) and bool(order.expressions[-1].args.get("desc"))
        for breaker in breakers:
            order.append("expressions", exp.Ordered(this=breaker, desc=down or None))
        if breakers:
            notes.append("rows that tie are ordered by " + ", ".join(b.sql(context.dialect) for b in breakers))
    return tree, "; ".join(notes) or "nothing is cut among ties"


def _breakers(select: exp.Select, context: Context) -> list[exp.Expr]:
    if group := select.args.get("group"):
        return [e.copy() for e in group.expressions if isinstance(e, exp.Column)]
    if any(expression.find(exp.AggFunc) for expression in select.expressions):
        return []
    tables = plain_sources(select, context)
    several = len(tables) > 1
    return [
        exp.column(identifier(key, context.dialect), alias if several else None)
        for alias, table in tables.items()
        for key in table.primary_key
    ]
