"""Snowflake SQL -> DuckDB SQL with the rows that Snowflake's documentation says.

sqlglot writes most of it. Where its DuckDB says something else than Snowflake's documentation, a small rewrite of the tree
here puts it right; where DuckDB has no such thing, `refused` says so, since rows that only look right are worse than none.
Each has its documented cases in tests/sql_tools/transpile/fixtures/snowflake_dialect.sql, source beside each. What is given up: a
quotient keeps more digits than Snowflake's, so compare it at Snowflake's scale, as `diff` does; session parameters such as
WEEK_START are taken to have their defaults.
"""

from collections.abc import Callable

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError, UnsupportedError

from sql_tools.errors import InvalidSQLError
from sql_tools.transpile import dates, numbers, relations, variants
from sql_tools.transpile.refused import require_translatable

Rewrite = Callable[[exp.Expr], exp.Expr]  # the node itself where it is right as it is

REWRITES: tuple[tuple[type[exp.Expr], Rewrite], ...] = (
    (exp.Values, relations.named_columns),
    (exp.Ordered, relations.order_by_all),
    (exp.Pivot, relations.unpivot_names),
    (exp.GroupConcat, relations.empty_list),
    (exp.Window, relations.window),
    (exp.DateAdd, dates.keeps_type),
    (exp.Add, dates.keeps_type),
    (exp.Sub, dates.keeps_type),
    (exp.TimestampTrunc, dates.keeps_type),
    (exp.DateTrunc, dates.keeps_type),
    (exp.DateDiff, dates.texts_are_dates),
    (exp.MonthsBetween, dates.months_between),
    (exp.Anonymous, dates.to_date_or_timestamp),
    (exp.ToChar, dates.to_char),
    (exp.TsOrDsToDate, dates.format_known),
    (exp.StrToTime, dates.format_known),
    (exp.Div, numbers.division_by_zero_fails),
    (exp.WidthBucket, numbers.width_bucket),
    (exp.Struct, variants.object_construct),
    (exp.ObjectAgg, variants.object_agg),
    (exp.Cast, variants.text_of_variant),
    (exp.TryCast, variants.text_of_variant),
    (exp.Binary, variants.compared_as_text),
    (exp.In, variants.compared_as_text),
    (exp.Lateral, variants.flatten),
    (exp.TableFromRows, variants.flatten),
)


def to_duckdb(sql: str | exp.Expr) -> str:
    """One Snowflake query as DuckDB's SQL.

    Raises InvalidSQLError, rule `dialect`, if it is no query, or nothing in DuckDB gives Snowflake's rows for it.
    """
    tree = parse_snowflake(sql) if isinstance(sql, str) else sql.copy()
    require_translatable(tree)
    for kind, rewrite in REWRITES:
        tree = _rewritten(tree, kind, rewrite)
    try:
        return tree.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as error:
        raise InvalidSQLError(f"DuckDB has nothing like it: {str(error).strip()}", rule="dialect") from error


def parse_snowflake(sql: str) -> exp.Expr:
    """The tree of one Snowflake query; InvalidSQLError if it is none."""
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="snowflake") if tree is not None]
    except ParseError as error:
        raise InvalidSQLError(f"This is not Snowflake SQL: {str(error).splitlines()[0]}", rule="dialect") from error
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        raise InvalidSQLError("Only one query can be compared.", "Give one SELECT.", rule="dialect")
    return trees[0]


def _rewritten(tree: exp.Expr, kind: type[exp.Expr], rewrite: Rewrite) -> exp.Expr:
    """Every node of the kind rewritten, the deepest first, so that a rewrite finds its arguments done."""
    for node in reversed(list(tree.find_all(kind))):
        new = rewrite(node)
        if new is not node:
            node.replace(new)
    return tree
