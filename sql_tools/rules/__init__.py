"""What a draft must pass, one function a rule. A `Rule` takes tree and context, raises InvalidSQLError or returns the tree, which
it may have changed, and a note for the answer's checks."""

from collections.abc import Callable

from sqlglot import exp

from sql_tools.models import Context

Rule = Callable[[exp.Expr, Context], tuple[exp.Expr, str]]

MENDS: set[Rule] = set()


def mend(rule: Rule) -> Rule:
    """Marks a rule that changes what the SQL says to what the question means: not for SQL somebody wrote on purpose."""
    MENDS.add(rule)
    return rule
