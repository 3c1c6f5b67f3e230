"""Ratios that say less than they seem to: a number divided by itself, a part of what WHERE or a join has already kept.

`COUNT(r.id) / COUNT(o.id)` over orders joined to their returns is 1: the join keeps only orders that have one. Whether it loses
rows is asked of the data.
"""

from collections.abc import Iterator

from sqlglot import exp

from sql_tools.diagnostics.duplicates import rows_of, with_ctes
from sql_tools.models import Context
from sql_tools.query.conditions import bare, repeated
from sql_tools.query.grain import Grain, Name, groups_of, joins_of, own, stored_column
from sql_tools.query.identifiers import identifier
from sql_tools.warehouses.probe import Probe, table_of


def ratios_can_differ(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """No part is divided by itself: the same number twice, or rows picked by what WHERE has already kept."""
    for share in own(grain.select, exp.Avg):
        for kept in repeated(share, grain.select) if isinstance(share.this, exp.Case) else ():
            yield f"WHERE keeps only rows with {kept.sql(context.dialect)}, so {share.sql(context.dialect)} is of these alone"
    for ratio in own(grain.select, exp.Div):
        part, whole = bare(ratio.this), bare(ratio.expression)
        if part.find(exp.AggFunc) is None:
            continue
        if part == whole:
            yield f"{ratio.sql(context.dialect)} divides a number by itself"
        elif isinstance(whole, exp.Count) and not whole.find(exp.Distinct, exp.Case):
            for kept in repeated(ratio, grain.select):
                yield f"WHERE keeps only rows with {kept.sql(context.dialect)}, so {ratio.sql(context.dialect)} is of these alone"
        if part != whole and (lost := _made_one(part, whole, grain, probe)):
            yield f"{ratio.sql(context.dialect)} divides a number by itself: the join keeps no row of {lost} without a match; a LEFT JOIN keeps them"


def _made_one(part: exp.Expr, whole: exp.Expr, grain: Grain, probe: Probe) -> str:
    """The table of the whole that the join takes rows from, where part and whole come out equal in every group."""
    counted = (exp.Count, exp.CountIf, exp.Sum)
    joins = joins_of(grain.select)
    if not joins or any(join.args.get("side") for join in joins) or not isinstance(part, counted):
        return ""
    if not isinstance(whole, exp.Count) or part.find(exp.Query) or (groups := groups_of(grain)) is None:
        return ""
    inner = rows_of(grain).select(exp.alias_(part.copy(), "p_"), exp.alias_(whole.copy(), "w_"))
    inner = inner.group_by(*[e.copy() for e in groups]) if groups else inner
    query = exp.select("COUNT(*)", "SUM(CASE WHEN p_ = w_ THEN 1 ELSE 0 END)").from_(inner.subquery("ratios_"))
    result = probe.run(with_ctes(query, grain.select))
    if result is None or not result.rows or not result.rows[0][0] or result.rows[0][0] != result.rows[0][1]:
        return ""
    of = {home[0] for c in whole.find_all(exp.Column) if (home := grain.home(c))} or set(grain.sources)
    of_part = {home[0] for c in part.find_all(exp.Column) if (home := grain.home(c))}
    return next(
        (name for one, other in grain.equalities if other for name in _loses(one, other, of - of_part, grain, probe)),
        "",
    )


def _loses(one: Name, other: Name, aliases: set[str], grain: Grain, probe: Probe) -> Iterator[str]:
    """The table of these aliases with a row that an equality of the join lets go."""
    for kept, beside in ((one, other), (other, one)):
        (table, column), (table_2, column_2) = stored_column(kept, grain), stored_column(beside, grain)
        if kept[0] not in aliases or table is None or column is None or table_2 is None or column_2 is None:
            continue
        left, right = (
            exp.column(identifier(c.name, probe.dialect), table=alias)
            for c, alias in ((column, "kept_"), (column_2, "beside_"))
        )
        match = (
            exp.select("1")
            .from_(table_of(table_2, probe.dialect, "beside_"))
            .where(exp.EQ(this=left, expression=right))
        )
        lost = (
            exp.select("1")
            .from_(table_of(table, probe.dialect, "kept_"))
            .where(exp.Not(this=exp.Exists(this=match)))
            .limit(1)
        )
        result = probe.run(lost)
        if result is not None and result.rows:
            yield table.name
