"""No number is compared with a word: operands and arguments whose types do not go together.

sqlglot binds names but lets these through; an engine refuses them in its own words, some only when it meets the row. Types
are those that sqlglot's `annotate_types` finds; where it finds none nothing is refused.
"""

import re
from collections.abc import Iterator

from sqlglot import exp

from sql_tools.errors import InvalidSQLError, NotChecked
from sql_tools.models import Context
from sql_tools.query.bind import bind
from sql_tools.words import fold

DATE = re.compile(
    r"\s*[+-]?\d{1,6}[-/]\d{1,2}[-/]\d{1,2}([ T]\d{1,2}:\d{2}.*)?\s*\Z|\s*(-?infinity|epoch)\s*\Z", re.IGNORECASE
)
HEX = re.compile(r"\s*0[xXbB][0-9a-fA-F]+\s*\Z")
TIME = re.compile(r"\s*\d{1,2}:\d{2}")
MEASURES = (exp.Sum, exp.Avg, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop, exp.Median)
COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
KINDS = {
    "number": exp.DataType.NUMERIC_TYPES,
    "text": exp.DataType.TEXT_TYPES,
    "time": {*exp.DataType.TEMPORAL_TYPES, exp.DType.TIME, exp.DType.TIMETZ},
    "truth": {exp.DType.BOOLEAN},
}


def types_go_together(tree: exp.Expr, context: Context) -> str:
    """Numbers are summed, dates compared with dates, text is not added; InvalidSQLError says which and what to do."""
    bound = bind(tree, context)
    if bound.tree is None:
        raise NotChecked("its names do not bind")
    for node in bound.tree.walk():
        for problem, hint in _clash(node, context.dialect):
            hint = f"{hint} {_where_stored(node, context)}".strip()
            raise InvalidSQLError(f"{node.sql(context.dialect)}{problem}.", hint, rule="types_go_together")
    return "nothing of one type is used as another"


def _where_stored(node: exp.Expr, context: Context) -> str:
    """Which columns hold the texts in it, where their values are known."""
    told = []
    for literal in (one for one in node.find_all(exp.Literal) if one.is_string):
        wanted = fold(literal.name)
        homes = [f"{t.name}.{c.name}" for t in context.tables for c in t.columns if wanted in map(fold, c.values)]
        told += [f"'{literal.name}' is stored in {' and in '.join(homes[:3])}."] if homes else []
    return " ".join(told)


def _clash(node: exp.Expr, dialect: str) -> Iterator[tuple[str, str]]:
    """What is wrong with this node, as words to follow its SQL, and what to do instead."""
    if isinstance(node, MEASURES):
        kind = _kind(node.this)
        if (kind == "text" and _is_no_number(node.this, dialect)) or (kind == "time" and isinstance(node, exp.Sum)):
            told, instead = f" needs numbers, and {node.this.sql(dialect)} holds {kind}", node.copy()
            if kind == "text" and not isinstance(node.this, exp.Distinct):
                instead.set("this", exp.TryCast(this=node.this.copy(), to=exp.DataType.build("DOUBLE")))
                yield told, f"Write {instead.sql(dialect)} if it holds numbers, or count it."
            else:
                yield told, "Count it, or cast it if it holds numbers."
    elif isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div)):
        yield from _arithmetic(node, dialect)
    elif isinstance(node, COMPARISONS):
        yield from _comparison(node.this, node.expression, dialect)
    elif isinstance(node, exp.Between):
        for end in (node.args["low"], node.args["high"]):
            yield from _comparison(node.this, end, dialect)
    elif isinstance(node, (exp.Like, exp.ILike)):
        kind = _kind(node.this) if dialect != "snowflake" else ""  # it reads both as text
        if kind in ("number", "time"):
            yield f" matches text, and {node.this.sql(dialect)} holds {kind}", "Compare it, or cast it to text first."


def _arithmetic(node: exp.Expr, dialect: str) -> Iterator[tuple[str, str]]:
    sides = (node.this, node.expression)
    kinds = [_kind(side) for side in sides]
    if any(isinstance(side, exp.Interval) for side in sides):
        return
    if any(kind == "text" and _is_no_number(side, dialect) for side, kind in zip(sides, kinds, strict=True)):
        yield " calculates with text", "Join texts with ||; write a span of time as INTERVAL '1' DAY."
    elif kinds == ["time", "time"] and not isinstance(node, exp.Sub):
        yield " calculates with two dates", "Subtract them, or use DATE_DIFF."
    elif "time" in kinds and isinstance(node, (exp.Mul, exp.Div)):
        yield " multiplies or divides a date", "Take a part of it first, as YEAR does."


def _comparison(left: exp.Expr, right: exp.Expr, dialect: str) -> Iterator[tuple[str, str]]:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, exp.Literal):
            continue
        kind, kind_2 = _kind(one), _kind(other)
        if kind == "time" and other.is_string and _is_no_date(other.name, dialect):
            yield f": '{other.name}' is not a date", "Write dates as DATE '2026-01-31'."
        elif kind == "number" and other.is_string and not _reads_as_number(other):
            yield f": '{other.name}' is not a number", "Compare the column that holds such text."
        elif {kind, kind_2} == {"time", "number"}:
            yield " compares a date with a number", "Take a part of the date first, as YEAR does."


def _is_no_date(text: str, dialect: str) -> bool:
    """Will the engine refuse to read this as a date or time? Snowflake knows many formats."""
    if dialect == "snowflake":
        return not any(character.isdigit() for character in text)
    return not (DATE.match(text) or TIME.match(text))


def _is_no_number(text: exp.Expr, dialect: str) -> bool:
    """Will the engine refuse to calculate with this text? Snowflake reads columns of text as numbers."""
    if isinstance(text, exp.Literal):
        return not _reads_as_number(text)
    return dialect != "snowflake"


def _reads_as_number(node: exp.Expr) -> bool:
    try:
        float(node.name)
    except ValueError:
        return bool(HEX.match(node.name))
    return True


def _kind(node: exp.Expr) -> str:
    """number, text, time, truth, or empty where it is not known."""
    bare = node.unnest()
    if isinstance(node, exp.Null) or node.type is None or (isinstance(bare, exp.Sub) and not bare.find(exp.Interval)):
        return ""  # a date less a date is a number of days, which sqlglot takes for a date
    return next((kind for kind, types in KINDS.items() if node.is_type(*types)), "")
