"""What the data and the product are, told from the catalog, the semantic file and the data's own dates; no model is asked."""

from collections.abc import Sequence

from sqlglot import exp

from sql_tools.conversation.intents import FRESH, MEANS, TABLES
from sql_tools.conversation.languages import Language
from sql_tools.conversation.messages import say
from sql_tools.models import Column, Semantics, Table
from sql_tools.query.identifiers import identifier
from sql_tools.query.types import kind_of
from sql_tools.warehouses import Warehouse
from sql_tools.warehouses.probe import Probe, table_of
from sql_tools.words import words_of

MAX_TABLES = 30
MAX_NAMED = 8
MAX_COLUMNS = 60
MAX_VALUES = 10
MAX_DATES = 8


def helped(
    text: str, tables: Sequence[Table], semantics: Semantics | None, warehouse: Warehouse, language: Language
) -> str:
    """The answer to a message about the data or the product."""
    if FRESH.search(text):
        return _fresh(tables, warehouse, language)
    if MEANS.search(text) and (told := _meaning(text, tables, semantics, language)):
        return told
    if TABLES.search(text):
        lines = "\n".join(f"- {_table_line(table, language)}" for table in tables[:MAX_TABLES])
        return say("tables", language, count=len(tables), lines=lines)
    if MEANS.search(text):
        return say("not_found", language, tables=_named(tables))
    return say("hello", language, tables=_named(tables))


def _named(tables: Sequence[Table]) -> str:
    more = f" (+{len(tables) - MAX_NAMED})" if len(tables) > MAX_NAMED else ""
    return ", ".join(table.name for table in tables[:MAX_NAMED]) + more


def _table_line(table: Table, language: Language) -> str:
    rows = f" ({say('rows', language, n=f'{table.row_count:,}')})" if table.row_count is not None else ""
    return f"{table.name}{rows}{': ' + table.comment if table.comment else ''}"


def _meaning(text: str, tables: Sequence[Table], semantics: Semantics | None, language: Language) -> str:
    """What a metric, a column or a table is; "" where the text names none."""
    asked = text.casefold()
    words = set(words_of(text))
    for definition in semantics.definitions if semantics else ():
        if any(name.casefold() in asked for name in (definition.name, *definition.synonyms)):
            about = f". {definition.description}" if definition.description else ""
            return f"{definition.name} = {definition.shown or definition.sql}{about}"
    columns = [(t, c) for t in tables for c in t.columns if _is_named(c.name, asked, words)]
    named = [t for t in tables if _is_named(t.name, asked, words)]
    inside = [(t, c) for t, c in columns if t in named]
    if columns and (inside or not named):
        best = max(len(c.name) for _, c in inside or columns)
        return "\n".join(_column_line(t, c, language) for t, c in inside or columns if len(c.name) == best)
    if named:
        table = named[0]
        lines = "\n".join(
            f"- {c.name} ({c.type}){': ' + c.comment if c.comment else ''}" for c in table.columns[:MAX_COLUMNS]
        )
        rows = say("rows", language, n=f"{table.row_count:,}") if table.row_count is not None else "?"
        return say("columns", language, table=table.name, rows=rows, lines=lines)
    return ""


def _is_named(name: str, asked: str, words: set[str]) -> bool:
    """Is the name in the text, as it is written or word by word?"""
    own = words_of(name)
    return (len(name) > 2 and name.casefold() in asked) or bool(own and set(own) <= words)


def _column_line(table: Table, column: Column, language: Language) -> str:
    key = next((k for k in table.foreign_keys if k.columns == (column.name,)), None)
    comment = f" {column.comment.rstrip('.。')}." if column.comment else ""
    comment += say("key", language, target=f"{key.target_table}.{key.target_columns[0]}") if key else ""
    few = column.values if 0 < len(column.values) <= MAX_VALUES else column.samples
    values = say("values", language, values=", ".join(few)) if few else ""
    return say(
        "column", language, column=column.name, table=table.name, type=column.type, comment=comment, values=values
    )


def _fresh(tables: Sequence[Table], warehouse: Warehouse, language: Language) -> str:
    """First and last date of the largest tables' columns of time."""
    probe, lines = Probe(warehouse), list[str]()
    for table in sorted(tables, key=lambda t: -(t.row_count or 0)):
        for column in table.columns:
            if kind_of(column.type) != "time" or column.type.upper().startswith("TIME ") or len(lines) >= MAX_DATES:
                continue
            bare = exp.column(identifier(column.name, warehouse.dialect))
            ends = exp.select(exp.Min(this=bare), exp.Max(this=bare.copy())).from_(table_of(table, warehouse.dialect))
            result = probe.run(ends)
            if result is not None and result.rows and result.rows[0][0] is not None:
                first, last = result.rows[0]
                lines.append("- " + say("span", language, column=f"{table.name}.{column.name}", first=first, last=last))
    return say("fresh", language, lines="\n".join(lines)) if lines else say("no_dates", language)
