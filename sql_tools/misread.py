"""Numbers that are right for another question: a ratio of a thing to itself, a match where there is none, a join past the key.

Suspicions as those of `suspicions`, each of one SELECT; two ask nothing of the data, one counts the rows without a match.
"""

from collections.abc import Iterator

from sqlglot import exp

from sql_tools.grain import Grain, Name, own
from sql_tools.models import Context
from sql_tools.once import groups_of
from sql_tools.probe import Probe
from sql_tools.repeats import with_ctes
from sql_tools.rules.shares import bare, repeated


def ratios_can_differ(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """No part is divided by itself: the same number twice, or rows picked by what WHERE has already kept."""
    for ratio in own(grain.select, exp.Div):
        part, whole = bare(ratio.this), bare(ratio.expression)
        if part.find(exp.AggFunc) is None:
            continue
        if part == whole:
            yield f"{ratio.sql(context.dialect)} divides a number by itself"
        elif isinstance(whole, exp.Count) and not whole.find(exp.Distinct, exp.Case):
            for kept in repeated(ratio, grain.select):
                yield f"WHERE keeps only rows with {kept.sql(context.dialect)}, so {ratio.sql(context.dialect)} is of these alone"


def no_match_counts_nothing(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """COUNT(*) over a LEFT JOIN is 1, not 0, for a row that nothing matches."""
    joins = grain.select.args.get("joins") or []
    stars = [count for count in own(grain.select, exp.Count) if isinstance(count.this, exp.Star)]
    if len(joins) != 1 or joins[0].side != "LEFT" or not any(_is_plain(count) for count in stars):
        return
    right = joins[0].this.alias_or_name.lower()
    key = next((name for pair in grain.equalities for name in pair if name and name[0] == right), None)
    if key is None or right in _named(grain):
        return
    query = exp.select("COUNT(*)").from_(grain.select.args["from_"].this.copy())
    query.set("joins", [join.copy() for join in joins])
    column = exp.column(key[1], table=right)
    query = query.where(exp.Is(this=column, expression=exp.Null()))
    if where := grain.select.args.get("where"):
        query = query.where(where.this.copy())
    found = probe.run(with_ctes(query, grain.select))
    if found is not None and found.rows and found.rows[0][0]:
        told = f"COUNT(*) counts 1 where no row of {grain.sources[right].shown} matches, {found.rows[0][0]:,} times"
        yield f"{told}; COUNT({column.sql(context.dialect)}) counts 0"


def joins_keep_to_keys(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """Two tables with a declared key between them are joined by it."""
    pairs = [(one, other) for one, other in grain.equalities if other is not None]
    for a, b in dict.fromkeys((one[0], other[0]) for one, other in pairs):
        keys = [*_keys(grain, a, b), *_keys(grain, b, a)]
        joined = {frozenset(pair) for pair in pairs if {pair[0][0], pair[1][0]} == {a, b}}
        if a != b and keys and not any(key & joined for key in keys):
            words = " and ".join(" = ".join(_shown(name, grain) for name in sorted(pair)) for pair in keys[0])
            yield f"{grain.sources[a].shown} and {grain.sources[b].shown} are not joined by their key, {words}"


def _keys(grain: Grain, a: str, b: str) -> Iterator[set[frozenset[Name]]]:
    """The declared keys of one source that refer to another, each as its pairs of columns."""
    one, other = grain.sources[a].table, grain.sources[b].table
    for key in one.foreign_keys if one and other else ():
        if key.declared and other and key.target_table == other.name:
            yield {
                frozenset({(a, left.lower()), (b, right.lower())})
                for left, right in zip(key.columns, key.target_columns, strict=True)
            }


def _shown(name: Name, grain: Grain) -> str:
    return f"{grain.sources[name[0]].shown}.{name[1]}"


def _named(grain: Grain) -> set[str]:
    """The sources that WHERE and the groups speak of."""
    where = grain.select.args.get("where")
    nodes = [*(groups_of(grain) or ()), *([where.this] if where else [])]
    return {home[0] for node in nodes for column in node.find_all(exp.Column) if (home := grain.home(column))}


def _is_plain(count: exp.Expr) -> bool:
    return not isinstance(count.parent, (exp.Window, exp.Filter))


MISREAD = (ratios_can_differ, no_match_counts_nothing, joins_keep_to_keys)
