"""A SELECT over joins -> its aggregates that a duplicated row would change, and the tables whose rows each one counts."""

from collections.abc import Iterator

from sqlglot import exp

from sql_tools.diagnostics.deduplicate import Measure
from sql_tools.query.grain import Grain, own

FIXED = (  # what repeated rows do not change, and lists, which are no numbers
    exp.Min, exp.Max, exp.AnyValue, exp.ArgMax, exp.ArgMin, exp.First, exp.Last, exp.FirstValue, exp.LastValue, exp.NthValue,
    exp.Lead, exp.Lag, exp.LogicalAnd, exp.LogicalOr, exp.ApproxDistinct, exp.BitwiseAndAgg, exp.BitwiseOrAgg, exp.Hll,
    exp.Grouping, exp.ArrayAgg, exp.ArrayConcatAgg, exp.GroupConcat, exp.JSONObjectAgg, exp.JSONArrayAgg,
)  # fmt: skip


def measures_of(grain: Grain) -> Iterator[Measure | str]:
    """The aggregates of a SELECT that repeated rows change, with the aliases their values come from; as text, those of which
    it cannot be told."""
    for index, node in enumerate(own(grain.select, exp.AggFunc)):
        outer = node.parent if isinstance(node.parent, (exp.Filter, exp.WithinGroup)) else node
        if isinstance(outer.parent, exp.Filter):
            outer = outer.parent
        window = outer.parent if isinstance(outer.parent, exp.Window) else None
        if not is_changed_by_repeats(node):
            continue
        if window and any(inner is not node for inner in node.find_all(exp.AggFunc)):
            continue  # it is over groups, and what is in it is judged itself
        whole = not window or _is_whole(window)
        homes = _homes(node, outer, grain) if not outer.find(exp.Query) else None
        if homes is None:
            yield outer.sql()
        else:
            yield Measure(index, node, outer, *homes, is_plain=whole and not isinstance(outer, exp.WithinGroup))


def is_changed_by_repeats(node: exp.Expr) -> bool:
    """Does the aggregate change where a row is there twice? SUM(DISTINCT total) undoes a join's repeats only as long as no
    two orders have the same total, so it is judged too."""
    return not isinstance(node, FIXED) and (node.find(exp.Distinct) is None or _sums_distinct(node))


def _sums_distinct(node: exp.Expr) -> bool:
    return (
        isinstance(node, (exp.Sum, exp.Avg)) and isinstance(node.this, exp.Distinct) and len(node.this.expressions) == 1
    )


def _is_whole(window: exp.Window) -> bool:
    """Is it over whole partitions, not running over their rows?"""
    return not (window.args.get("order") or window.args.get("spec") or window.args.get("alias"))


def _homes(node: exp.Expr, outer: exp.Expr, grain: Grain) -> tuple[frozenset[str], frozenset[str]] | None:
    """Whose rows are counted, and who else has a say in which of them: the tables of values, and of conditions on them.

    `SUM(CASE WHEN o.paid THEN 1 END)` counts joined rows, as COUNT(*) does: no value, no table. What COUNT counts under
    a condition on another table's rows is as likely those. None where a column is not of this FROM.
    """
    columns = [column for column in outer.find_all(exp.Column) if not isinstance(column.this, exp.Star)]
    homes = [grain.home(column) for column in columns]
    if not all(homes):
        return None
    everything = frozenset(home[0] for home in homes if home)
    values = frozenset(h[0] for c, h in zip(columns, homes, strict=True) if h and not _is_condition(c, node))
    return (values, everything - values) if not values or _all_or_nothing(node) else (everything, frozenset())


def _all_or_nothing(node: exp.Expr) -> bool:
    """Is it a sum or an average of one value or none, as a FILTER and a CASE of one branch leave it?"""
    nothing = ("", "NULL", "0") if isinstance(node, exp.Sum) else ("", "NULL")
    cases, rests = list(node.find_all(exp.Case)), [*node.find_all(exp.Case, exp.If)]
    elses = [rest.args.get("default") or rest.args.get("false") for rest in rests]
    one_branch = len(cases) <= 1 and all(len(case.args["ifs"]) == 1 for case in cases)
    return isinstance(node, (exp.Sum, exp.Avg)) and one_branch and all(not e or e.sql() in nothing for e in elses)


def _is_condition(column: exp.Expr, aggregate: exp.Expr) -> bool:
    """Does the column only decide which rows count: in WHEN, IF, FILTER or a comparison?"""
    node = column
    while node.parent is not None and node is not aggregate:
        above = node.parent
        decides = isinstance(above, (exp.If, exp.Case)) and node.arg_key == "this"
        if decides or isinstance(above, (exp.Predicate, exp.CountIf)) or node.arg_key == "where":
            return True
        node = above
    return node is not aggregate
