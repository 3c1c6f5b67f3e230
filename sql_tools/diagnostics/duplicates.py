"""How often the joins of a SELECT duplicate the rows of one of its tables, counted on the data group by group, and in how many
groups an aggregate changes for it.

One query, on the data as the SELECT sees it: FROM, joins and WHERE are its own.
"""

from typing import NamedTuple

from sqlglot import exp

from sql_tools.diagnostics.deduplicate import Measure, keys_of
from sql_tools.query.grain import Grain
from sql_tools.query.tables import ctes_before
from sql_tools.warehouses.probe import Probe


class Repeats(NamedTuple):
    """Rows of the measure's table in all groups, those counted more than once, groups whose number changes; and the
    number as it is and counted once, each summed over the groups, None for an aggregate no formula is known for."""

    groups: int
    rows: int
    repeated: int
    changed: int
    as_is: float | None
    once: float | None


def count_repeats(measure: Measure, grain: Grain, groups: list[exp.Expr], probe: Probe) -> Repeats | None:
    """How often the rows of a measure's table are duplicated in the data; None if that could not be counted in time."""
    query = _counting(measure, grain, groups, probe)
    result = probe.run(query)
    if result is None or not result.rows or result.rows[0][0] is None:
        return None
    number, rows, repeated, changed, as_is, once = result.rows[0]
    return Repeats(
        int(number), int(rows or 0), int(repeated or 0), int(changed or 0),
        None if as_is is None else float(as_is), None if once is None else float(once),
    )  # fmt: skip


def _counting(measure: Measure, grain: Grain, groups: list[exp.Expr], probe: Probe) -> exp.Select:
    copied = rows_of(grain)
    keys = keys_of(measure.aliases, grain, copied, probe.dialect)
    by = {f"g{n}_": e.copy() for n, e in enumerate(groups)} | {f"k{n}_": key for n, key in enumerate(keys)}
    value = measure.value
    counted: exp.Expr = exp.Count(this=exp.Star())
    any_of: exp.Expr = exp.AnyValue(this=value)
    if measure.deciding:  # some of a row's repeats may not count: as NULL, or as 0 in a sum
        value = exp.Nullif(this=value, expression=exp.Literal.number(0)) if isinstance(measure.node, exp.Sum) else value
        counted, any_of = exp.Count(this=value), exp.Max(this=value.copy())
    inner = copied.select(*[exp.alias_(e, name) for name, e in by.items()], exp.alias_(counted, "n_"))
    inner = inner.select(exp.alias_(any_of, "m_")).group_by(*[e.copy() for e in by.values()])
    weighed, plain = _both_ways(measure)
    middle = (
        exp.select("COUNT(*) AS r_", "SUM(CASE WHEN n_ > 1 AND NOT m_ IS NULL THEN 1 ELSE 0 END) AS d_")
        .select(f"CAST({weighed} AS DOUBLE) AS a_", f"CAST({plain} AS DOUBLE) AS b_")
        .from_(inner.subquery("per_row"))
        .where(*[f"NOT k{n}_ IS NULL" for n in range(len(keys))])
    )
    if groups:
        middle = middle.group_by(*[f"g{n}_" for n in range(len(groups))])
    differs = "CASE WHEN a_ IS NULL THEN d_ ELSE ABS(a_ - b_) - 0.000000001 * ABS(b_) END > 0"
    outer = exp.select(
        "COUNT(*)", "SUM(r_)", "SUM(d_)", f"SUM(CASE WHEN {differs} THEN 1 ELSE 0 END)", "SUM(a_)", "SUM(b_)"
    )
    return with_ctes(outer.from_(middle.subquery("per_group")), grain.select)


def rows_of(grain: Grain) -> exp.Select:
    """A SELECT of nothing yet, over the FROM and WHERE of this one."""
    parts = ((key, grain.select.args.get(key)) for key in ("from_", "joins", "laterals", "where"))
    return exp.Select(**{key: p.copy() if isinstance(p, exp.Expr) else [n.copy() for n in p] for key, p in parts if p})


def _both_ways(measure: Measure) -> tuple[str, str]:
    """The aggregate over n rows each of value m, and over one each, as SQL; NULL for those no formula is known for."""
    if measure.distinct:
        return ("AVG(DISTINCT m_)", "AVG(m_)") if isinstance(measure.node, exp.Avg) else ("SUM(DISTINCT m_)", "SUM(m_)")
    if isinstance(measure.node, exp.Sum):
        return "SUM(m_ * n_)", "SUM(m_)"
    if isinstance(measure.node, exp.Avg):
        return "SUM(m_ * n_) / SUM(CASE WHEN NOT m_ IS NULL THEN n_ END)", "AVG(m_)"
    if isinstance(measure.node, (exp.Count, exp.CountIf)):
        return "SUM(CASE WHEN NOT m_ IS NULL THEN n_ ELSE 0 END)", "COUNT(m_)"
    return "NULL", "NULL"


def with_ctes(query: exp.Select, select: exp.Select) -> exp.Select:
    """The query with the CTEs that `select` can see."""
    for cte in ctes_before(select):
        query = query.with_(cte.args["alias"].copy(), as_=cte.this.copy(), copy=False)
    return query
