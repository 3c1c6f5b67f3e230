"""An expression of the tree -> words. What has no words here is quoted as SQL, and the quote says that it is one.

Each kind of node names the arguments its words cover; a node that carries any other is quoted whole, so that nothing
of it can be left out silently.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sqlglot import exp

from sql_tools.query.conditions import output_at
from sql_tools.query.identifiers import PLAIN, identifier

Phrase = Callable[[exp.Expr, "Voice"], str]
LIKES = {
    ("%", "%"): ("contain", "contains"),
    ("", "%"): ("start with", "starts with"),
    ("%", ""): ("end with", "ends with"),
    ("", ""): ("be", "is"),
}
SIMPLE_PATTERN = re.compile(r"(%?)([^%_]+)(%?)\Z")
LOOSE = (exp.And, exp.Or, exp.Not, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.DPipe, exp.Case,
         exp.If, exp.Coalesce, exp.Nullif, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In, exp.Like,
         exp.ILike, exp.Between, exp.Window, exp.Cast, exp.TryCast)  # fmt: skip
MEASURES = ("the number of ", "the sum of ", "the average of ", "the length of ")
INNATE = {"Count": {"big_int"}, "Round": {"casts_non_integer_decimals"}, "Concat": {"safe", "coalesce"}, "Div": {"typed", "safe"},
          "DPipe": {"safe"}, "Cast": {"safe"}, "TryCast": {"safe", "requires_string"}, "Window": {"over"},
          "Like": {"negate"}, "ILike": {"negate"}, "TimestampTrunc": {"input_type_preserved"},
          "DateTrunc": {"input_type_preserved", "unabbreviate"}, "DateDiff": {"date_part_boundary"},
          "TsOrDsToDate": {"safe"}}  # fmt: skip


@dataclass(frozen=True)
class Voice:
    """How names sound in one query. `sources`: folded alias -> what to call it; `alone` lets columns stand bare."""

    dialect: str
    sources: Mapping[str, str]
    alone: bool
    outer: Voice | None
    subquery: Callable[[exp.Expr, Voice], str]

    def source(self, alias: str) -> str:
        """What to call the table behind an alias."""
        found = self.sources.get(alias.casefold())
        return found or (self.outer.source(alias) if self.outer else alias)


def say(node: exp.Expr, voice: Voice) -> str:
    """The expression in words."""
    entry = PHRASES.get(type(node).__name__)
    if entry is None:
        return quoted(node, voice)
    covered, phrase = entry
    extra = {key for key, value in node.args.items() if value not in (None, False, [])} - covered
    return quoted(node, voice) if extra - INNATE.get(type(node).__name__, set()) else phrase(node, voice)


def tight(node: exp.Expr, voice: Voice) -> str:
    """The expression in words, in brackets where it could run into its neighbours."""
    bare = node.unnest()
    loose = isinstance(bare, LOOSE) and not (isinstance(bare, exp.Neg) and isinstance(bare.this, exp.Literal))
    return f"({say(bare, voice)})" if loose else say(bare, voice)


def quoted(node: exp.Expr, voice: Voice) -> str:
    """The expression as SQL, said to be SQL; aliases are written as the tables they stand for where that is certain."""
    shown = node.copy()
    if not shown.find(exp.Query):
        for column in list(shown.find_all(exp.Column)):
            name = voice.source(column.table) if column.table else ""
            if PLAIN.match(name):
                column.set("table", identifier(name, voice.dialect))
    return f"[as SQL: {shown.sql(dialect=voice.dialect, comments=False)}]"


def listed(words: Iterable[str], last: str = "and") -> str:
    """`a, b and c`."""
    *most, end = list(words) or [""]
    return f"{', '.join(most)} {last} {end}" if most else end


def named(name: str) -> str:
    """A name as it is, in double quotes where spaces or signs in it would be read as words of the sentence."""
    return name if PLAIN.match(name) else '"' + name.replace('"', '""') + '"'


def ordering(keys: Iterable[exp.Expr], voice: Voice, *, top: bool = False, query: exp.Expr | None = None) -> str:
    """`X, highest first, then Y`; for `top`, `the highest X, then the lowest Y`. `query` is what is ordered."""
    return ", then ".join(_key(key, voice, top=top, query=query) for key in keys)


def at_position(part: exp.Expr, query: exp.Expr | None, voice: Voice) -> str:
    """In words, what a key of GROUP BY or ORDER BY means: a number there is the output at that place."""
    if query is None or not (isinstance(part, exp.Literal) and part.is_int):
        return tight(part, voice)
    output = output_at(int(part.name), query)
    return f"{tight(output.unalias(), voice)} (column {part.name})" if output else f"column {part.name} of the result"


def _key(key: exp.Expr, voice: Voice, *, top: bool, query: exp.Expr | None) -> str:
    if not isinstance(key, exp.Ordered) or key.args.get("with_fill"):
        return quoted(key, voice)
    words, down = at_position(key.this, query, voice), bool(key.args.get("desc"))
    nulls = " (missing values first)" if key.args.get("nulls_first") else ""
    if top:
        measure = words.removeprefix("the ") if words.startswith(MEASURES) else words
        return f"the {'highest' if down else 'lowest'} {measure}{nulls}"
    return f"{words}{', highest first' if down else ''}{nulls}"


def _column(node: exp.Expr, voice: Voice) -> str:
    assert isinstance(node, exp.Column)
    if isinstance(node.this, exp.Star):
        return quoted(node, voice) if len(node.this.args) else f"all columns of {voice.source(node.table)}"
    here = node.table.casefold() in voice.sources
    bare = not node.table or (here and voice.alone)
    return named(node.name) if bare else f"{voice.source(node.table)}.{named(node.name)}"


def _alias(node: exp.Expr, voice: Voice) -> str:
    words = tight(node.this, voice)
    return words if words == named(node.alias) else f"{words} (called {named(node.alias)})"


def _literal(node: exp.Expr, voice: Voice) -> str:
    return "'" + node.name.replace("'", "''") + "'" if node.is_string else node.name


def _joined(word: str) -> Phrase:
    """AND and OR: the other one inside is bracketed."""

    def phrase(node: exp.Expr, voice: Voice) -> str:
        parts = (part.unnest() for part in node.flatten())
        return f" {word} ".join(
            f"({say(part, voice)})" if isinstance(part, (exp.And, exp.Or)) else say(part, voice) for part in parts
        )

    return phrase


def _compared(words: str) -> Phrase:
    return lambda node, voice: f"{tight(node.this, voice)} {words} {tight(node.expression, voice)}"


def _equal(node: exp.Expr, voice: Voice) -> str:
    word = "is" if isinstance(node.expression, (exp.Literal, exp.Boolean, exp.Neg)) else "equals"
    return f"{tight(node.this, voice)} {word} {tight(node.expression, voice)}"


def _like(node: exp.Expr, voice: Voice) -> str:
    no = bool(node.args.get("negate"))
    case = " in any case" if isinstance(node, exp.ILike) else ""
    pattern = node.expression
    parts = SIMPLE_PATTERN.match(pattern.name) if isinstance(pattern, exp.Literal) and pattern.is_string else None
    if parts is None:
        verb = "does not match" if no else "matches"
        return (
            f"{tight(node.this, voice)} {verb} the pattern {tight(pattern, voice)}{case} (% is any text, _ any letter)"
        )
    verb, third = LIKES[parts[1], parts[3]]
    does = ("is not" if verb == "be" else f"does not {verb}") if no else third
    return f"{tight(node.this, voice)} {does} {_literal(exp.Literal.string(parts[2]), voice)}{case}"


def _is(node: exp.Expr, voice: Voice, no: bool = False) -> str:
    if isinstance(node.expression, exp.Null):
        return f"{tight(node.this, voice)} has {'a' if no else 'no'} value"
    return f"{tight(node.this, voice)} is {'not ' if no else ''}{tight(node.expression, voice)}"


def _in(node: exp.Expr, voice: Voice, no: bool = False) -> str:
    assert isinstance(node, exp.In)
    who, word = tight(node.this, voice), "is not" if no else "is"
    if query := node.args.get("query"):
        return f"{who} {word} among {tight(query, voice)}"
    values = [tight(value, voice) for value in node.expressions]
    return f"{who} {word} {'one of ' if len(values) > 1 else ''}{listed(values, 'or')}"


def _between(node: exp.Expr, voice: Voice, no: bool = False) -> str:
    ends = f"{tight(node.args['low'], voice)} to {tight(node.args['high'], voice)}"
    return f"{tight(node.this, voice)} is {'not ' if no else ''}from {ends}, both included"


def _exists(node: exp.Expr, voice: Voice, no: bool = False) -> str:
    return f"there is {'nothing' if no else 'something'} in {tight(node.this, voice)}"


NEGATED: dict[type, Callable[[exp.Expr, Voice, bool], str]] = {
    exp.Is: _is, exp.In: _in, exp.Between: _between, exp.Exists: _exists
}  # fmt: skip


def _not(node: exp.Expr, voice: Voice) -> str:
    inner = node.this.unnest()
    phrase = NEGATED.get(type(inner))
    if phrase and not say(inner, voice).startswith("[as SQL"):
        return phrase(inner, voice, True)
    return f"it is not so that ({say(inner, voice)})"


def _negative(node: exp.Expr, voice: Voice) -> str:
    return f"-{node.name}" if isinstance(node.this, exp.Literal) else f"minus {tight(node.this, voice)}"


def _distinct(node: exp.Expr, voice: Voice) -> str:
    words = listed(tight(part, voice) for part in node.expressions)
    return f"the different {'combinations of ' if len(node.expressions) > 1 else ''}{words}"


def _count(node: exp.Expr, voice: Voice) -> str:
    if node.this is None or isinstance(node.this, exp.Star):
        return "the number of rows"
    if isinstance(node.this, exp.Distinct) and not node.this.args.get("on"):
        return f"the number of {_distinct(node.this, voice).removeprefix('the ')}"
    return f"the number of rows with a value for {tight(node.this, voice)}"


def _ignore_nulls(node: exp.Expr, voice: Voice) -> str:
    """DuckDB's ANY_VALUE passes nulls over, and is parsed so."""
    return say(node.this, voice) if isinstance(node.this, exp.AnyValue) else quoted(node, voice)


def _of(words: str) -> Phrase:
    return lambda node, voice: f"{words} {tight(node.this, voice)}"


def _after(words: str) -> Phrase:
    return lambda node, voice: f"{tight(node.this, voice)} {words}"


def _pair(words: str) -> Phrase:
    return lambda node, voice: f"{tight(node.this, voice)} {words} {tight(node.expression, voice)}"


def _filter(node: exp.Expr, voice: Voice) -> str:
    return f"{say(node.this, voice)} over only the rows where {say(node.expression.this, voice)}"


def _round(node: exp.Expr, voice: Voice) -> str:
    digits = node.args.get("decimals")
    return f"{tight(node.this, voice)} rounded" + (f" to {tight(digits, voice)} decimals" if digits else "")


def _substring(node: exp.Expr, voice: Voice) -> str:
    start, length = node.args.get("start"), node.args.get("length")
    ends = f" from letter {tight(start, voice)}" if start else ""
    return f"the part of {tight(node.this, voice)}{ends}" + (f", {tight(length, voice)} long" if length else "")


def _group_concat(node: exp.Expr, voice: Voice) -> str:
    between = node.args.get("separator")
    return f"the list of {tight(node.this, voice)}" + (f", separated by {tight(between, voice)}" if between else "")


def _cast(node: exp.Expr, voice: Voice) -> str:
    kind = node.args["to"].sql(dialect=voice.dialect)
    return f"{tight(node.this, voice)} as {kind}" + (" where that is possible" if isinstance(node, exp.TryCast) else "")


def _case(node: exp.Expr, voice: Voice) -> str:
    what = tight(node.this, voice) if node.this is not None else ""
    lines = []
    for branch in node.args["ifs"]:
        when = f"{what} is {tight(branch.this, voice)}" if what else say(branch.this, voice)
        lines.append(f"{tight(branch.args['true'], voice)} if {when}")
    default = node.args.get("default")
    return "; ".join([*lines, f"otherwise {tight(default, voice) if default is not None else 'nothing'}"])


def _if(node: exp.Expr, voice: Voice) -> str:
    other = node.args.get("false")
    otherwise = tight(other, voice) if other is not None else "nothing"
    return f"{tight(node.args['true'], voice)} if {say(node.this, voice)}; otherwise {otherwise}"


def _coalesce(node: exp.Expr, voice: Voice) -> str:
    return ", or where that has no value ".join(tight(part, voice) for part in (node.this, *node.expressions))


def _concat(node: exp.Expr, voice: Voice) -> str:
    return " followed by ".join(tight(part, voice) for part in node.expressions)


def _extract(node: exp.Expr, voice: Voice) -> str:
    return f"the {node.name.lower()} of {tight(node.expression, voice)}"


def _cut(node: exp.Expr, voice: Voice) -> str:
    return f"{tight(node.this, voice)} cut to the {node.args['unit'].name.lower()}"


def _date_diff(node: exp.Expr, voice: Voice) -> str:
    unit = node.args.get("unit")
    spans = f"{unit.name.lower()}s" if unit is not None else "days"
    return f"the number of {spans} from {tight(node.expression, voice)} to {tight(node.this, voice)}"


def _interval(node: exp.Expr, voice: Voice) -> str:
    unit = node.args.get("unit")
    return f"{tight(node.this, voice)} {unit.name.lower() if unit is not None else ''}".rstrip()


def _moved(word: str) -> Phrase:
    def phrase(node: exp.Expr, voice: Voice) -> str:
        unit = node.args.get("unit")
        span = f" {unit.name.lower()}s" if unit is not None else ""
        return f"{tight(node.this, voice)} {word} {tight(node.expression, voice)}{span}"

    return phrase


def _neighbour(words: str) -> Phrase:
    return lambda node, voice: (
        f"the {words} {tight(node.this, voice)}"
        + (f" ({tight(node.args['offset'], voice)} rows away)" if node.args.get("offset") is not None else "")
    )


def _window(node: exp.Expr, voice: Voice) -> str:
    parts = node.args.get("partition_by") or []
    order = node.args.get("order")
    running = isinstance(node.this, exp.AggFunc) and order is not None and not isinstance(node.this, RANKING)
    words = say(node.this, voice) + (" so far" if running else "")
    words += f" within each {listed(tight(part, voice) for part in parts)}" if parts else ""
    if order is not None:
        words += f" in order of {ordering(order.expressions, voice)}"
    return words if parts or order is not None else f"{words} over all rows"


RANKING = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead)
THIS, BOTH = frozenset({"this"}), frozenset({"this", "expression"})
PHRASES: dict[str, tuple[frozenset[str], Phrase]] = {
    "Column": (frozenset({"this", "table", "db", "catalog"}), _column),
    "Identifier": (frozenset({"this", "quoted"}), lambda node, voice: named(node.name)),
    "Literal": (frozenset({"this", "is_string"}), _literal),
    "Boolean": (THIS, lambda node, voice: "true" if node.this else "false"),
    "Null": (frozenset(), lambda node, voice: "no value"),
    "Star": (frozenset(), lambda node, voice: "all columns"),
    "Paren": (THIS, lambda node, voice: tight(node, voice)),
    "Alias": (frozenset({"this", "alias"}), _alias),
    "Subquery": (THIS | {"alias", "with_"}, lambda node, voice: voice.subquery(node, voice)),
    "Select": (frozenset(exp.Select.arg_types), lambda node, voice: voice.subquery(node, voice)),
    "Union": (frozenset(exp.Union.arg_types), lambda node, voice: voice.subquery(node, voice)),
    "Except": (frozenset(exp.Except.arg_types), lambda node, voice: voice.subquery(node, voice)),
    "Intersect": (frozenset(exp.Intersect.arg_types), lambda node, voice: voice.subquery(node, voice)),
    "And": (BOTH, _joined("and")),
    "Or": (BOTH, _joined("or")),
    "Not": (THIS, _not),
    "EQ": (BOTH, _equal),
    "NEQ": (BOTH, _compared("is not")),
    "GT": (BOTH, _compared("is more than")),
    "GTE": (BOTH, _compared("is at least")),
    "LT": (BOTH, _compared("is less than")),
    "LTE": (BOTH, _compared("is at most")),
    "Is": (BOTH, _is),
    "In": (frozenset({"this", "expressions", "query"}), _in),
    "Between": (frozenset({"this", "low", "high"}), _between),
    "Like": (BOTH, _like),
    "ILike": (BOTH, _like),
    "Exists": (THIS, _exists),
    "Any": (THIS, _of("any of")),
    "All": (THIS, _of("each of")),
    "Add": (BOTH, _pair("plus")),
    "Sub": (BOTH, _pair("minus")),
    "Mul": (BOTH, _pair("times")),
    "Div": (BOTH, _pair("divided by")),
    "IntDiv": (BOTH, _pair("divided, without the remainder, by")),
    "Mod": (BOTH, _pair("modulo")),
    "Neg": (THIS, _negative),
    "DPipe": (BOTH, _pair("followed by")),
    "Distinct": (frozenset({"expressions"}), _distinct),
    "Count": (THIS, _count),
    "CountIf": (THIS, lambda node, voice: f"the number of rows where {say(node.this, voice)}"),
    "Sum": (THIS, _of("the sum of")),
    "Avg": (THIS, _of("the average of")),
    "Min": (THIS, _of("the lowest")),
    "Max": (THIS, _of("the highest")),
    "Median": (THIS, _of("the median of")),
    "Stddev": (THIS, _of("the standard deviation of")),
    "Variance": (THIS, _of("the variance of")),
    "AnyValue": (THIS, _of("any")),
    "IgnoreNulls": (THIS, _ignore_nulls),
    "GroupConcat": (frozenset({"this", "separator"}), _group_concat),
    "Filter": (BOTH, _filter),
    "Window": (frozenset({"this", "partition_by", "order"}), _window),
    "RowNumber": (frozenset(), lambda node, voice: "the row's number"),
    "Rank": (frozenset(), lambda node, voice: "the rank"),
    "DenseRank": (frozenset(), lambda node, voice: "the rank without gaps"),
    "Ntile": (THIS, lambda node, voice: f"the part out of {tight(node.this, voice)} equal parts"),
    "Lag": (frozenset({"this", "offset"}), _neighbour("earlier")),
    "Lead": (frozenset({"this", "offset"}), _neighbour("later")),
    "FirstValue": (THIS, _of("the first")),
    "LastValue": (THIS, _of("the last")),
    "Abs": (THIS, _of("the size of")),
    "Round": (frozenset({"this", "decimals"}), _round),
    "Floor": (THIS, _after("rounded down")),
    "Ceil": (THIS, _after("rounded up")),
    "Sqrt": (THIS, _of("the square root of")),
    "Lower": (THIS, _after("in lower case")),
    "Upper": (THIS, _after("in upper case")),
    "Length": (THIS, _of("the length of")),
    "Trim": (THIS, _after("without spaces around it")),
    "Reverse": (THIS, _after("reversed")),
    "Substring": (frozenset({"this", "start", "length"}), _substring),
    "Replace": (
        frozenset({"this", "expression", "replacement"}),
        lambda node, voice: (
            f"{tight(node.this, voice)} with {tight(node.expression, voice)} replaced by "
            f"{tight(node.args['replacement'], voice) if node.args.get('replacement') is not None else 'nothing'}"
        ),
    ),
    "Concat": (frozenset({"expressions"}), _concat),
    "Case": (frozenset({"this", "ifs", "default"}), _case),
    "If": (frozenset({"this", "true", "false"}), _if),
    "Coalesce": (frozenset({"this", "expressions"}), _coalesce),
    "Nullif": (BOTH, lambda node, voice: f"{tight(node.this, voice)} unless it is {tight(node.expression, voice)}"),
    "Cast": (frozenset({"this", "to"}), _cast),
    "TryCast": (frozenset({"this", "to"}), _cast),
    "Extract": (BOTH, _extract),
    "Year": (THIS, _of("the year of")),
    "Quarter": (THIS, _of("the quarter of")),
    "Month": (THIS, _of("the month of")),
    "Day": (THIS, _of("the day of the month of")),
    "Hour": (THIS, _of("the hour of")),
    "DateTrunc": (frozenset({"this", "unit"}), _cut),
    "TimestampTrunc": (frozenset({"this", "unit"}), _cut),
    "DateDiff": (frozenset({"this", "expression", "unit"}), _date_diff),
    "DateAdd": (frozenset({"this", "expression", "unit"}), _moved("plus")),
    "DateSub": (frozenset({"this", "expression", "unit"}), _moved("minus")),
    "TsOrDsToTimestamp": (THIS, _after("as a time")),
    "TsOrDsToDate": (THIS, _after("as a date")),
    "Interval": (frozenset({"this", "unit"}), _interval),
    "CurrentDate": (frozenset(), lambda node, voice: "today"),
    "CurrentTimestamp": (frozenset(), lambda node, voice: "now"),
    "TimeToStr": (
        frozenset({"this", "format"}),
        lambda node, voice: f"{tight(node.this, voice)} written as {tight(node.args['format'], voice)}",
    ),
    "StrToTime": (
        frozenset({"this", "format"}),
        lambda node, voice: f"{tight(node.this, voice)} read as a time written {tight(node.args['format'], voice)}",
    ),
}
