"""What has no counterpart in DuckDB: a reason each, which says what to write instead where there is something."""

from collections.abc import Callable

from sqlglot import exp

from sql_tools.errors import InvalidSQLError

Reason = Callable[[exp.Expr], str]  # empty where there is nothing against it

ESTIMATES = ("APPROX_TOP_K", "APPROXIMATE_SIMILARITY", "HLL", "MINHASH", "APPROXIMATE_JACCARD_INDEX")
OWN = ("HASH", "HASH_AGG")
NESTED_WINDOW = ("CONDITIONAL_CHANGE_EVENT",)
FLATTEN_OPTIONS = ("RECURSIVE", "MODE")


def require_translatable(tree: exp.Expr) -> None:
    """InvalidSQLError, rule `dialect`, with the first reason why DuckDB would give other rows."""
    for node in tree.walk():
        for kinds, reason in REASONS:
            if isinstance(node, kinds) and (words := reason(node)):
                raise InvalidSQLError(words, rule="dialect")


def _function(node: exp.Expr) -> str:
    name = node.name.upper()
    if name in OWN:
        return f"{name} is Snowflake's own: DuckDB's gives other numbers."
    if name in ESTIMATES:
        return _estimate(node)
    if name in NESTED_WINDOW:
        return f"{name} needs a window within a window, which DuckDB has not; use LAG in a subquery, and SUM over it."
    return ""


def _estimate(node: exp.Expr) -> str:
    name = node.name if isinstance(node, exp.Anonymous) else type(node).__name__
    return f"{name} is an estimate, which each engine makes in its own way; ask for the exact number."


def _random(node: exp.Expr) -> str:
    return f"{type(node).__name__} gives other rows each time, so there is nothing to compare."


def _numbering(node: exp.Expr) -> str:
    return f"{type(node).__name__.upper()} may leave numbers out in Snowflake; count with ROW_NUMBER instead."


def _number_format(node: exp.Expr) -> str:
    return (
        "TO_DECIMAL with a format has no counterpart; REPLACE the signs, then cast." if node.args.get("format") else ""
    )


def _regexp_replace(node: exp.Expr) -> str:
    position, occurrence = node.args.get("position"), node.args.get("occurrence")
    if any(part is not None and part.name not in allowed for part, allowed in ((position, "1"), (occurrence, "0"))):
        return "REGEXP_REPLACE of one match only, or from a position, has no counterpart; replace all."
    return ""


def _round(node: exp.Expr) -> str:
    mode = node.args.get("truncate")
    return (
        ""
        if mode is None or isinstance(node.args.get("decimals"), exp.Literal)
        else "ROUND with a mode needs a constant scale."
    )


def _pivot(node: exp.Expr) -> str:
    if node.args.get("default_on_null"):
        return "PIVOT with DEFAULT ON NULL has no counterpart; wrap its columns in COALESCE."
    if node.args.get("include_nulls"):
        return ""
    fields = node.args.get("fields") or ()
    any_values = any(field.find(exp.PivotAny) for field in fields)
    return "PIVOT over ANY values takes its columns from the data; list the values." if any_values else ""


def _flatten(node: exp.Expr) -> str:
    for option in node.expressions:
        name = option.name.upper() if isinstance(option, exp.Kwarg) else ""
        if name in FLATTEN_OPTIONS and option.expression.name.upper() not in ("FALSE", "BOTH"):
            return f"FLATTEN with {name} has no counterpart in DuckDB."
    return ""


def _typeof(node: exp.Expr) -> str:
    return "TYPEOF names Snowflake's types, which DuckDB's are not."


REASONS: tuple[tuple[tuple[type[exp.Expr], ...], Reason], ...] = (
    ((exp.Anonymous,), _function),
    ((exp.ApproxDistinct, exp.ApproxQuantile, exp.ApproxTopK, exp.Hll), _estimate),
    ((exp.Rand, exp.Uuid, exp.TableSample, exp.Randstr, exp.Uniform, exp.Normal, exp.Zipf), _random),
    ((exp.Generator, exp.Seq1, exp.Seq2, exp.Seq4, exp.Seq8), _numbering),
    ((exp.ToNumber,), _number_format),
    ((exp.RegexpReplace,), _regexp_replace),
    ((exp.Pivot,), _pivot),
    ((exp.Explode,), _flatten),
    ((exp.Typeof,), _typeof),
)
