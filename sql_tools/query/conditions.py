"""Parts of one SELECT: the conditions that AND joins, the output that `GROUP BY 2` means, the conditions a ratio repeats."""

from sqlglot import exp


def parts_of(condition: exp.Expr | None) -> list[exp.Expr]:
    """The conditions that AND joins, brackets opened: `a AND (b AND c)` -> a, b, c. Empty for None."""
    if condition is None:
        return []
    inner = condition.unnest()
    return [p for side in inner.flatten() for p in parts_of(side)] if isinstance(inner, exp.And) else [inner]


def output_at(position: int, query: exp.Expr) -> exp.Expr | None:
    """The output that a number in GROUP BY or ORDER BY means, counted from 1; None if there is none that is sure."""
    outputs = query.selects if isinstance(query, exp.Query) else []
    before = outputs[: max(position, 0)]
    return before[-1] if 1 <= position <= len(outputs) and not any(part.is_star for part in before) else None


def bare(side: exp.Expr) -> exp.Expr:
    """One side of a division without casts, NULLIF, brackets and constant factors: `100.0 * COUNT(x)` -> `COUNT(x)`."""
    while True:
        guarded = isinstance(side, (exp.Paren, exp.Cast, exp.Nullif))
        if guarded or (isinstance(side, exp.Mul) and isinstance(side.expression, exp.Literal)):
            side = side.this
        elif isinstance(side, exp.Mul) and isinstance(side.this, exp.Literal):
            side = side.expression
        else:
            return side


def repeated(ratio: exp.Expr, select: exp.Select) -> list[exp.Expr]:
    """The conditions of WHERE that a CASE or FILTER inside the ratio asks again word for word."""
    where = select.args.get("where")
    asked = [node.this.unnest() for node in ratio.find_all(exp.If)]
    asked += [node.expression.this.unnest() for node in ratio.find_all(exp.Filter)]
    return [part for part in parts_of(where.this if where else None) if part in asked]
