"""SQL that runs but is rarely meant: conditions that are always or never true, whole-number division, LIMIT without ORDER BY,
groups of one row.

Each diagnostic looks at one SELECT and says what is odd in a user's words, or nothing. None refuses: the SQL may be
meant so. They are tuned to stay silent on right queries, so they judge literals and declared keys, not likelihoods.
"""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation

from sqlglot import exp

from sql_tools.diagnostics.duplicates import rows_of, with_ctes
from sql_tools.models import Context
from sql_tools.query.conditions import parts_of
from sql_tools.query.grain import Grain, groups_of, own
from sql_tools.warehouses.probe import Probe

Diagnostic = Callable[[Grain, Context, Probe], Iterator[str]]

RANKED = re.compile(
    r"\b(top|most|least|highest|lowest|largest|smallest|biggest|best|worst|first|last|latest|earliest|newest|oldest|"
    r"youngest|longest|shortest|maximum|minimum|cheapest)\b",
    re.IGNORECASE,
)
TURNED: dict[type[exp.Expr], type[exp.Expr]] = {exp.GT: exp.LT, exp.LT: exp.GT, exp.GTE: exp.LTE, exp.LTE: exp.GTE}


def conditions_can_differ(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """No condition of WHERE, HAVING or ON holds for every row, or for none, whatever is stored."""
    select = grain.select
    clauses = [select.args[k].this for k in ("where", "having") if select.args.get(k)]
    joins = [
        j for j in select.args.get("joins") or [] if not isinstance(j.this, exp.UDTF)
    ]  # UNNEST and LATERAL: ON TRUE
    clauses += [join.args["on"] for join in joins if join.args.get("on")]
    for clause in clauses:
        parts = parts_of(clause)
        for part in parts:
            is_said = fixed == "true" if (fixed := _fixed(part, grain)) else False  # WHERE TRUE, 1 = 1 AND ...
            silent = is_said and _is_literal(part) and (len(parts) > 1 or isinstance(clause.parent, exp.Where))
            if fixed and not silent:
                yield f"{part.sql(context.dialect)} is always {fixed}"
        yield from (f"{words} is never true" for words in _contradictions(parts, context.dialect))
    for node in select.find_all(exp.EQ, exp.NEQ, exp.In, exp.Case):
        if node.find_ancestor(exp.Select) is select and _meets_null(node):
            yield f"{node.sql(context.dialect)} compares with NULL, which nothing equals: write IS NULL"


def fractions_are_kept(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """One measure is not divided by another with //, which would cut a ratio of counts to 0 or 1."""
    for division in own(grain.select, exp.IntDiv):
        if division.this.find(exp.Column, exp.Star) and division.expression.find(exp.Column, exp.Star):
            yield f"{division.sql(context.dialect)} drops the fraction; for a ratio divide with /"


def limits_are_ordered(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """Where LIMIT picks groups, a ranking or a value to compare with, there is an ORDER BY that says which rows come first."""
    select = grain.select
    limit = select.args.get("limit")
    if limit is None or select.args.get("order") or isinstance(select.parent, exp.Exists):
        return
    grouped = select.args.get("group") is not None
    if not grouped and own(select, exp.AggFunc):
        return
    compared = isinstance(select.parent, exp.Subquery) and isinstance(select.parent.parent, (exp.Binary, exp.In))
    ranked = select.parent is None and RANKED.search(context.question)
    if grouped or compared or ranked:
        count = limit.expression.sql() if limit.expression is not None else ""
        yield f"LIMIT {count} without ORDER BY takes any rows: another run may show others"


def groups_have_several_rows(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """COUNT is not 1 in every group: by declared keys, or in the data where the rows are ranked by that count."""
    groups = groups_of(grain)
    counts = [c for c in own(grain.select, exp.Count) if not c.find(exp.Distinct)]
    having = grain.select.args.get("having")
    if having is not None and having.find(exp.Count):  # it looks for the groups of several rows
        return
    if not groups or not counts or any(isinstance(c.parent, (exp.Window, exp.Filter)) for c in counts):
        return
    fixed = {home for e in groups if isinstance(e, exp.Column) and (home := grain.home(e))}
    by = ", ".join(e.sql(context.dialect) for e in groups)
    if _no_outer_join(grain) and grain.reached(fixed, set()) == set(grain.sources):
        yield f"each group of {by} is a single row, so {counts[0].sql(context.dialect)} is 1 everywhere"
    elif _ranks_by(counts, grain) and _largest_group(grain, groups, probe) == 1:
        yield f"each {by} is in one row only: all counts are 1, and which come first is chance"


CONDITIONS: tuple[Diagnostic, ...] = (
    conditions_can_differ,
    fractions_are_kept,
    limits_are_ordered,
    groups_have_several_rows,
)


def _meets_null(node: exp.Expr) -> bool:
    """Is NULL compared with, anywhere in the SELECT but as a whole condition of WHERE, HAVING or ON, which is told itself?"""
    if isinstance(node, exp.Case):
        return node.this is not None and any(isinstance(branch.this, exp.Null) for branch in node.args["ifs"])
    if isinstance(node, exp.In):
        listed = node.expressions
        return len(listed) == 1 and isinstance(listed[0], exp.Null) and not isinstance(node.parent, exp.Not)
    above = node.parent
    while isinstance(above, (exp.And, exp.Paren)):
        above = above.parent
    whole = isinstance(above, (exp.Where, exp.Having, exp.Join)) and not isinstance(above.parent, exp.Filter)
    return not whole and any(isinstance(side.unnest(), exp.Null) for side in (node.this, node.expression))


def _is_literal(part: exp.Expr) -> bool:
    return not part.find(exp.Column, exp.Query)


def _fixed(part: exp.Expr, grain: Grain) -> str:
    """ "true" or "false" if the condition is that for every row (NULLs aside); empty if it depends on the row."""
    if isinstance(part, exp.Boolean):
        return "true" if part.this else "false"
    if isinstance(part, exp.Or):
        return "true" if _covers_all(list(part.flatten())) else ""
    if isinstance(part, exp.EQ) and (words := _never_so(part)):
        return words
    if isinstance(part, (exp.EQ, exp.NEQ)):
        left, right = part.this.unnest(), part.expression.unnest()
        if isinstance(left, exp.Null) or isinstance(right, exp.Null):
            return "unknown: NULL is found with IS NULL, and the condition is never met"
        both = isinstance(left, exp.Literal) and isinstance(right, exp.Literal)
        if both or (isinstance(left, exp.Column) and left == right):
            holds = "true" if both else f"true where {left.sql()} is not NULL"
            return holds if (left == right) is isinstance(part, exp.EQ) else "false"
    return _null_test(part, grain)


def _never_so(part: exp.Expr) -> str:
    """`LOWER(x) = 'Done'`: letters that the function cannot give."""
    for side, other in ((part.this, part.expression), (part.expression, part.this)):
        folded = (
            other.name.lower()
            if isinstance(side, exp.Lower)
            else other.name.upper()
            if isinstance(side, exp.Upper)
            else other.name
        )
        if other.is_string and other.name != folded:
            return "false"
    return ""


def _null_test(part: exp.Expr, grain: Grain) -> str:
    """IS NULL on a primary key's column, where no outer join may leave it NULL."""
    test = part.this if isinstance(part, exp.Not) else part
    if not (isinstance(test, exp.Is) and isinstance(test.expression, exp.Null) and isinstance(test.this, exp.Column)):
        return ""
    home = grain.home(test.this)
    table = grain.sources[home[0]].table if home else None
    if home is None or table is None or not _no_outer_join(grain):
        return ""
    is_key = home[1] in (column.lower() for column in table.primary_key)
    return ("true" if isinstance(part, exp.Not) else "false") if is_key else ""


def _no_outer_join(grain: Grain) -> bool:
    return not any(join.side for join in grain.select.args.get("joins") or [])


def _covers_all(parts: list[exp.Expr]) -> bool:
    """`c <> 1 OR c <> 2`, `c > 1 OR c < 2`: one of them always holds."""
    tests = [test for part in parts for test in _tests(part.unnest())]
    differ = [(c, v) for c, kind, v in tests if kind is exp.NEQ]
    if any(c == d and v != w for n, (c, v) in enumerate(differ) for d, w in differ[:n]):
        return True
    above = [(c, v) for c, kind, v in tests if kind in (exp.GT, exp.GTE)]
    below = [(c, v) for c, kind, v in tests if kind in (exp.LT, exp.LTE)]
    return any(c == d and _less(v, w) for c, v in above for d, w in below)


def _contradictions(parts: list[exp.Expr], dialect: str) -> Iterator[str]:
    """Pairs of conditions on one column that no value meets."""
    tests = [(part, test) for part in parts for test in _tests(part)]
    for n, (part, (column, kind, value)) in enumerate(tests):
        for other, (column_2, kind_2, value_2) in tests[:n]:
            if column == column_2 and not (
                _meets(kind, value, kind_2, value_2) and _meets(kind_2, value_2, kind, value)
            ):
                pair = dict.fromkeys([other.sql(dialect), part.sql(dialect)])
                yield " AND ".join(pair)


def _meets(kind: type[exp.Expr], value: exp.Expr, kind_2: type[exp.Expr], value_2: exp.Expr) -> bool:
    """May some value pass both tests?"""
    if kind is exp.EQ:
        possible: dict[type[exp.Expr], bool] = {
            exp.EQ: not _unlike(value, value_2), exp.NEQ: value != value_2, exp.GT: not _at_most(value, value_2),
            exp.GTE: not _less(value, value_2), exp.LT: not _at_most(value_2, value), exp.LTE: not _less(value_2, value),
        }  # fmt: skip
        return possible[kind_2]
    if kind in (exp.GT, exp.GTE) and kind_2 in (exp.LT, exp.LTE):
        strict = exp.GT is kind or exp.LT is kind_2
        return not (_at_most(value_2, value) if strict else _less(value_2, value))
    return True


def _tests(part: exp.Expr) -> Iterator[tuple[str, type[exp.Expr], exp.Expr]]:
    """Column, comparison and literal, the column first; BETWEEN is two."""
    if isinstance(part, exp.Between) and isinstance(part.this, exp.Column):
        low, high = part.args["low"], part.args["high"]
        if isinstance(low, exp.Literal) and isinstance(high, exp.Literal):
            yield part.this.sql().lower(), exp.GTE, low
            yield part.this.sql().lower(), exp.LTE, high
    if type(part) in (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE):
        left, right, kind = part.this, part.expression, type(part)
        if isinstance(left, exp.Literal):
            left, right, kind = right, left, TURNED.get(kind, kind)
        if left.find(exp.Column) and not left.find(exp.Query, exp.AggFunc) and isinstance(right, exp.Literal):
            yield left.sql().lower(), kind, right


def _number(value: exp.Expr) -> Decimal | None:
    try:
        return None if value.is_string else Decimal(value.name)
    except InvalidOperation:
        return None


def _less(a: exp.Expr, b: exp.Expr) -> bool:
    """Certainly less: both numbers, or both texts of one length, as dates are."""
    x, y = _number(a), _number(b)
    if x is not None and y is not None:
        return x < y
    return a.is_string and b.is_string and len(a.name) == len(b.name) and a.name < b.name


def _at_most(a: exp.Expr, b: exp.Expr) -> bool:
    return a == b or _less(a, b)


def _unlike(a: exp.Expr, b: exp.Expr) -> bool:
    x, y = _number(a), _number(b)
    return x != y if x is not None and y is not None else a.is_string and b.is_string and a != b


def _ranks_by(counts: list[exp.Expr], grain: Grain) -> bool:
    """Does ORDER BY with LIMIT rank by one of these counts, or by its name?"""
    order, limit = grain.select.args.get("order"), grain.select.args.get("limit")
    if not order or not limit:
        return False
    first = order.expressions[0].this
    named = {e.alias.lower() for e in grain.select.expressions if e.alias and e.unalias() in counts}
    return first in counts or (isinstance(first, exp.Column) and not first.table and first.name.lower() in named)


def _largest_group(grain: Grain, groups: list[exp.Expr], probe: Probe) -> int | None:
    """Rows of the largest group; None if it cannot be told, or there are fewer than two groups."""
    inner = rows_of(grain).select("COUNT(*) AS n_").group_by(*[e.copy() for e in groups])
    outer = exp.select("MAX(n_)", "COUNT(*)").from_(inner.subquery("per_group"))
    result = probe.run(with_ctes(outer, grain.select))
    return result.rows[0][0] if result is not None and result.rows[0][1] > 1 else None
