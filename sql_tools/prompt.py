"""Question, Context -> messages: the only file with prompt text.

What never changes comes first (rules, then tables in canonical order), the question last, so that a served model
computes the prefix once a schema.
"""

import re

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from sql_tools.models import Attempt, Column, Context, Question, Table, Turn
from sql_tools.query.identifiers import quote
from sql_tools.semantic.prompt_text import semantic_text
from sql_tools.untrusted import data, is_instruction, is_safe_name, one_line, spoken

MAX_SHOWN_VALUES = 8
MAX_COMMENT_CHARS = 120
MAX_VALUE_CHARS = 40
MAX_TYPE_CHARS = 300
MAX_PROBLEM_CHARS = 1000
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
LABELS = re.compile(r"ENUM\((?:'(?:[^']|'')*'|[^')])*\)", re.IGNORECASE)
ENGINES = {"duckdb": "DuckDB", "snowflake": "Snowflake"}

RULES = """You write one {engine} SELECT statement that answers the question from the tables given.
- Use only the tables and columns given, each column from the table that lists it. Join through the keys shown.
- Return only the columns the question asks for, in the order it names them.
- Prefer the simplest query: no join that is not needed, no extra columns.
- Write text values exactly as stored.
Answer with the SQL alone, no explanation."""


def prompt(question: Question, context: Context) -> list[BaseMessage]:
    """The messages for a first draft."""
    return [
        SystemMessage(system_text(context)),
        HumanMessage(f"{schema_text(context)}\n\n{question_text(question, context)}"),
    ]


def without_values(context: Context) -> Context:
    """The context as a model elsewhere may see it: names, types, keys and comments, but nothing of what is stored."""
    bare = tuple(
        table.model_copy(
            update={"columns": tuple(c.model_copy(update={"values": (), "samples": ()}) for c in table.columns)}
        )
        for table in context.tables
    )
    return context.model_copy(update={"tables": bare, "values": ()})


def answerable_prompt(question: Question, context: Context) -> list[BaseMessage]:
    """The messages that ask, with the same beginning, whether the tables can answer at all."""
    asked = f"{_earlier(question)}Question: {spoken(question.text)}"
    ask = f"{asked}\nCan this question be answered from these tables alone? Answer yes or no."
    return [SystemMessage(system_text(context)), HumanMessage(f"{schema_text(context)}\n\n{ask}")]


def resolve_prompt(text: str, last: Turn, context: Context, *, certain: bool) -> list[BaseMessage]:
    """The messages that ask, with the same beginning, for a message as one complete question; or NEW, where it may be one."""
    own = "" if certain else " If it is about something else, answer NEW."
    ask = (
        f"{_turn_text(last)}New message: {spoken(text)}\n"
        "Rewrite the new message as one complete question in its language. Keep every condition, group and measure of the earlier "
        f"question that the new message does not change.{own} Answer with the question alone.\nComplete question:"
    )
    return [SystemMessage(system_text(context)), HumanMessage(f"{schema_text(context)}\n\n{ask}")]


def repair_prompt(messages: list[BaseMessage], attempt: Attempt) -> list[BaseMessage]:
    """The messages for another draft, after one that failed: the draft and what is wrong with it."""
    said = QUOTED.sub(lambda m: "'…'" if is_instruction(m.group()) else m.group(), attempt.problem)
    said = "it fails." if is_instruction(said) else one_line(said, MAX_PROBLEM_CHARS)
    problem = f"That query is wrong: {said}\nWrite the corrected SQL for the same question, SQL alone."
    return [*messages, AIMessage(f"```sql\n{spoken(attempt.sql)}\n```"), HumanMessage(problem)]


def system_text(context: Context) -> str:
    """The rules, by dialect."""
    return RULES.format(engine=ENGINES.get(context.dialect, context.dialect))


def schema_text(context: Context) -> str:
    """The tables as CREATE TABLE statements, with keys, comments and example values; then what a semantic file says."""
    semantics = context.semantics
    tables = context.tables + (semantics.views if semantics else ())
    text = "\n\n".join(_table_text(table, context.dialect) for table in tables if all(map(is_safe_name, table.path)))
    said = semantic_text(semantics, context.tables) if semantics else ""
    return f"{text}\n\n{said}" if said else text


def question_text(question: Question, context: Context) -> str:
    """What belongs to this one question: earlier turns, stored values it mentions, the question."""
    lines = [_earlier(question).rstrip()] if question.history else []
    names = {table.name: table for table in context.tables}
    hints = [
        f"{quote((*names[m.table].path, m.column), context.dialect)} = {_literal(m.value)}"
        for m in context.values
        if m.table in names
        and all(map(is_safe_name, (*names[m.table].path, m.column)))
        and data(m.value, MAX_VALUE_CHARS)
    ]
    if hints:
        lines.append("Stored values the question mentions: " + "; ".join(hints))
    lines.append(f"Question: {spoken(question.text)}")
    return "\n".join(lines)


def _earlier(question: Question) -> str:
    turns = [turn for turn in question.history if not is_instruction(turn.question)]
    return "".join(map(_turn_text, turns[-2:]))


def _turn_text(turn: Turn) -> str:
    return f"Earlier question: {spoken(turn.question)}\nIts SQL: {spoken(turn.sql)}\n"


def _table_text(table: Table, dialect: str) -> str:
    lines = [_column_text(column, table, dialect) for column in table.columns if is_safe_name(column.name)]
    keys = [
        f"  FOREIGN KEY ({quote(k.columns[:1], dialect)}) REFERENCES "
        f"{quote((k.target_table,), dialect)}({quote(k.target_columns[:1], dialect)})"
        for k in table.foreign_keys
        if len(k.columns) == 1 and all(map(is_safe_name, (*k.columns, k.target_table, *k.target_columns)))
    ]
    about = data(table.comment, MAX_COMMENT_CHARS)
    comment = f" -- {about}" if about else ""
    return f"CREATE TABLE {quote(table.path, dialect)} ({comment}\n" + "\n".join(lines + keys) + "\n);"


def _column_text(column: Column, table: Table, dialect: str) -> str:
    text = f"  {quote((column.name,), dialect)} {type_text(column.type)}"
    if table.primary_key == (column.name,):
        text += " PRIMARY KEY"
    notes = [about] if (about := data(column.comment, MAX_COMMENT_CHARS)) else []
    if not _is_key(column, table):
        notes += _examples(column)
    return text + "," + (f" -- {'; '.join(notes)}" if notes else "")


def type_text(name: str) -> str:
    """A type as a prompt may show it: an ENUM without its labels, which are stored values, and what is nested in it only
    where it reads like names.

    >>> type_text("ENUM('sad', 'it''s')[]"), type_text("STRUCT(a INTEGER, b VARCHAR)")
    ('ENUM[]', 'STRUCT(a INTEGER, b VARCHAR)')
    """
    plain = LABELS.sub("ENUM", name)
    return data(plain, MAX_TYPE_CHARS) or one_line(plain.partition("(")[0], MAX_TYPE_CHARS)


def _examples(column: Column) -> list[str]:
    """A few stored values of a text column: numbers explain themselves."""
    if not column.type.upper().startswith(("VARCHAR", "TEXT", "STRING", "CHAR", "ENUM")):
        return []
    if column.values and len(column.values) <= MAX_SHOWN_VALUES:
        return ["values: " + ", ".join(_literal(v) for v in column.values if not is_instruction(v))]
    examples = [v for v in column.samples or column.values if v and not is_instruction(v)][:2]
    return ["e.g. " + ", ".join(_literal(v) for v in examples)] if examples else []


def _is_key(column: Column, table: Table) -> bool:
    return column.name in table.primary_key or any(column.name in key.columns for key in table.foreign_keys)


def _literal(value: str) -> str:
    return "'" + one_line(value, MAX_VALUE_CHARS).replace("'", "''") + "'"
