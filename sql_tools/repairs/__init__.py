"""What may be changed in a model's draft, one file a kind; SQL that somebody wrote is never changed.

The law: a repair acts only on a draft that does not bind, where exactly one reading does; or on the case and the blanks of a
literal that no row of a completely known column holds. No value moves to another column, and no join, filter, DISTINCT or
group comes or goes for words in the question. What else is wrong goes to the model, in words.

A `Repair` changes the tree it is given and returns what it did, a `Change` each. Their evidence: docs/repairs.md."""

from collections.abc import Callable

from sqlglot import exp

from sql_tools.models import Change, Context

Repair = Callable[[exp.Expr, Context], list[Change]]
