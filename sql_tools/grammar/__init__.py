"""A schema's grammar: what the model may write so that no name is invented, and whether a text keeps to it."""

from sql_tools.grammar.accept import Match, accepts, problem_of
from sql_tools.grammar.lark import grammar_key, lark_grammar

__all__ = ["Match", "accepts", "grammar_key", "lark_grammar", "problem_of"]
