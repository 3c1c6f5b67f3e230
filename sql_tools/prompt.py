"""Question, Context -> messages: the only file with prompt text.

What never changes comes first (rules, then tables in canonical order), the question last, so that a served model
computes the prefix once a schema.
"""

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from sql_tools.identifiers import quote
from sql_tools.models import Attempt, Column, Context, Question, Table

MAX_SHOWN_VALUES = 8
MAX_COMMENT_CHARS = 120
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
    asked = f"{_earlier(question)}Question: {question.text}"
    ask = f"{asked}\nCan this question be answered from these tables alone? Answer yes or no."
    return [SystemMessage(system_text(context)), HumanMessage(f"{schema_text(context)}\n\n{ask}")]


def repair_prompt(messages: list[BaseMessage], attempt: Attempt) -> list[BaseMessage]:
    """The messages for another draft, after one that failed: the draft and what is wrong with it."""
    problem = f"That query is wrong: {attempt.problem}\nWrite the corrected SQL for the same question, SQL alone."
    return [*messages, AIMessage(f"```sql\n{attempt.sql}\n```"), HumanMessage(problem)]


def system_text(context: Context) -> str:
    """The rules, by dialect."""
    return RULES.format(engine=ENGINES.get(context.dialect, context.dialect))


def schema_text(context: Context) -> str:
    """The tables as CREATE TABLE statements, with keys, comments and example values."""
    return "\n\n".join(_table_text(table, context.dialect) for table in context.tables)


def question_text(question: Question, context: Context) -> str:
    """What belongs to this one question: earlier turns, stored values it mentions, the question."""
    lines = [_earlier(question).rstrip()] if question.history else []
    names = {table.name: table for table in context.tables}
    hints = [
        f"{quote((*names[m.table].path, m.column), context.dialect)} = {_literal(m.value)}"
        for m in context.values
        if m.table in names
    ]
    if hints:
        lines.append("Stored values the question mentions: " + "; ".join(hints))
    lines.append(f"Question: {question.text}")
    return "\n".join(lines)


def _earlier(question: Question) -> str:
    return "".join(f"Earlier question: {turn.question}\nIts SQL: {turn.sql}\n" for turn in question.history[-2:])


def _table_text(table: Table, dialect: str) -> str:
    lines = [_column_text(column, table, dialect) for column in table.columns]
    keys = [
        f"  FOREIGN KEY ({quote(k.columns[:1], dialect)}) REFERENCES "
        f"{quote((k.target_table,), dialect)}({quote(k.target_columns[:1], dialect)})"
        for k in table.foreign_keys
        if len(k.columns) == 1
    ]
    comment = f" -- {_short(table.comment)}" if table.comment else ""
    return f"CREATE TABLE {quote(table.path, dialect)} ({comment}\n" + "\n".join(lines + keys) + "\n);"


def _column_text(column: Column, table: Table, dialect: str) -> str:
    text = f"  {quote((column.name,), dialect)} {column.type}"
    if table.primary_key == (column.name,):
        text += " PRIMARY KEY"
    notes = [_short(column.comment)] if column.comment else []
    if not _is_key(column, table):
        notes += _examples(column)
    return text + "," + (f" -- {'; '.join(notes)}" if notes else "")


def _examples(column: Column) -> list[str]:
    """A few stored values of a text column: numbers explain themselves."""
    if not column.type.upper().startswith(("VARCHAR", "TEXT", "STRING", "CHAR", "ENUM")):
        return []
    if column.values and len(column.values) <= MAX_SHOWN_VALUES:
        return ["values: " + ", ".join(_literal(v) for v in column.values)]
    examples = [v for v in column.samples or column.values if v][:2]
    return ["e.g. " + ", ".join(_literal(v) for v in examples)] if examples else []


def _is_key(column: Column, table: Table) -> bool:
    return column.name in table.primary_key or any(column.name in key.columns for key in table.foreign_keys)


def _literal(value: str) -> str:
    return "'" + _short(value, 40).replace("'", "''") + "'"


def _short(text: str, limit: int = MAX_COMMENT_CHARS) -> str:
    """One line, no control characters, capped: names, comments and values are data and must not break out."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
