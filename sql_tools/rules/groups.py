"""One row for each: a question that asks for a number per something is not answered by one number for all."""

import re

from sqlglot import exp

from sql_tools.identifiers import identifier
from sql_tools.models import Column, Context, Table
from sql_tools.rules import mend
from sql_tools.rules.joins import append_joins, key_edges, plain_sources, shortest
from sql_tools.words import words_of

EACH = re.compile(
    r"\b(?:each|for every|per|(?:for|of|in|by) all (?:the )?(?:different|distinct))\s+"
    r"(?:of the |single |different |distinct |individual )*((?:[\w-]+\s*){1,3})",
    re.IGNORECASE,
)
RATIO = re.compile(r"\b(?:average|mean|median) (?:number|count|amount)\b|\bper (?:capita|cent|year|day|month|hour)\b", re.I)
LABELS = ("name", "title")


@mend
def each_has_its_row(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """A lone aggregate, where the question says "for each X", is grouped by the one column or table that X names."""
    asked = EACH.search(context.question)
    if not asked or RATIO.search(context.question) or not isinstance(tree, exp.Select) or not _is_one_row(tree):
        return tree, "no number per something is asked" if not asked else "grouped as asked"
    tables = plain_sources(tree, context)
    for length in (3, 2, 1):
        phrase = words_of(asked.group(1))[:length]
        keys = _keys_of(phrase, tree, tables, context) if len(phrase) == length else []
        if keys:
            tree.select(*(key.copy() for key in keys[-1:]), append=True, copy=False)
            tree.set("expressions", [tree.expressions[-1], *tree.expressions[:-1]])
            tree.group_by(*(key.copy() for key in keys), copy=False)
            return tree, f"the question asks for each {' '.join(phrase)}: grouped by {keys[-1].sql(context.dialect)}"
    return tree, "no column is plainly what is asked for each"


def _is_one_row(select: exp.Select) -> bool:
    """Does it return one row of nothing but aggregates?"""
    clauses = ("group", "having", "limit", "distinct", "order", "qualify", "with_")
    return not any(select.args.get(clause) for clause in clauses) and all(
        isinstance(e.this if isinstance(e, exp.Alias) else e, exp.AggFunc) for e in select.expressions
    )


def _keys_of(phrase: list[str], select: exp.Select, tables: dict[str, Table], context: Context) -> list[exp.Column]:
    """What to group by, the one to show last: the column in scope of that name, or the label of the table of that name."""
    columns = [(alias, c) for alias, table in tables.items() for c in table.columns if words_of(c.name) == phrase]
    if len(columns) == 1:
        return [_column(columns[0][0], columns[0][1].name, context)]
    named = [table for table in context.catalog if words_of(table.name) == phrase]
    if columns or not tables or len(named) != 1 or not (label := _label(named[0])):
        return []
    reached = {table.name: alias for alias, table in tables.items()}
    if named[0].name not in reached:
        path = shortest(list(reached), named[0].name, key_edges(context))
        if path is None:
            return []
        append_joins(select, path, tables, context)
        reached = {table.name: alias for alias, table in tables.items()}
    alias = reached[named[0].name]
    names = dict.fromkeys((*named[0].primary_key, label.name))
    return [_column(alias, name, context) for name in names]


def _label(table: Table) -> Column | None:
    """The column people know a row of this table by: its name, else its key."""
    own = words_of(table.name)
    called = [c for c in table.columns if words_of(c.name)[-1:] and words_of(c.name)[-1] in LABELS]
    called = [c for c in called if words_of(c.name)[:-1] in ([], own, own[:1], [own[0][:1]])] or called[:1]
    if called:
        return called[0]
    return next((c for c in table.columns if table.primary_key == (c.name,)), None)


def _column(alias: str, name: str, context: Context) -> exp.Column:
    return exp.column(identifier(name, context.dialect), alias)
