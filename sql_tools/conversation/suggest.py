"""Sample questions read off a schema, so that an empty chat shows what can be asked; pure.

Each pattern looks for the one thing it needs (a column of few values, an amount, a date, a key to another table) and
is left out where there is none. Tables of things (one key column) come before those that link them, larger ones first.
"""

import re
from collections.abc import Callable, Sequence

from sql_tools.conversation.column_roles import classify
from sql_tools.conversation.languages import Language
from sql_tools.models import Column, Semantics, Table

AMOUNT_TYPE = re.compile(r"DECIMAL|NUMERIC|NUMBER|DOUBLE|FLOAT|REAL|INT", re.IGNORECASE)
TIME_TYPE = re.compile(r"DATE|TIMESTAMP", re.IGNORECASE)
TEXT_TYPE = re.compile(r"CHAR|TEXT|STRING", re.IGNORECASE)
GROUPS = range(2, 31)
ASKED: dict[str, dict[Language, str]] = {
    "many": {"en": "How many {rows} are there?", "ja": "{rows}は何件ありますか？", "de": "Wie viele {rows} gibt es?"},
    "each": {
        "en": "How many {rows} are there for each {column}?",
        "ja": "{column}ごとの{rows}の件数は？",
        "de": "Wie viele {rows} gibt es je {column}?",
    },
    "year": {
        "en": "How many {rows} are there per year, by {column}?",
        "ja": "{column}の年ごとの{rows}の件数は？",
        "de": "Wie viele {rows} gibt es pro Jahr, nach {column}?",
    },
    "top": {
        "en": "Which 5 {rows} have the highest {column}?",
        "ja": "{column}が高い上位5件の{rows}は？",
        "de": "Welche 5 {rows} haben das höchste {column}?",
    },
}


def onboarding_questions(semantics: Semantics | None) -> tuple[str, ...]:
    """The verified questions that a semantic file puts before newcomers."""
    return tuple(query.question for query in semantics.verified if query.onboarding) if semantics else ()


def suggest_questions(
    tables: Sequence[Table], *, count: int = 4, first: tuple[str, ...] = (), language: Language = "en"
) -> tuple[str, ...]:
    """At most `count` questions the schema can answer: those given `first`, then each of another kind where it can be."""
    by_size = sorted(tables, key=lambda table: (len(table.primary_key) > 1, -(table.row_count or 0)))
    patterns: tuple[Callable[[Table, Language], str | None], ...] = (_per_group, _per_year, _top, _how_many)
    firsts = [next(filter(None, (pattern(table, language) for table in by_size)), None) for pattern in patterns]
    questions = [*first, *(question for question in firsts if question)]
    questions += [
        question for table in by_size if (question := _how_many(table, language)) and question not in questions
    ]
    return tuple(questions[:count])


def _how_many(table: Table, language: Language) -> str | None:
    return _asked("many", language, table)


def _per_group(table: Table, language: Language) -> str | None:
    column = next((one for one in table.columns if _is_group(table, one)), None)
    return _asked("each", language, table, column) if column else None


def _per_year(table: Table, language: Language) -> str | None:
    column = next((one for one in table.columns if TIME_TYPE.match(one.type)), None)
    return _asked("year", language, table, column) if column else None


def _top(table: Table, language: Language) -> str | None:
    """Only where a row has a name to be listed by."""
    named = next((one for one in table.columns if TEXT_TYPE.search(one.type) and _words(table, one) == "name"), None)
    amounts = [one for one in table.columns if _is_amount(table, one)]
    amount = next((one for one in amounts if not one.type.upper().startswith("INT")), next(iter(amounts), None))
    return _asked("top", language, table, amount) if named and amount else None


def _asked(what: str, language: Language, table: Table, column: Column | None = None) -> str:
    """In other languages than English names stand as they are: their plurals are not ours to make."""
    rows = _rows(table) if language == "en" else table.name
    shown = (_words(table, column) if language == "en" else column.name) if column else ""
    return ASKED[what][language].format(rows=rows, column=shown)


def _is_group(table: Table, column: Column) -> bool:
    return len(column.values) in GROUPS and not _is_key(table, column) and not TIME_TYPE.match(column.type)


def _is_amount(table: Table, column: Column) -> bool:
    return bool(AMOUNT_TYPE.match(column.type)) and not _is_key(table, column)


def _is_key(table: Table, column: Column) -> bool:
    keys = {*table.primary_key, *(name for key in table.foreign_keys for name in key.columns)}
    return column.name in keys or classify(column.name, (0,)).role == "key"


def _rows(table: Table) -> str:
    """What the table's rows are called, as in "customers"."""
    words = _spaced(table.name)
    if words.endswith("s"):
        return words
    return (
        f"{words[:-1]}ies"
        if re.search(r"[^aeiou]y$", words)
        else f"{words}{'es' if words.endswith(('x', 'ch')) else 's'}"
    )


def _words(table: Table, column: Column) -> str:
    """The column's name as words, without a prefix that all columns of the table share, as O_ in ORDERS."""
    prefix = _shared_prefix([one.name for one in table.columns])
    words = _spaced(column.name[len(prefix) :])
    singular = _spaced(table.name).removesuffix("s")
    return (
        f"{singular} {words.removeprefix(singular)}"
        if words.startswith(singular)
        and not words.removeprefix(singular).startswith(("ed ", "ed", "s "))
        and words != singular
        else words
    )


def _shared_prefix(names: Sequence[str]) -> str:
    head = names[0].split("_")[0] + "_" if names and "_" in names[0] else ""
    return head if len(names) > 1 and head and all(name.startswith(head) for name in names) else ""


def _spaced(name: str) -> str:
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return " ".join(re.split(r"[_\s]+", parted)).strip().lower()
