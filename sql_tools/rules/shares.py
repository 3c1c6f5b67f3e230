"""Ratios that are 1 whatever the data, since part and whole are the same rows."""

import re

from sqlglot import exp

from sql_tools.errors import InvalidSQLError
from sql_tools.models import Context
from sql_tools.query.conditions import bare, parts_of, repeated
from sql_tools.rules import mend

ASKED = re.compile(r"\b(?:ratio|share|percent(?:age)?|proportion|fraction|rate|out of|how much of)\b|%", re.IGNORECASE)
ALWAYS_ONE = "A number is divided by itself, which is always 1. Divide the part by the whole."


@mend
def shares_are_of_all(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """`SUM(CASE WHEN c = 'a' ..) / COUNT(*)` where a share is asked for: WHERE must not have cut the whole to `c = 'a'`.

    InvalidSQLError where what has to be counted is not plain: a number divided by itself.
    """
    dropped: list[exp.Expr] = []
    for ratio in tree.find_all(exp.Div):
        if ratio.find(exp.AggFunc) is None or (select := ratio.find_ancestor(exp.Select)) is None:
            continue
        if bare(ratio.this) == bare(ratio.expression):
            raise InvalidSQLError(ALWAYS_ONE, rule="shares_are_of_all")
        if ASKED.search(context.question) and (again := repeated(ratio, select)):
            _drop(select, again)
            dropped += again
    words = ", ".join(condition.sql(context.dialect) for condition in dropped)
    return tree, f"{words} picks the part, so WHERE keeps the whole" if words else "no share is of itself"


def _drop(select: exp.Select, conditions: list[exp.Expr]) -> None:
    """Take these conditions out of WHERE."""
    rest = [part.copy() for part in parts_of(select.args["where"].this) if part not in conditions]
    select.set("where", exp.Where(this=exp.and_(*rest, copy=False)) if rest else None)
