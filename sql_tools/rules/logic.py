"""Rewrites conditions that no row can meet: `c = 'a' AND c = 'b'`, and `=` with a subquery of several rows."""

import re

from sqlglot import exp

from sql_tools.errors import InvalidSQLError
from sql_tools.models import Context
from sql_tools.query.conditions import parts_of
from sql_tools.rules import mend
from sql_tools.words import fold

BOTH = re.compile(r"(?<!show )(?<!list )(?<!return )(?<!give )(?<!find )(?<!me )\bboth\b.*\band\b", re.IGNORECASE)


@mend
def both_means_both(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """ "Students with both cats and dogs": either of two values becomes each of them, which `no_row_is_both` settles.

    In the 180 solved questions that say so of two values, "both" never means either, but for "show both"."""
    count = 0
    for either in list(tree.find_all(exp.In, exp.Or)) if BOTH.search(context.question) else ():
        column, values = _either(either)
        select = either.find_ancestor(exp.Select)
        if column is None or not isinstance(select, exp.Select) or (_aggregates(select) and _counted(select) is None):
            continue
        if not all(fold(value.this).strip() in fold(context.question) for value in values):
            continue
        whole = either.parent if isinstance(either.parent, exp.Paren) else either
        if isinstance(whole.parent, (exp.Where, exp.And)):
            whole.replace(exp.and_(*(exp.EQ(this=column.copy(), expression=value.copy()) for value in values)))
            where = select.args["where"]
            where.set("this", exp.and_(*(part.copy() for part in parts_of(where.this)), copy=False))
            count += 1
    return tree, f"{count} times either was written for both" if count else "no both is written as either"


@mend
def no_row_is_both(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """`c = 'a' AND c = 'b'` holds for no row: written as those with 'a' INTERSECT those with 'b', or the number of those.

    InvalidSQLError where the SELECT groups or aggregates, since then what was meant is not plain.
    """
    for select in list(tree.find_all(exp.Select)):
        pair = _clash(select)
        if pair is None:
            continue
        column = pair[0].this.sql(context.dialect)
        counted = _counted(select)
        if counted is not None and counted.sql() != column:
            halves = [_without(select, part).select(counted.copy(), append=False) for part in reversed(pair)]
            inner = exp.Intersect(this=halves[0], expression=halves[1], distinct=True)
            select.set("expressions", [exp.Count(this=exp.Star())])
            select.set(
                "from_", exp.From(this=exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier("both_"))))
            )
            select.set("joins", None)
            select.set("where", None)
            return tree, f"{column} cannot equal two values in one row: those with each are intersected and counted"
        if _aggregates(select):
            raise InvalidSQLError(
                f"No row has {column} equal to two values. Count the rows of two SELECTs joined by INTERSECT instead.",
                rule="no_row_is_both",
            )
        both = exp.Intersect(this=_without(select, pair[1]), expression=_without(select, pair[0]), distinct=True)
        replaced = select is tree
        if replaced:
            tree = both
        else:
            select.replace(both)
        return tree, f"{column} cannot equal two values in one row: the rows of each are intersected"
    return tree, "no condition contradicts another"


@mend
def equal_to_a_list_is_in(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """`c = (SELECT ...)` of what may be several rows is written IN: the same for one row, no error for more."""
    count = 0
    for equal in list(tree.find_all(exp.EQ, exp.NEQ)):
        query = equal.expression.this if isinstance(equal.expression, exp.Subquery) else None
        if isinstance(query, exp.Select) and not _one_row(query):
            inside: exp.Expr = exp.In(this=equal.this, query=equal.expression)
            equal.replace(exp.Not(this=inside) if isinstance(equal, exp.NEQ) else inside)
            count += 1
    return tree, f"{count} comparisons with a list written IN" if count else "no comparison with a list"


def _either(node: exp.Expr) -> tuple[exp.Column | None, list[exp.Expr]]:
    """The column and the two texts of `c IN ('a', 'b')` or `c = 'a' OR c = 'b'`; None for anything else."""
    if isinstance(node, exp.In):
        column, values = node.this, list(node.expressions)
    else:
        sides = [node.this, node.expression]
        if not all(isinstance(side, exp.EQ) for side in sides) or sides[0].this != sides[1].this:
            return None, []
        column, values = sides[0].this, [side.expression for side in sides]
    texts = len(values) == 2 and all(isinstance(value, exp.Literal) and len(value.this) > 1 for value in values)
    return (column, values) if texts and isinstance(column, exp.Column) else (None, [])


def _one_row(query: exp.Select) -> bool:
    limit = query.args.get("limit")
    if limit is not None and limit.expression is not None and limit.expression.sql() == "1":
        return True
    return not query.args.get("group") and all(e.find(exp.AggFunc) for e in query.expressions)


def _clash(select: exp.Select) -> tuple[exp.EQ, exp.EQ] | None:
    where = select.args.get("where")
    kept = parts_of(where.this) if where else []
    seen: dict[str, exp.EQ] = {}
    for part in kept:
        if isinstance(part, exp.EQ) and isinstance(part.this, exp.Column) and isinstance(part.expression, exp.Literal):
            first = seen.setdefault(part.this.sql(), part)
            if first.expression != part.expression:
                return first, part
    return None


def _counted(select: exp.Select) -> exp.Column | None:
    """The column whose values a SELECT counts, where that is all it does."""
    count = select.expressions[0] if len(select.expressions) == 1 else None
    if any(select.args.get(key) for key in ("group", "having", "limit", "order")) or not isinstance(count, exp.Count):
        return None
    column = count.this.expressions[0] if isinstance(count.this, exp.Distinct) else count.this
    return column if isinstance(column, exp.Column) and not isinstance(column.this, exp.Star) else None


def _aggregates(select: exp.Select) -> bool:
    return any(select.args.get(key) for key in ("group", "having", "limit", "order")) or any(
        expression.find(exp.AggFunc) for expression in select.expressions
    )


def _without(select: exp.Select, condition: exp.EQ) -> exp.Select:
    """A copy of the SELECT lacking one of its conditions."""
    where = select.args["where"].this
    kept = [part.copy() for part in parts_of(where) if part is not condition]
    copy = select.copy()
    copy.set("where", exp.Where(this=exp.and_(*kept, copy=False)))
    return copy
