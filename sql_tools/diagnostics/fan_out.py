"""The double-count alarm: does a join duplicate rows under a SUM, AVG or COUNT (fan-out), and by how much is the number off?

An order joined to its two payments is there twice, and SUM(order.total) counts it twice. Whether a join may repeat the
rows of a measure's table follows from the keys (`grain`); where it may, the data is asked how often it does, group by
group. What repeats but changes no number is no alarm, nor are MIN, MAX and DISTINCT, nor COUNT(*) of the many side.
With the alarm comes the query that counts each row once (`deduplicate`), offered only after both have run.
Given up: measures over two tables at once are judged as counted once for each pair; correlated subqueries are not
measured; running windows and windows over groups are not judged.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from sql_tools.diagnostics.aggregates import measures_of
from sql_tools.diagnostics.deduplicate import Measure, count_once
from sql_tools.diagnostics.duplicates import Repeats, count_repeats
from sql_tools.diagnostics.inline import inlined
from sql_tools.models import Check, Context, QueryResult, Record, Table
from sql_tools.query.grain import Grain, Source, grains, groups_of
from sql_tools.warehouses.probe import Probe

CHECK = "each_row_counted_once"
MAX_ROWS_COMPARED = 1000


class Alarm(Record):
    """The check, and the SQL offered instead; empty where none is needed or none could be made."""

    check: Check
    rewritten: str = ""


@dataclass(frozen=True)
class Finding:
    """A measure whose rows repeat, and what is to be said of that."""

    measure: Measure
    words: str


def fan_out(tree: exp.Expr, context: Context, probe: Probe) -> Alarm:
    """Whether each aggregate over joins counts its rows once; nothing is changed.

    Joins inside a plain subquery or CTE repeat rows for the SELECT around it, too: it is then judged as one SELECT.
    """
    findings, looked_at = _found(tree, context, probe)
    if not findings and (merged := inlined(tree, context)) is not None:
        tree = merged
        findings, looked_at = _found(tree, context, probe)
    if not findings:
        seen = f"{looked_at} aggregates over joins" if looked_at else "no aggregate over a join"
        return Alarm(
            check=Check(
                name=CHECK,
                outcome="passed",
                detail=f"{seen}: no number is changed by repeated rows" if looked_at else seen,
            )
        )
    return _alarm(tree, findings, context, probe)


def _found(tree: exp.Expr, context: Context, probe: Probe) -> tuple[list[tuple[int, list[Finding]]], int]:
    """What repeats, by the position of its SELECT among `grains`; and how many aggregates over joins were looked at."""
    findings: list[tuple[int, list[Finding]]] = []
    looked_at = 0
    for position, grain in enumerate(grains(tree, context)):
        if len(grain.sources) > 1:
            measures = list(measures_of(grain))
            looked_at += len(measures)
            if found := [f for m in measures if (f := _judge(m, grain, probe)) is not None]:
                findings.append((position, found))
    return findings, looked_at


def _alarm(tree: exp.Expr, findings: list[tuple[int, list[Finding]]], context: Context, probe: Probe) -> Alarm:
    words = "; ".join(dict.fromkeys(f.words for _, found in findings for f in found))
    rewritten = count_once(tree, [(n, [f.measure for f in found]) for n, found in findings], context)
    if rewritten is None:
        return Alarm(check=Check(name=CHECK, outcome="warned", detail=f"{words}."))
    before, after = (probe.run(q, max_rows=MAX_ROWS_COMPARED) for q in (tree, rewritten) if isinstance(q, exp.Query))
    if before is None or after is None or len(before.columns) != len(after.columns):
        return Alarm(check=Check(name=CHECK, outcome="warned", detail=f"{words}."))
    if not (before.truncated or after.truncated) and _same(before, after):
        return Alarm(
            check=Check(name=CHECK, outcome="passed", detail=f"{words}, but the rows of the answer stay the same")
        )
    told = f"{words}. Counted once each, {_difference(before, after)}."
    sql = rewritten.sql(dialect=context.dialect, pretty=True, comments=False)
    return Alarm(check=Check(name=CHECK, outcome="warned", detail=told), rewritten=sql)


def _judge(measure: Measure, grain: Grain, probe: Probe) -> Finding | None:
    """None where no row repeats, or repeating changes nothing."""
    window = measure.outer.parent
    groups = window.args.get("partition_by") or [] if isinstance(window, exp.Window) else groups_of(grain)
    if groups is None:
        return None
    everything = set(grain.sources)
    fixed = {home for e in groups if isinstance(e, exp.Column) and (home := grain.home(e))}
    starts = [set(measure.aliases)] if measure.aliases else [{alias} for alias in grain.sources]

    def unique(table: Table, columns: frozenset[str]) -> bool:
        return bool(probe.unique(table, columns))

    for is_unique in (None, unique):
        for start in starts:
            if grain.reached(fixed, start, is_unique) == everything:
                return None
    if not measure.aliases:
        return _pairs(measure, grain, groups, probe)
    reached = grain.reached(fixed, set(measure.aliases), unique)
    return _measured(measure, grain, groups, probe, others=everything - reached)


def _pairs(measure: Measure, grain: Grain, groups: list[exp.Expr], probe: Probe) -> Finding | None:
    """COUNT(*) over two tables that both repeat: each row of one meets each of the other, and the pairs are counted.

    Rows of one table paired with themselves are paired on purpose.
    """
    tables = [source.table.name if source.table else alias for alias, source in grain.sources.items()]
    if len(set(tables)) < len(tables):
        return None
    many = [alias for alias in grain.sources if not _is_parent(alias, grain)]
    repeats = [count_repeats(replace(measure, aliases=frozenset({a})), grain, groups, probe) for a in many]
    if len(many) < 2 or any(counts is None or not counts.repeated for counts in repeats):
        return None
    names = " x ".join(grain.sources[alias].shown for alias in many)
    text = measure.outer.sql(probe.dialect)
    return Finding(measure, f"{names}: each row of one meets several of the other; {text} counts pairs, not rows")


def _is_parent(alias: str, grain: Grain) -> bool:
    """Does some other source have at most one row of this one for each of its own?"""
    return any(alias in grain.reached(set(), {other}) for other in grain.sources if other != alias)


def _measured(
    measure: Measure, grain: Grain, groups: list[exp.Expr], probe: Probe, *, others: set[str]
) -> Finding | None:
    counts = count_repeats(measure, grain, groups, probe)
    aliases = set(measure.aliases)
    name = _named([grain.sources[a] for a in grain.sources if a in aliases])
    pair = (
        f"{name} x {' x '.join(grain.sources[a].shown for a in grain.neighbours(set(grain.sources) - others, others))}"
    )
    text = measure.outer.sql(probe.dialect)
    if counts is None:
        return (
            None if probe.asked == 0 else Finding(measure, f"{pair} may repeat rows of {name}; {text} may be inflated")
        )
    if not counts.repeated or not counts.changed:
        return None
    if isinstance(measure.node, exp.Count) and counts.groups == counts.rows:
        return None  # one row of the table in each group: its joined rows are what is counted
    share = f"{_percent(counts.repeated / counts.rows)} of {name} ({counts.repeated:,} of {counts.rows:,})"
    return Finding(measure, f"{pair} repeats {share}; {text} is {_change(measure, counts)}")


def _named(sources: list[Source]) -> str:
    return " and ".join(source.shown for source in sources)


def _change(measure: Measure, counts: Repeats) -> str:
    where = f" in {counts.changed:,} of {counts.groups:,} groups" if counts.groups > 1 else ""
    as_is, once = counts.as_is, counts.once
    if as_is is None or once is None:
        return f"distorted{where}"
    if isinstance(measure.node, exp.Avg) or not once:
        return f"distorted{where}" + (f": {_number(as_is)} instead of {_number(once)}" if counts.groups == 1 else "")
    share = _percent(abs(as_is / once - 1))
    lowered = measure.distinct and as_is < once
    way = f"too low by {share}, equal values being taken once" if lowered else f"inflated by {share}"
    by = f"{way}{where}: {_number(as_is)} instead of {_number(once)}"
    return f"{by} in all" if counts.groups > 1 else by


def _number(value: float) -> str:
    return f"{value:,.4f}".rstrip("0").rstrip(".")


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%" if abs(share) >= 0.001 else f"{100 * share:.2g}%"


def _same(before: QueryResult, after: QueryResult) -> bool:
    return sorted(map(_row, before.rows)) == sorted(map(_row, after.rows))


def _row(row: tuple[Any, ...]) -> str:
    return repr([f"{float(c):.9g}" if _is_number(c) else str(c) for c in row])


def _cell(cell: Any) -> str:
    return _number(float(cell)) if _is_number(cell) else str(cell)


def _is_number(cell: Any) -> bool:
    return hasattr(cell, "__float__") and not isinstance(cell, (str, bool))


def _difference(before: QueryResult, after: QueryResult) -> str:
    """What the offered query returns instead, in a few words."""
    if len(before.rows) == len(after.rows) == 1:
        pairs = zip(before.columns, before.rows[0], after.rows[0], strict=False)
        told = [f"{c.name} is {_cell(b)} instead of {_cell(a)}" for c, a, b in pairs if _row((a,)) != _row((b,))]
        return ", ".join(told[:3])
    changed = Counter(map(_row, after.rows)) - Counter(map(_row, before.rows))
    return f"{changed.total():,} of {len(after.rows):,} rows differ"
