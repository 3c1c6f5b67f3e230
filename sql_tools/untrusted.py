"""Texts of others (names, comments, stored values, earlier questions) made harmless before a model reads them.

They stay on one line, within a length, without control or invisible characters, without the marks by which chat models
tell who speaks. What looks like an instruction to a model is left out altogether, and `flagged` says so. A list of
patterns cannot know every attack: whatever a model is talked into writing still meets the checks and the engine.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from sql_tools.errors import CopilotError
from sql_tools.models import Column, Table

MAX_NAME_CHARS = 200
MAX_WATCHED_CHARS = 500
MAX_WATCHED_VALUES = 20
IN_QUOTES = re.compile(r"'(?:[^']|'')*(?:'|\Z)")
SPEAKER = re.compile(
    r"<\s*\|[^|>]{0,40}\|\s*>|<｜[^｜>]{0,40}｜>|\[\s*/?\s*INST\s*\]|<<\s*/?\s*SYS\s*>>|</?s>|</?(?:think|tool_call)>"
    r"|<(?:start|end)_of_turn>|```|~~~",
    re.IGNORECASE,
)
ORDERS = re.compile(
    r"""
    \b(?:ignor\w*|disregard\w*|forget\w*|overrid\w*|bypass\w*|skip)\b.{0,40}
        \b(?:instruct\w*|rules?|prompts?|guidelines?|previous|prior|above|earlier|safety|restrictions?|context)\b
    | \b(?:new|updated|real|actual|following|secret|hidden|these)\ instructions?\b
    | \binstructions?\s*:
    | \bsystem\s*(?:prompt|message|note|override)\b
    | \b(?:you\ are\ now|from\ now\ on|act\ as\ (?:an?|the)|pretend\ (?:to|you)|you\ (?:must|should|can|may)\ (?:now|always|only|not|never|first|run|execute|perform|write|return|answer|output|respond))\b
    | \b(?:as|dear)\ an?\ (?:ai|llm|language\ model|assistant)\b
    | \b(?:note|message|attention)\ to\ (?:the\ )?(?:ai|llm|model|assistant|copilot)\b
    | \b(?:ai|llm|model|assistant|copilot)s?\ (?:must|should|has\ to|shall|will\ now)\b
    | \b(?:respond|reply|answer|output|print|return)\ (?:only\ |always\ |with\ |exactly\ )+(?:with\ )?['"“a-z]
    | \b(?:do\ not|don't|never)\ (?:tell|reveal|mention|disclose|show)\b
    | \b(?:reveal|repeat|print|show|leak|send)\b.{0,30}\b(?:prompt|secrets?|passwords?|credentials?|api\ keys?)\b
    | \b(?:final\ answer|thought|observation|action\ input|sqlquery|sqlresult|assistant|system|human)\s*:
    | \b(?:drop|truncate|alter|create)\ (?:table|schema|database|view|user|role)\b
    | \bdelete\ from\ \w | \binsert\ into\ \w | \bupdate\ \w+\ set\b | \bcopy\b.{0,60}\bto\ (?:program|'|stdout)
    | \b(?:administrator|admin|developer|dba)\b.{0,30}\b(?:instructed|authori[sz]ed|permission|approved|allows?)\b
    | \bgrant\w*\b.{0,20}\bpermissions?\b.{0,10}\bto\b
    | (?:以前|前|上記|これまで)の(?:指示|命令|ルール|規則).{0,10}(?:無視|忘れ)
    | (?:指示|命令|ルール)を(?:無視|忘れ)
    | 忽略.{0,10}(?:指令|指示|规则|說明|说明)
    | ignor(?:iere|ez|a|e)\b.{0,30}\b(?:anweisung\w*|instruc\w*|regel\w*|consign\w*)
    """,
    re.IGNORECASE | re.VERBOSE,
)


def one_line(text: str, limit: int) -> str:
    """The text without line breaks, control and invisible characters and speaker marks, at most `limit` characters."""
    line = " ".join("".join(c if c.isprintable() else " " if c.isspace() or c < " " else "" for c in text).split())
    line = SPEAKER.sub(" ", line) if SPEAKER.search(line) else line
    return line if len(line) <= limit else line[: limit - 1] + "…"


def data(text: str, limit: int) -> str:
    """The text as a prompt may show it, `limit` below 500 characters; nothing where it looks like an instruction."""
    return "" if is_instruction(text) else one_line(text, limit)


def shareable(error: CopilotError) -> str:
    """What was wrong, for a model that may not see stored values: a fixed sentence where an engine spoke, else our own words
    with every text in quotes blanked."""
    return error.without_values or IN_QUOTES.sub("'…'", error.message)


def spoken(text: str) -> str:
    """What a person wrote, lines kept, without control characters and the marks of another speaker."""
    plain = "".join(c for c in text if c.isprintable() or c in "\n\t ")
    return SPEAKER.sub(" ", plain) if SPEAKER.search(plain) else plain


@lru_cache(maxsize=100_000)
def is_instruction(text: str) -> bool:
    """Does it speak to a model rather than describe data? Look-alike letters and invisible characters do not hide that.

    Only the beginning is looked at: no more than that is ever shown.
    """
    text = text[:MAX_WATCHED_CHARS]
    if text.isascii():
        return bool(SPEAKER.search(text) or ORDERS.search(_words(text)))
    plain = unicodedata.normalize("NFKC", text)
    folded = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    return bool(SPEAKER.search(plain) or ORDERS.search(_words(folded).translate(LOOKALIKES)) or ORDERS.search(plain))


def _words(text: str) -> str:
    """Words one blank apart, without invisible characters."""
    visible = (" " if c.isspace() or c == "_" else c for c in text if c.isprintable() or c.isspace())
    return " ".join("".join(visible).split())


LOOKALIKES = str.maketrans("аеіорсухАВЕІКМНОРСТХοΙΑ", "aeiopcyxABEIKMHOPCTXoIA")  # Cyrillic and Greek to Latin


def is_safe_name(name: str) -> bool:
    """May a table or column of this name be shown? One line, short, and no instruction."""
    return len(name) <= MAX_NAME_CHARS and name.isprintable() and not is_instruction(name)


def flagged(tables: tuple[Table, ...]) -> tuple[str, ...]:
    """One sentence for each name, comment and shown value that no model is shown."""
    return tuple(
        f"{what} of {where} looks like an instruction to a model, so no model is shown it."
        for table in tables
        for what, where in _suspects(table)
    )


def _suspects(table: Table) -> Iterator[tuple[str, str]]:
    name = one_line(table.name, 60)
    if not all(map(is_safe_name, table.path)):
        yield "The name", f"table {name}"
    if is_instruction(table.comment):
        yield "The comment", f"table {name}"
    for column in table.columns:
        yield from _column_suspects(column, f"{name}.{one_line(column.name, 60)}")


def _column_suspects(column: Column, where: str) -> Iterator[tuple[str, str]]:
    if not is_safe_name(column.name):
        yield "The name", where
    if is_instruction(column.comment):
        yield "The comment", where
    if any(is_instruction(value) for value in (column.values or column.samples)[:MAX_WATCHED_VALUES]):
        yield "A stored value", where
