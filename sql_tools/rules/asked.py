"""Adds to a draft what the question's words ask for: GROUP BY for "for each X", a flag's condition, a name instead of a key.

Each rule acts only where the schema leaves one reading, and says so in the check.
"""

import re

from sqlglot import exp

from sql_tools.models import Column, Context, Table
from sql_tools.query.identifiers import identifier, same
from sql_tools.query.join_paths import Edge, append_joins, key_edges, pair_of, plain_sources, shortest
from sql_tools.rules import mend
from sql_tools.words import NEGATES, words_of

EACH = re.compile(
    r"\b(?:each|for every|per|(?:for|of|in|by) all (?:the )?(?:different|distinct))\s+"
    r"(?:of the |single |different |distinct |individual )*((?:[\w-]+\s*){1,3})",
    re.IGNORECASE,
)
RATIO = re.compile(
    r"\b(?:average|mean|median) (?:number|count|amount)\b|\bper (?:capita|cent|year|day|month|hour)\b", re.I
)
LABELS = ("name", "title")
FLAG_VALUES = ({"T", "F"}, {"Y", "N"}, {"YES", "NO"}, {"TRUE", "FALSE"}, {"1", "0"})
SET = ("T", "Y", "YES", "TRUE", "1")
FLAG_WORDS = ("is", "has", "was", "flag", "yn", "ind", "indicator")
BEING = ("is", "are", "was", "were", "be", "been", "being", "got")
KEY_WORDS = ("id", "ids", "key", "code", "number", "no", "identifier", "uid")


@mend
def each_has_its_row(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """A lone aggregate, where the question says "for each X", is grouped by the one column or table that X names."""
    asked = EACH.search(context.question)
    if not asked or RATIO.search(context.question) or not isinstance(tree, exp.Select) or not _is_ungrouped(tree):
        return tree, "no number per something is asked" if not asked else "grouped as asked"
    shown = [e.unalias() for e in tree.expressions if not isinstance(e.unalias(), exp.AggFunc)]
    if shown:
        tree.group_by(*(column.copy() for column in shown), copy=False)
        return tree, f"the question asks for each: grouped by {', '.join(c.sql(context.dialect) for c in shown)}"
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


@mend
def flags_are_asked(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """ "Official languages" are those whose IsOfficial is set: a flag the question names and the draft forgot is asked."""
    if NEGATES.search(context.question):
        return tree, "the question negates something"
    notes = []
    for select in tree.find_all(exp.Select):
        for alias, table in plain_sources(select, context).items():
            for column in table.columns:
                on = _set_value(column)
                if on is None or not _speaks_of(column, table, context.question):
                    continue
                if any(same(used.name, column.name) for used in tree.root().find_all(exp.Column)):
                    continue
                flag = exp.column(identifier(column.name, context.dialect), alias)
                flag.meta.update(table=table, column=column)
                notes.append((select, exp.EQ(this=flag, expression=on)))
    for select, asked in notes:
        select.where(asked, copy=False)
    said = "; ".join(f"the question asks for {asked.sql(context.dialect)}" for _, asked in notes)
    return tree, said or "no flag is left out"


@mend
def names_are_shown(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """ "Which airline": `flights.airline`, a key of airlines, is shown as `airlines.airline`, the name it stands for."""
    notes: list[str] = []
    if not isinstance(tree, exp.Select):
        return tree, "no key stands for a name"
    tables = plain_sources(tree, context)
    for shown in list(tree.expressions) if tables else ():
        column = shown.this if isinstance(shown, exp.Alias) else shown
        home = column.meta.get("table") if isinstance(column, exp.Column) else None
        edge = _edge_to_namesake(column, home, tree, tables, context) if home else None
        alias = next((a for a, t in tables.items() if home and t.name == home.name), None)
        if edge is None or alias is None:
            continue
        append_joins(tree, [edge], tables, context)
        other = next(a for a, t in tables.items() if t.name == edge[2])
        label = next(c for c in tables[other].columns if same(c.name, column.name))
        named = exp.column(identifier(label.name, context.dialect), other)
        named.meta.update(table=tables[other], column=label)
        column.replace(named)
        for group in tree.args["group"].expressions if tree.args.get("group") else ():
            if group == column:
                tree.group_by(named.copy(), copy=False)
        notes.append(f"{column.sql(context.dialect)} is a key of {edge[2]}: its {label.name} is shown")
    return tree, "; ".join(notes) or "no key stands for a name"


def _set_value(column: Column) -> exp.Expr | None:
    """What a flag column holds where it is set; None if this is no flag."""
    words = words_of(column.name)
    if len(words) < 2 or not {words[0], words[-1]} & set(FLAG_WORDS):
        return None
    if column.type.upper().startswith("BOOL"):
        return exp.true()
    held = {value.upper() for value in column.values}
    if held not in FLAG_VALUES:
        return None
    value = next(value for value in column.values if value.upper() in SET)
    return (
        exp.Literal.string(value)
        if column.type.upper().startswith(("VARCHAR", "TEXT", "CHAR"))
        else exp.Literal.number(value)
    )


def _speaks_of(column: Column, table: Table, question: str) -> bool:
    """Does the question say the flag's word of what the table lists ("official languages", "dogs that were abandoned")?"""
    core = [word for word in words_of(column.name) if word not in FLAG_WORDS]
    asked = words_of(question)
    for i in range(len(asked) - len(core) + 1):
        if core and asked[i : i + len(core)] == core:
            after = asked[i + len(core)] if i + len(core) < len(asked) else ""
            if (len(after) > 2 and after in table.name.lower()) or (i and asked[i - 1] in BEING):
                return True
    return False


def _edge_to_namesake(
    column: exp.Column, home: Table, select: exp.Select, tables: dict[str, Table], context: Context
) -> Edge | None:
    """The key, declared or joined on, from this column to a table that has a column of the same name beside its key."""
    said = words_of(context.question)
    names = words_of(column.name)
    if any(
        said[i : i + len(names)] == names and said[i + len(names)] in KEY_WORDS for i in range(len(said) - len(names))
    ):
        return None
    pairs = [pair_of(join.args["on"], tables) for join in select.args.get("joins") or [] if join.args.get("on")]
    joined = [pair for pair in pairs if pair] + [(*pair[2:], *pair[:2]) for pair in pairs if pair]
    for edge in [*key_edges(context), *joined]:
        if edge[0] == home.name and same(edge[1], column.name) and not same(edge[3], column.name):
            target = next(t for t in context.catalog if t.name == edge[2])
            if any(same(c.name, column.name) for c in target.columns) and target.primary_key == (edge[3],):
                return edge
    return None


def _is_ungrouped(select: exp.Select) -> bool:
    """Does it show aggregates, perhaps columns beside them, and no groups?"""
    clauses = ("group", "having", "limit", "distinct", "order", "qualify", "with_")
    shown = [e.unalias() for e in select.expressions]
    return (
        not any(select.args.get(clause) for clause in clauses)
        and any(isinstance(e, exp.AggFunc) for e in shown)
        and all(isinstance(e, (exp.AggFunc, exp.Column)) for e in shown)
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
