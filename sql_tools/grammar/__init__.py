"""A schema's grammar: what the model may write so that no name is invented, and whether a text keeps to it."""

from collections.abc import Sequence

from sql_tools.grammar.accept import Match, accepts, problem_of, require_match
from sql_tools.grammar.gbnf import gbnf_grammar
from sql_tools.grammar.lark import grammar_key, lark_grammar
from sql_tools.grammar.scope import TABLE_BITS
from sql_tools.models import Table

__all__ = ["Match", "accepts", "gbnf_grammar", "grammar_key", "lark_grammar", "problem_of", "require_match", "sendable"]

MAX_SENT = TABLE_BITS  # with 64 tables llguidance met a dead end inside a subquery of the SELECT list


def sendable(tables: Sequence[Table], dialect: str) -> str | None:
    """The grammar to send with a question about these tables, validated; None where there are too many for one.

    Both steps are cached by the schema. Raises CopilotError if the grammar is not valid: a server would ignore it.
    """
    if not 0 < len(tables) <= MAX_SENT:
        return None
    grammar = lark_grammar(tables, dialect)
    accepts(grammar, "")
    return grammar
