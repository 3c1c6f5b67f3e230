"""Numbers: where DuckDB answers and Snowflake fails, and what only Snowflake has."""

from sqlglot import exp


def division_by_zero_fails(node: exp.Expr) -> exp.Expr:
    """x / 0 is an error, where DuckDB gives infinity; what cannot be 0, or was looked at already, stays as it is.

    Source: functions/div0, Examples.
    """
    divisor = node.expression.unnest()
    if isinstance(divisor, exp.Nullif | exp.Null) or (divisor.is_number and float(divisor.name or 1) != 0):
        return node
    if _was_compared_with_zero(node, divisor):
        return node
    given = node.expression
    failing = exp.Case().when(exp.EQ(this=exp.paren(given.copy()), expression=exp.Literal.number(0)), _failure())
    new = node.copy()
    new.set("expression", failing.else_(given.copy()))
    return new


def _failure() -> exp.Expr:
    return exp.Anonymous(this="ERROR", expressions=[exp.Literal.string("Division by zero")])


def _was_compared_with_zero(node: exp.Expr, divisor: exp.Expr) -> bool:
    """Is this a branch of a CASE that asks whether the divisor is 0, as DIV0 becomes one?"""
    case = node.find_ancestor(exp.Case, exp.If)
    zero = exp.Literal.number(0)
    return case is not None and any(
        equal.this.unnest() == divisor and equal.expression == zero for equal in case.find_all(exp.EQ)
    )


def width_bucket(node: exp.Expr) -> exp.Expr:
    """0 below the range, one more than there are buckets above it. Source: functions/width_bucket."""
    value, low, high, count = (
        node.args[name].sql("duckdb") for name in ("this", "min_value", "max_value", "num_buckets")
    )
    return exp.maybe_parse(
        f"CASE WHEN {value} < {low} THEN 0 WHEN {value} >= {high} THEN {count} + 1 "
        f"WHEN {value} >= {low} THEN CAST(FLOOR(({value} - {low}) * {count} / CAST({high} - {low} AS DOUBLE)) AS BIGINT) + 1 END",
        dialect="duckdb",
    )
