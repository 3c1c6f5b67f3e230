"""Semantics, the tables shown -> what the prompt says beside them: definitions and the owner's instructions.

The same for every question on the same tables, so that it can stand before the question and be computed once. Names,
synonyms and expressions are data and made harmless as all names are. Instructions are the owner's own words to the
model: they may instruct, but not speak as somebody else, and whatever they lead to still meets every check.
"""

from sql_tools.models import Definition, Semantics, Table
from sql_tools.untrusted import data, is_safe_name, one_line, spoken

MAX_DEFINITIONS = 60
MAX_SQL_CHARS = 300
MAX_ABOUT_CHARS = 80
MAX_INSTRUCTION_CHARS = 2000
TITLES = {
    "metric": "Metrics, each to be computed exactly so where the question asks for it:",
    "expression": "Names for expressions:",
    "filter": "Names for conditions:",
}


def semantic_text(semantics: Semantics, tables: tuple[Table, ...]) -> str:
    """What the model reads after the tables; empty if there is nothing to say of these."""
    shown = {".".join(table.path) for table in tables} | {name for name, _ in semantics.queries}
    usable = [d for d in semantics.definitions if d.shown and is_safe_name(d.name) and set(d.tables) <= shown]
    parts = []
    for kind, title in TITLES.items():
        lines = [line for d in usable if d.kind == kind and (line := _line(d))][:MAX_DEFINITIONS]
        parts += ["\n".join([title, *lines])] if lines else []
    if semantics.instructions:
        said = spoken(semantics.instructions)[:MAX_INSTRUCTION_CHARS]
        parts.append(f"Instructions of the data's owner:\n{said}")
    return "\n".join(parts)


def _line(definition: Definition) -> str:
    sql = data(definition.shown, MAX_SQL_CHARS)
    if not sql or len(definition.shown) > MAX_SQL_CHARS:
        return ""
    others = [name for name in map(lambda s: data(s, 60), definition.synonyms[:5]) if name]
    about = data(definition.description, MAX_ABOUT_CHARS)
    also = f" (also {', '.join(others)})" if others else ""
    home = f" of {one_line(definition.tables[0].split('.')[-1], 60)}" if len(definition.tables) == 1 else ""
    return f"- {one_line(definition.name, 100)}{also}{home}: {sql}" + (f" -- {about}" if about else "")
