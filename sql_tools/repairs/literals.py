"""Texts in another case or with other blanks than the stored ones: `'haiti'` where only `'Haiti'` is stored.

Acts only on a column all of whose values are known, where no row holds the text as written and one stored text is the same
but for case and blanks. Must never move a text to another column, nor choose between two stored ones.
"""

from sqlglot import exp

from sql_tools.models import Change, Column, Context
from sql_tools.query.grain import Grain, grains, stored_column
from sql_tools.query.types import kind_of
from sql_tools.words import fold


def stored_texts(tree: exp.Expr, context: Context) -> list[Change]:
    """Each text compared with a column is written as it is stored there."""
    changes = []
    for grain in grains(tree, context):
        for literal in list(grain.select.find_all(exp.Literal)):
            if literal.is_string and literal.find_ancestor(exp.Select) is grain.select:
                stored = _compared_with(literal, grain)
                alike = [v for v in stored.values if fold(v) == fold(literal.name)] if stored else []
                listed = literal.parent.expressions if isinstance(literal.parent, exp.In) else []
                if any(other.name == text for other in listed for text in alike):
                    continue  # `IN ('DONE', 'done')` asks for the stored one already
                if stored and literal.name not in stored.values and len(alike) == 1:
                    before, after = literal.sql(context.dialect), exp.Literal.string(alike[0])
                    literal.replace(after)
                    why = f"no row of {stored.name} holds the one, and the other is the same but for case and blanks"
                    changes.append(
                        Change(rule="stored_texts", before=before, after=after.sql(context.dialect), why=why)
                    )
    return changes


def _compared_with(literal: exp.Literal, grain: Grain) -> Column | None:
    """The stored column of text that a literal is compared with, if all its values are known."""
    parent = literal.parent
    if literal.find_ancestor(exp.Where, exp.Having, exp.Join, exp.Qualify, exp.If, exp.Case, exp.Filter) is None:
        return None  # what is shown, not what is asked for
    if isinstance(parent, (exp.EQ, exp.NEQ)):
        other = parent.expression if parent.this is literal else parent.this
    elif isinstance(parent, exp.In):
        other = parent.this
    else:
        return None
    home = grain.home(other) if isinstance(other, exp.Column) else None
    _, stored = stored_column(home, grain)
    return stored if stored and stored.values_are_all and kind_of(stored.type) == "text" else None
