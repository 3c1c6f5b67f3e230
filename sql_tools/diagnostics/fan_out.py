"""The double-count alarm: does a join duplicate rows under a SUM, AVG or COUNT (fan-out), and by how much is the number off?

An order joined to its two payments is there twice, and SUM(order.total) counts it twice. Whether a join may repeat the
rows of a measure's table follows from the keys (`grain`); where it may, the data is asked how often it does, group by
group. What repeats but changes no number is no alarm, nor are MIN, MAX and DISTINCT, nor COUNT(*) of the many side.
With the alarm comes the query that counts each row once (`deduplicate`), offered only after both have run.
What cannot be judged is said to be not checked: aggregates in running windows and ordered sets over repeated rows, those over
GROUPING SETS, over a correlated subquery, or over joins that lie under a LIMIT, a UNION or a window. Measures over
two tables that both repeat are not checked: each pair of rows may be meant.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from sql_tools.diagnostics.aggregates import is_changed_by_repeats, measures_of
from sql_tools.diagnostics.deduplicate import Measure, count_once
from sql_tools.diagnostics.duplicates import Repeats, count_repeats
from sql_tools.diagnostics.inline import inlined
from sql_tools.errors import NotChecked
from sql_tools.models import Check, Context, QueryResult, Record, Table
from sql_tools.query.grain import Grain, Source, grains, groups_of, joins_of, own
from sql_tools.warehouses.probe import Probe

CHECK = "each_row_counted_once"
MAX_ROWS_COMPARED = 1000
MAX_TOLD = 3


class Alarm(Record):
    """The check, and the SQL offered instead; empty where none is needed or none could be made."""

    check: Check
    rewritten: str = ""


@dataclass(frozen=True)
class Finding:
    """A measure whose rows repeat, and what is to be said of that."""

    measure: Measure
    words: str


Repeated = dict[tuple[int, frozenset[str]], bool]


@dataclass
class Seen:
    """What was found: findings by the position of their SELECT among `grains`, how many aggregates over joins were judged, and
    what could not be."""

    findings: list[tuple[int, list[Finding]]]
    judged: int
    missed: list[str]


def fan_out(tree: exp.Expr, context: Context, probe: Probe) -> Alarm:
    """Whether each aggregate over joins counts its rows once; nothing is changed.

    Joins inside a plain subquery or CTE repeat rows for the SELECT around it, too: it is then judged as one SELECT.
    """
    seen = _look(tree, context, probe)
    if not seen.findings and (merged := inlined(tree, context)) is not None:
        tree = merged
        seen = _look(tree, context, probe)
    if seen.findings:
        return _alarm(tree, seen.findings, context, probe)
    missed = list(dict.fromkeys(seen.missed))
    if missed:
        told = f"whether repeated rows change {'; '.join(missed[:MAX_TOLD])}"
        return Alarm(check=Check(name=CHECK, outcome="not_checked", detail=told))
    judged = f"{seen.judged} aggregates over joins: no number is changed by repeated rows"
    detail = judged if seen.judged else "no aggregate over a join"
    return Alarm(check=Check(name=CHECK, outcome="passed", detail=detail))


def _look(tree: exp.Expr, context: Context, probe: Probe) -> Seen:
    seen = Seen([], 0, list(_hidden(tree, context)))
    for position, grain in enumerate(grains(tree, context)):
        if len(grain.sources) < 2:
            continue
        found: list[Finding] = []
        for measure in measures_of(grain):
            if isinstance(measure, str):
                seen.missed.append(measure)
                continue
            seen.judged += 1
            try:
                finding = _judge(measure, grain, probe)
            except NotChecked as error:
                seen.missed.append(str(error))
                continue
            found += [finding] if finding else []
        if found:
            seen.findings.append((position, found))
    return seen


def _hidden(tree: exp.Expr, context: Context) -> Iterator[str]:
    """Aggregates over a FROM that cannot be judged, or over a subquery whose joins may repeat rows and are not seen in FROM:
    LIMIT, UNION or a window keeps it apart."""
    known = {id(grain.select): grain for grain in grains(tree, context)}
    repeats: Repeated = {}
    for pivot in tree.find_all(exp.Pivot):
        if (
            isinstance(pivot.parent, exp.Expr)
            and any(is_changed_by_repeats(a) for a in pivot.find_all(exp.AggFunc))
            and _joins_in(pivot.parent)
        ):
            yield f"{', '.join(a.sql(context.dialect) for a in pivot.find_all(exp.AggFunc))} of a PIVOT over joins"
    for scope in traverse_scope(tree):
        select = scope.expression
        if not isinstance(select, exp.Select):
            continue
        changed = [node for node in own(select, exp.AggFunc) if is_changed_by_repeats(node)]
        if not changed:
            continue
        if id(select) not in known and (joins_of(select) or select.args.get("laterals")):
            yield ", ".join(node.sql(context.dialect) for node in changed)
            continue
        for name, (_, source) in scope.selected_sources.items():
            columns = frozenset(
                c.name.lower() for n in changed for c in n.find_all(exp.Column) if c.table.lower() in ("", name.lower())
            )
            if isinstance(source, Scope) and _may_repeat(source, columns, known, repeats):
                told = ", ".join(node.sql(context.dialect) for node in changed)
                yield f"{told} over {name or 'a subquery'}, whose joins lie under its LIMIT, UNION or window"


def _joins_in(node: exp.Expr) -> bool:
    return any(select.args.get("joins") for select in node.find_all(exp.Select)) or bool(node.args.get("joins"))


def _may_repeat(scope: Scope, columns: frozenset[str], known: dict[int, Grain], seen: Repeated) -> bool:
    """May a query's joins repeat the rows of a table that gives one of these outputs? Each query is looked at once."""
    key = id(scope.expression), columns
    if key not in seen:
        seen[key] = False  # while it is looked at: it may read itself
        seen[key] = _repeats(scope, columns, known, seen)
    return seen[key]


def _repeats(scope: Scope, columns: frozenset[str], known: dict[int, Grain], seen: Repeated) -> bool:
    query = scope.expression
    if isinstance(query, exp.SetOperation):
        return any(_may_repeat(side, columns, known, seen) for side in scope.set_operation_scopes or ())
    if not isinstance(query, exp.Select):
        return False
    grain = known.get(id(query))
    outputs = [e for e in query.expressions if e.alias_or_name.lower() in columns or e.is_star]
    grouped = bool(query.args.get("group"))
    distinct = query.args.get("distinct")
    if distinct is not None and not distinct.args.get("on"):
        return False
    if grouped or any(e.find(exp.AggFunc) and not e.find(exp.Window) for e in query.expressions):
        outputs = [e for e in outputs if not e.find(exp.AggFunc)]  # what is summed in a group is judged there
        if not outputs:
            return False
    if grain is None:
        return bool(joins_of(query) or query.args.get("laterals"))
    if len(grain.sources) > 1:
        homes = {home[0] for e in outputs for c in e.find_all(exp.Column) if (home := grain.home(c))} or set(
            grain.sources
        )
        groups = (
            {home for e in groups_of(grain) or () if isinstance(e, exp.Column) and (home := grain.home(e))}
            if grouped
            else set()
        )
        one_each = {
            alias
            for alias, source in grain.sources.items()
            if any({(alias, c) for c in k} >= groups for k in source.keys)
        }
        if any(
            grain.reached(set(), {home}) != set(grain.sources) and not (grouped and home in one_each) for home in homes
        ):
            return True
    inner = (s for _, s in scope.selected_sources.values() if isinstance(s, Scope))
    passed = frozenset(c.name.lower() for e in outputs for c in e.find_all(exp.Column)) | columns
    return any(_may_repeat(s, passed, known, seen) for s in inner)


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
    """None where no row repeats, or repeating changes nothing; NotChecked, with the aggregate, where it cannot be told."""
    window = measure.outer.parent
    groups = window.args.get("partition_by") or [] if isinstance(window, exp.Window) else groups_of(grain)
    is_whole = groups is not None and measure.is_plain
    if (
        groups is None
    ):  # ROLLUP and CUBE give a total of all as well, so that what repeats in all is counted twice there
        groups = []
        is_whole = measure.is_plain and _has_grand_total(grain.select)
    everything = set(grain.sources)
    fixed = {home for e in groups if isinstance(e, exp.Column) and (home := grain.home(e))}
    starts = [{alias} for alias in measure.aliases or grain.sources]  # one row of one of them for each row counted

    def unique(table: Table, columns: frozenset[str]) -> bool:
        return bool(probe.unique(table, columns))

    for is_unique in (None, unique):
        for start in starts:
            if grain.reached(fixed, start, is_unique) == everything:
                return None
    text = measure.outer.sql(probe.dialect)
    if len(measure.aliases) > 1 and grain.reached(fixed, set(measure.aliases), unique) == everything:
        raise NotChecked(f"{text}, which takes values of several tables for each pair of their rows")
    if not is_whole or (isinstance(window, exp.Window) and grain.select.args.get("group")):
        raise NotChecked(text)
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


def _has_grand_total(select: exp.Select) -> bool:
    """Is there a row over all others among the groups, as ROLLUP and CUBE make one?"""
    group = select.args.get("group")
    parts = group.expressions if group is not None else []
    return len(parts) == 1 and isinstance(parts[0], (exp.Rollup, exp.Cube))


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
        raise NotChecked(f"{text}, where {pair} may repeat rows of {name}")
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
    if len(before.rows) != len(after.rows):
        return f"there are {len(after.rows):,} rows instead of {len(before.rows):,}"
    changed = Counter(map(_row, after.rows)) - Counter(map(_row, before.rows))
    return f"{changed.total():,} of {len(after.rows):,} rows differ"
