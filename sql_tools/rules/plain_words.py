"""Raw texts of a tree are plain words: what sqlglot prints without quotes cannot hold SQL of its own.

Names without quotes, units, types, collations, window frames and arguments' names are printed as they are. A quoted text
that lands in one of them (`EXTRACT("YEAR FROM d), f(), EXTRACT(DAY" FROM d)`, `x AS $$a, f() AS b$$`) would run.
"""

import re
from collections.abc import Iterator

from sqlglot import exp

from sql_tools.errors import InvalidSQLError
from sql_tools.models import Context

NAME = re.compile(r"[^\W\d][\w$]*")
WORD = re.compile(r"[\w$%]*(?: [\w$%]+)*")  # CURRENT ROW, DAY TO SECOND
NUMBER = re.compile(r"[\d_]*\.?[\d_]*(?:[eE][+-]?\d+)?|0[xXbB][\da-fA-F_]+")
COLLATION = re.compile(r"[\w.-]+")  # nocase.noaccent, en-ci
DIGITS = re.compile(r"[\da-fA-F]*")
ESCAPED = re.compile(r"(?:[^'\\]|\\[a-zA-Z0-9\\])*")  # in E'..'
KEY = re.compile(r"[^'\"\\]*")  # in a path that is written as text


def only_plain_words(tree: exp.Expr, context: Context) -> str:
    """Every text that is printed without quotes is a word; InvalidSQLError shows the one that is not."""
    count = 0
    for node in tree.walk():
        for text, plain in _raw(node):
            count += 1
            if not plain.fullmatch(text):
                raise InvalidSQLError(
                    f"{text[:60]!r} stands where only a plain word may.",
                    "Put double quotes around a name with spaces or signs in it.",
                    rule="only_plain_words",
                )
    return f"{count} words printed as they are, all plain"


def _raw(node: exp.Expr) -> Iterator[tuple[str, re.Pattern[str]]]:
    """The node's own texts that are printed as they are, each with what it may look like."""
    if isinstance(node, exp.Identifier):
        if not node.quoted:
            yield node.name, NAME
    elif isinstance(node, exp.Literal):
        if not node.is_string:
            yield node.name, NUMBER
    elif isinstance(node, exp.Collate):
        yield node.expression.name, COLLATION
    elif isinstance(node, exp.ByteString):
        yield node.name, ESCAPED
    elif isinstance(node, (exp.HexString, exp.BitString)):
        yield node.name, DIGITS
    elif not isinstance(node, (exp.RawString, exp.National, exp.UnicodeString)):
        plain = KEY if isinstance(node, exp.JSONPathKey) else WORD
        for value in node.args.values():
            yield from ((text, plain) for text in (value if isinstance(value, list) else [value]) if type(text) is str)
