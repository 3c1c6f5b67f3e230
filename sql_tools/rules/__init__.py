"""What a draft must pass: one rule a function, each `Rule`: tree, context -> the tree and a note of what it saw or changed."""

from collections.abc import Callable

from sqlglot import exp

from sql_tools.models import Context

Rule = Callable[[exp.Expr, Context], tuple[exp.Expr, str]]
