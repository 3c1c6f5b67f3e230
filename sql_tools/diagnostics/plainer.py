"""A query -> the same in fewer forms, so that the diagnostics have fewer to know: it is looked at, never run in its place.

Joins in brackets become joins, named windows are written out, GROUP BY ALL names its columns, and aggregates that DuckDB has
under a second name get their first (`fsum` is SUM). What cannot be put plainer stays, and is then not judged.
"""

from sqlglot import exp

SECOND_NAMES: dict[str, type[exp.Expr]] = {
    **dict.fromkeys(("fsum", "kahan_sum", "sumkahan", "sum_no_overflow"), exp.Sum),
    **dict.fromkeys(("favg", "mean"), exp.Avg),
}


OTHERS = frozenset(  # aggregates that sqlglot does not know for such
    """product entropy mad sem geomean geometric_mean weighted_avg wavg kurtosis_pop reservoir_quantile histogram histogram_exact
    approx_top_k""".split()
)


def plainer(tree: exp.Expr) -> exp.Expr:
    """A copy of the tree in plainer words."""
    copy = tree.copy()
    for node in list(copy.find_all(exp.Anonymous, exp.AnonymousAggFunc)):
        known = SECOND_NAMES.get(node.name.lower())
        if known is not None and len(node.expressions) == 1:
            node.replace(known(this=node.expressions[0]))
        elif node.name.lower() in OTHERS and node.expressions:
            node.replace(exp.AnonymousAggFunc(this=node.name, expressions=node.expressions))
    for select in list(copy.find_all(exp.Select)):
        _without_brackets(select)
        _windows_written_out(select)
        _groups_named(select)
    return copy


def _without_brackets(select: exp.Select) -> None:
    """`FROM (a JOIN b ON x) JOIN (c JOIN d ON y) ON z` without its brackets, where all joins in and after them are inner
    ones, or the brackets stand first."""
    first = select.args.get("from_")
    if first is None:
        return
    while (inner := _bracket(first.this)) is not None:
        table, joins = inner
        first.set("this", table)
        select.set("joins", [*joins, *(select.args.get("joins") or [])])
    flat: list[exp.Expr] = []
    for join in select.args.get("joins") or []:
        inner = _bracket(join.this)
        if inner is None or not all(_is_inner(one) for one in (join, *inner[1])):
            flat.append(join)
            continue
        table, joins = inner
        on = join.args.get("on")
        join.set("this", table)
        join.set("on", None)
        flat += [join, *joins]
        if on is not None:
            last = flat[-1]
            last.set("on", exp.and_(last.args["on"], on) if last.args.get("on") else on)
            last.set("kind", None)
    select.set("joins", flat or None)


def _bracket(node: exp.Expr) -> tuple[exp.Expr, list[exp.Expr]] | None:
    """The table and the joins within brackets that have no name of their own."""
    if not isinstance(node, exp.Subquery) or not isinstance(node.this, exp.Table) or node.alias:
        return None
    table = node.this
    joins = [*(table.args.get("joins") or []), *(node.args.get("joins") or [])]
    table.set("joins", None)
    return table, joins


def _is_inner(join: exp.Expr) -> bool:
    return (
        isinstance(join, exp.Join)
        and not join.side
        and join.kind in ("", "INNER", "CROSS")
        and not join.args.get("using")
    )


def _windows_written_out(select: exp.Select) -> None:
    named = {w.this.name.lower(): w for w in select.args.get("windows") or [] if isinstance(w.this, exp.Identifier)}
    for window in select.find_all(exp.Window):
        model = (
            named.get(window.alias.lower()) if window.alias and not isinstance(window.this, exp.Identifier) else None
        )
        if model is None or model.alias or any(window.args.get(key) for key in ("partition_by", "order", "spec")):
            continue
        for key in ("partition_by", "order", "spec"):
            part = model.args.get(key)
            window.set(key, part.copy() if isinstance(part, exp.Expr) else [e.copy() for e in part] if part else part)
        window.set("alias", None)


def _groups_named(select: exp.Select) -> None:
    """GROUP BY ALL groups by each output that is no aggregate; a window or a star among them may be anything."""
    group = select.args.get("group")
    if group is None or group.args.get("all") is not True or group.expressions:
        return
    if any(e.is_star or e.find(exp.Window) for e in select.expressions):
        return
    keys = [e.unalias().copy() for e in select.expressions if not e.find(exp.AggFunc)]
    select.set("group", exp.Group(expressions=keys) if keys else None)
