"""What a LIMIT leaves out without being asked to: rows that tie with the last one shown, rows under a total, the rest of a list.

How many rows there are is asked of the data. A question that names the number, or asks for the first or the most, wants the cut.
"""

import re
from collections.abc import Iterator

from sqlglot import exp

from sql_tools.diagnostics.conditions import RANKED
from sql_tools.diagnostics.duplicates import with_ctes
from sql_tools.models import Context
from sql_tools.query.grain import Grain, own
from sql_tools.warehouses.probe import Probe

MAX_LIMIT = 1000
NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve".split()
SOME = re.compile(r"\b(?:some|sample|few|example|examples|preview|any|random|limit|page)\b", re.IGNORECASE)


def limits_lose_nothing(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """No LIMIT cuts between rows that tie, nor cuts what is totalled, nor a list that was asked for whole."""
    select, limit = grain.select, grain.select.args.get("limit")
    count = limit.expression if limit is not None else None
    if not isinstance(count, exp.Literal) or not count.is_int or not 0 < int(count.name) <= MAX_LIMIT:
        return
    number, offset = int(count.name), select.args.get("offset")
    if offset is not None or isinstance(select.parent, (exp.Exists, exp.SetOperation)):
        return
    if select.args.get("order"):
        yield from _ties(select, number, context, probe)
        return
    outer = select.parent.find_ancestor(exp.Select) if isinstance(select.parent, (exp.Subquery, exp.CTE)) else None
    totalled = outer is not None and isinstance(select.parent, exp.Subquery) and own(outer, exp.AggFunc)
    if (totalled or (select.parent is None and _is_unasked(number, context.question))) and _is_cut(
        select, number, probe
    ):
        what = "the total is over these alone" if totalled else "there are more rows"
        yield f"LIMIT {number} cuts the rows: {what}"


def _is_unasked(number: int, question: str) -> bool:
    """Is there a question, and does it want all rows?"""
    words = question.lower()
    named = str(number) in words or (number < len(NUMBERS) and NUMBERS[number] in words)
    return bool(question) and not named and not RANKED.search(question) and not SOME.search(question)


def _ties(select: exp.Select, number: int, context: Context, probe: Probe) -> Iterator[str]:
    """Rows on both sides of the cut with the same keys of ORDER BY: which of them are shown is chance."""
    keys = [ordered.this for ordered in select.args["order"].expressions]
    if select.args.get("distinct") or not keys or any(isinstance(key, exp.Literal) for key in keys):
        return
    wider = select.copy()
    named = {e.alias: e.this for e in select.expressions if isinstance(e, exp.Alias)}
    for n, key in enumerate(keys):
        meant = named.get(key.name, key) if isinstance(key, exp.Column) and not key.table else key
        wider = wider.select(exp.alias_(meant.copy(), f"k{n}_"), copy=False)
    wider.set("limit", exp.Limit(expression=exp.Literal.number(number + 1)))
    result = probe.run(with_ctes(wider, select), max_rows=number + 1)
    if result is None or len(result.rows) <= number or not result.rows:
        return
    last, next_ = (row[-len(keys) :] for row in result.rows[number - 1 : number + 1])
    shown = [row[: -len(keys)] for row in result.rows[number - 1 : number + 1]]
    if last == next_ and (shown[0] != shown[1] or not shown[0]):
        by = ", ".join(key.sql(context.dialect) for key in keys)
        yield f"LIMIT {number} cuts between rows that tie in {by}: which are shown is chance"


def _is_cut(select: exp.Select, number: int, probe: Probe) -> bool:
    wider = select.copy()
    wider.set("limit", exp.Limit(expression=exp.Literal.number(number + 1)))
    counted = exp.select("COUNT(*)").from_(exp.Subquery(this=wider).as_("rows_"))
    result = probe.run(with_ctes(counted, select))
    return result is not None and bool(result.rows) and result.rows[0][0] > number
