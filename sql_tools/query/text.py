"""A SQL tree as text: on one line as it runs, and over several lines for people.

`parse` reads a text as exactly one statement. What runs is written once, by `write`, and read again: sqlglot prints some
nodes as they are (a quoted alias without its quotes, a unit, a type's name), so only the second tree is what runs.
"""

import logging
import re
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import SqlglotError
from sqlglot.parser import Parser
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.tokenizer_core import TokenType

from sql_tools.errors import InvalidSQLError

MAX_SQL_CHARS = 50_000
RULE = "one_statement"
TAKE_LAMBDAS = frozenset(
    """list_transform list_apply array_transform array_apply apply list_filter array_filter filter list_reduce array_reduce
    reduce transform arrayfilter columns""".split()
)
AS_NAMED = frozenset(("LIST_SORT", "ARRAY_SORT", "LOG2", "STRUCT_PACK", "VAR_SAMP", "MAX_BY", "MIN_BY"))
TYPES = frozenset(Parser.TYPE_TOKENS)
MAX_TYPES_NESTED = 8
OPERATIONS = (exp.Binary, exp.Between, exp.In, exp.Neg, exp.BitwiseNot, exp.Bracket, exp.AtTimeZone, exp.Collate)
TEXTS = (
    *(TokenType.STRING, TokenType.NATIONAL_STRING, TokenType.RAW_STRING, TokenType.HEREDOC_STRING),
    *(TokenType.UNICODE_STRING, TokenType.BYTE_STRING, TokenType.HEX_STRING, TokenType.BIT_STRING),
)
PIECES = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`([^`\"]+)`|--[^\n]*|/\*.*?\*/|.", re.DOTALL)
LACKING = re.compile(r"Required keyword: '\w+' missing for <class '[\w.]*\.(\w+)'>")
logging.getLogger("sqlglot").addHandler(logging.NullHandler())  # its warnings are no news to a user


def _marked(parser: DuckDBParser, names: list[exp.Expr]) -> exp.Expr:
    """A lambda that was written with an arrow."""
    made: exp.Expr = DuckDBParser.LAMBDAS[TokenType.ARROW](parser, names)
    made.meta["arrow"] = True
    return made


class DuckDBAsWritten(DuckDB):
    """DuckDB's dialect for reading, without what sqlglot reads as something else: an arrow outside a list function is
    JSON's, `list_sort` keeps its order, and `j->'utm.source'` is a key, not a path."""

    def to_json_path(self, path: exp.Expr | None) -> exp.Expr | None:
        return path

    class Parser(DuckDBParser):
        LAMBDAS: ClassVar[Any] = {
            kind: read for kind, read in DuckDBParser.LAMBDAS.items() if kind is not TokenType.ARROW
        }
        FUNCTIONS: ClassVar[Any] = {n: f for n, f in DuckDBParser.FUNCTIONS.items() if n not in AS_NAMED}


class DuckDBWithArrows(DuckDBAsWritten):
    """The same, each arrow with a name before it a lambda's."""

    class Parser(DuckDBAsWritten.Parser):
        LAMBDAS: ClassVar[Any] = {**DuckDBParser.LAMBDAS, TokenType.ARROW: _marked}


def parse(text: str, dialect: str) -> exp.Expr:
    """The text's one statement as a tree; InvalidSQLError if there is none, more than one, or it does not parse."""
    if len(text) > MAX_SQL_CHARS:
        raise InvalidSQLError(f"The SQL is longer than {MAX_SQL_CHARS:,} characters.", rule=RULE, fatal=True)
    text = double_quoted(text, dialect)
    try:
        _require_shallow_types(text, dialect)
        found = [_in_brackets(tree) for tree in _trees(_with_brackets(text, dialect), dialect)]
    except RecursionError as error:
        raise too_deep(RULE) from error
    except InvalidSQLError:
        raise
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


def double_quoted(text: str, dialect: str) -> str:
    """The text with names in backticks, which DuckDB reads as well, in double quotes; texts and other names stay.

    >>> double_quoted("SELECT `a b` FROM t WHERE c = '`'", "duckdb")
    'SELECT "a b" FROM t WHERE c = \'`\''
    """
    if dialect != "duckdb" or "`" not in text or "$" in text or "\\'" in text:  # texts with other ends than a quote
        return text
    return PIECES.sub(lambda piece: f'"{piece[1]}"' if piece[1] else piece[0], text)


def _require_shallow_types(text: str, dialect: str) -> None:
    """InvalidSQLError for calls of types within each other, `date(date(date(x)))`: the parser takes twice as long for each."""
    tokens, typed = sqlglot.tokenize(text, read=dialect), list[bool]()
    for at, token in enumerate(tokens):
        if token.token_type is TokenType.L_PAREN:
            near = {tokens[at - 1].token_type if at else None, tokens[min(at + 1, len(tokens) - 1)].token_type}
            typed.append(not TYPES.isdisjoint(near))
            if sum(typed) > MAX_TYPES_NESTED:
                raise too_deep(RULE)
        elif token.token_type is TokenType.R_PAREN and typed:
            typed.pop()


def _with_brackets(text: str, dialect: str) -> str:
    """The text with `DATE '2024-01-31'::T` as `(DATE '2024-01-31')::T`, which it means: sqlglot takes `::` for the nearer."""
    if "::" not in text:
        return text
    tokens = sqlglot.tokenize(text, read=dialect)
    for kind, literal, colons in reversed(list(zip(tokens, tokens[1:], tokens[2:], strict=False))):
        if literal.token_type is not TokenType.STRING or colons.token_type is not TokenType.DCOLON:
            continue
        if kind.token_type in TYPES:
            text = f"{text[: kind.start]}({text[kind.start : literal.end + 1]}){text[literal.end + 1 :]}"
        elif kind.token_type in (TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN):  # a type of several words
            shown = f"{kind.text} '{literal.text[:30]}'::"
            raise InvalidSQLError(f"{shown} can be read in two ways.", "Write CAST(... AS ...).", rule=RULE)
    return text


def _in_brackets(tree: exp.Expr) -> exp.Expr:
    """The tree, each NOT that stands inside an operation in brackets: it is written before the whole, `NOT a IN (1) < b`."""
    for node in list(tree.find_all(exp.Not)):
        if isinstance(node.parent, OPERATIONS) and not isinstance(node.parent, exp.Connector):
            node.replace(exp.Paren(this=node.copy()))
    return tree


def _trees(text: str, dialect: str) -> list[exp.Expr]:
    """The statements; DuckDB's are read with JSON's arrows, but where each arrow is a lambda's in a list function."""
    if dialect != "duckdb":
        return [tree for tree in sqlglot.parse(text, read=dialect) if tree is not None]
    if "->" in text:
        trees = [tree for tree in sqlglot.parse(text, read=DuckDBWithArrows) if tree is not None]
        arrows = [one for tree in trees for one in tree.find_all(exp.Lambda) if one.meta.get("arrow")]
        if arrows and all(_takes_lambdas(one.parent) for one in arrows):
            return trees
    return [tree for tree in sqlglot.parse(text, read=DuckDBAsWritten) if tree is not None]


def _takes_lambdas(node: exp.Expr | None) -> bool:
    name = node.name if isinstance(node, exp.Anonymous) else node.sql_name() if isinstance(node, exp.Func) else ""
    return name.lower().replace("_", "") in {taker.replace("_", "") for taker in TAKE_LAMBDAS}


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
