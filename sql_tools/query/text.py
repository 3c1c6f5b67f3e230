"""A SQL tree as text: on one line as it runs, and over several lines for people.

`parse` reads a text as exactly one statement. What runs is written once, by `write`, and read again: sqlglot prints some
nodes as they are (a quoted alias without its quotes, a unit, a type's name), so only the second tree is what runs.
"""

import logging
import re

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from sql_tools.errors import InvalidSQLError

MAX_SQL_CHARS = 50_000
RULE = "one_statement"
TEXTS = (
    *(TokenType.STRING, TokenType.NATIONAL_STRING, TokenType.RAW_STRING, TokenType.HEREDOC_STRING),
    *(TokenType.UNICODE_STRING, TokenType.BYTE_STRING, TokenType.HEX_STRING, TokenType.BIT_STRING),
)
LACKING = re.compile(r"Required keyword: '\w+' missing for <class '[\w.]*\.(\w+)'>")
logging.getLogger("sqlglot").addHandler(logging.NullHandler())  # its warnings are no news to a user


def parse(text: str, dialect: str) -> exp.Expr:
    """The text's one statement as a tree; InvalidSQLError if there is none, more than one, or it does not parse."""
    if len(text) > MAX_SQL_CHARS:
        raise InvalidSQLError(f"The SQL is longer than {MAX_SQL_CHARS:,} characters.", rule=RULE, fatal=True)
    try:
        found = [tree for tree in sqlglot.parse(text, read=dialect) if tree is not None]
    except RecursionError as error:
        raise too_deep(RULE) from error
    except Exception as error:  # sqlglot's own, and what breaks in its parser on odd text
        words = getattr(error, "errors", None)
        said = str(error).split("\n")[0] if isinstance(error, (SqlglotError, ValueError)) else ""
        why = words[0].get("description", "") if words else said
        why = LACKING.sub(r"function \1 lacks an argument", why)
        raise InvalidSQLError(f"The SQL does not parse: {why or 'bad syntax'}.", rule=RULE) from error
    found = [tree for tree in found if not isinstance(tree, exp.Semicolon)]
    if not found:
        raise InvalidSQLError("There is no SQL statement.", rule=RULE)
    if len(found) > 1:
        fatal = any(not isinstance(tree, (exp.Query, exp.Paren)) for tree in found)
        raise InvalidSQLError(f"One statement at a time; these are {len(found)}.", rule=RULE, fatal=fatal)
    return found[0]


def write(tree: exp.Expr, dialect: str, *, last: bool = False) -> str:
    """The tree on one line, without comments: nothing hides in what runs. InvalidSQLError where it cannot be written.

    `last`: the tree is not needed any more, and need not be copied.
    """
    try:
        return tree.sql(dialect=dialect, comments=False, copy=not last)
    except RecursionError as error:
        raise too_deep(RULE) from error
    except Exception as error:  # a node that sqlglot's writer stumbles over, as a JSON path of odd signs
        raise InvalidSQLError(
            f"The SQL can't be written in {dialect}'s words ({type(error).__name__}).", "Write it plainer.", rule=RULE
        ) from error


def pretty(text: str, dialect: str) -> str:
    """The statement over several lines, for people; as it is where it cannot be read."""
    try:
        return parse(text, dialect).sql(dialect=dialect, pretty=True, comments=False)
    except Exception:
        return text


def without_texts(text: str, dialect: str) -> str:
    """The SQL with each text in it blanked and no comments; "" where it is not made of tokens.

    >>> without_texts("SELECT a FROM t WHERE a = 'Zoe' -- his name", "duckdb")
    "SELECT a FROM t WHERE a = '…'"
    """
    try:
        tokens = sqlglot.tokenize(text, read=dialect)
    except Exception:
        return ""
    parts, end = list[str](), 0
    for token in tokens:
        shown = "'…'" if token.token_type in TEXTS else text[token.start : token.end + 1]
        parts.append(f" {shown}" if parts and token.start > end else shown)
        end = token.end + 1
    return "".join(parts)


def too_deep(rule: str) -> InvalidSQLError:
    """The complaint about brackets or subqueries beyond what can be followed."""
    return InvalidSQLError(
        "The SQL is nested too deeply to be checked.", "Use fewer parentheses or subqueries in one another.", rule=rule
    )
