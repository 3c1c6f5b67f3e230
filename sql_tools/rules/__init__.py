"""What SQL must pass, one function a rule. A `Rule` reads a tree, says in a note what it looked at, or raises InvalidSQLError.

The tree goes out as it came in: what changes a draft is a repair."""

from collections.abc import Callable

from sqlglot import exp

from sql_tools.models import Context

Rule = Callable[[exp.Expr, Context], str]
