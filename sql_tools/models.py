"""The nouns: a few frozen models that carry everything from question to answer."""

from collections.abc import Callable
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

Status = Literal["answered", "clarify", "abstained", "refused", "failed"]
Intent = Literal["question", "follow_up", "new_topic", "about_answer", "explain", "help", "vague"]
Outcome = Literal["passed", "warned", "not_checked"]
Stage = Literal["retrieve", "judge", "generate", "validate", "repair", "execute", "answer"]
OnStage = Callable[[Stage, str], None]


class Record(BaseModel):
    """Immutable, and strict about its fields; tuples inside, so it hashes and compares."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Itself, since nothing in it changes: trees carry catalog entries, and are copied often."""
        return self


class Turn(Record):
    """An earlier question of the same chat, in full, and the SQL that answered it; further what its answer showed: the columns,
    how many rows, and a few of them where the model may see values."""

    question: str
    sql: str
    columns: tuple[str, ...] = ()
    row_count: int | None = None
    rows: tuple[tuple[str, ...], ...] = ()


class Question(Record):
    """What was asked, with the turns before it, oldest first."""

    text: str
    history: tuple[Turn, ...] = ()


class ForeignKey(Record):
    """`columns` of this table refer, in order, to `target_columns` of `target_table` (same schema if unqualified)."""

    columns: tuple[str, ...]
    target_table: str
    target_columns: tuple[str, ...]
    declared: bool = True


class Column(Record):
    """One column. `values` holds the distinct values when there are few; `samples` a few of them otherwise.

    `values_are_all`: no row holds another one, as long as the warehouse is open. Elsewhere they were all when they were
    read, or are those of the first rows: good for a prompt, but nothing acts on them."""

    name: str
    type: str
    comment: str = ""
    values: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    values_are_all: bool = False


class Table(Record):
    """One table as the prompt sees it. `in_default_schema` means SQL may name it without its schema,
    `in_default_database` without its database. `terms` are further words that questions call it by."""

    database: str = ""
    schema_name: str  # `schema` would shadow a pydantic attribute
    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    comment: str = ""
    row_count: int | None = None
    in_default_schema: bool = True
    in_default_database: bool = True
    terms: tuple[str, ...] = ()

    @property
    def path(self) -> tuple[str, ...]:
        """The shortest name SQL may use, as unquoted parts."""
        if not self.in_default_database:
            return (self.database, self.schema_name, self.name)
        return (self.name,) if self.in_default_schema else (self.schema_name, self.name)


class ValueMatch(Record):
    """A piece of the question found in the data: `text` as asked, `value` as stored."""

    text: str
    table: str
    column: str
    value: str


class Definition(Record):
    """A name whose meaning its owner wrote down, with its SQL. In `sql` columns are `table.column` by the file's table
    names; `shown` is the same as a model reads it, empty where a column's comment says it all. `home` is the file's
    table it belongs to, empty for one of the whole file."""

    kind: Literal["metric", "filter", "expression"]
    name: str
    sql: str
    shown: str = ""
    home: str = ""
    tables: tuple[str, ...] = ()  # stored names of all it reads
    synonyms: tuple[str, ...] = ()
    description: str = ""


class Verified(Record):
    """A question and the SQL a person vouches for; `by` and `on` (a date) are empty where the file does not say."""

    question: str
    sql: str
    by: str = ""
    on: str = ""
    onboarding: bool = False


class Semantics(Record):
    """What a semantic file says about the tables that the asker may read; nothing of others is in it.

    `names` pairs the file's table names with stored ones; `queries` those that are a query with its SQL, and `views`
    shows these as tables."""

    source: str
    names: tuple[tuple[str, str], ...] = ()
    queries: tuple[tuple[str, str], ...] = ()
    views: tuple[Table, ...] = ()
    definitions: tuple[Definition, ...] = ()
    verified: tuple[Verified, ...] = ()
    instructions: str = ""


class ReadLimits(Record):
    """What a read may do beyond the list: functions by lower-case full name, the engine's own views, rows multiplied."""

    allowed_functions: tuple[str, ...] = ()
    system_tables: bool = False
    max_join_rows: int = 100_000_000


class Context(Record):
    """What the model and the checks may know for one question. `tables` are shown to the model; `catalog` is everything
    the asker may read, against which names are bound; both in canonical order. `question` is empty where SQL is checked
    that nobody asked for in words."""

    dialect: str
    question: str = ""
    tables: tuple[Table, ...]
    catalog: tuple[Table, ...]
    values: tuple[ValueMatch, ...] = ()
    limits: ReadLimits = ReadLimits()
    semantics: Semantics | None = None


class DraftSQL(Record):
    """SQL as a model or a user wrote it: not to be trusted."""

    text: str
    dialect: str


class Check(Record):
    """One rule's or diagnostic's verdict. `detail` says what was looked at, what is odd, or what could not be looked at.

    `passed` says the same as `outcome`, as in version 1 of the contract; it goes with the next release."""

    name: str
    outcome: Outcome
    detail: str = ""
    passed: bool = False

    @model_validator(mode="before")
    @classmethod
    def _say_it_both_ways(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        outcome = given.get("outcome") or ("passed" if given.get("passed") else "warned")
        return {**given, "outcome": outcome, "passed": outcome == "passed"}


class Change(Record):
    """What a repair did to a draft: a piece of its SQL before and after, and why it may be read so."""

    rule: str
    before: str
    after: str
    why: str


class ValidSQL(Record):
    """SQL that passed every rule; only `validate` builds one."""

    text: str
    dialect: str
    checks: tuple[Check, ...]
    changes: tuple[Change, ...] = ()


class ResultColumn(Record):
    """Name and engine type of one output column."""

    name: str
    type: str


class QueryResult(Record):
    """Rows in the engine's Python types, at most the row cap; `truncated` says there were more."""

    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool = False
    seconds: float = 0.0
    query_id: str = ""


class Attempt(Record):
    """A draft and the problem found in it; empty when it passed."""

    sql: str
    problem: str = ""


class SourceColumn(Record):
    """Where an output's values come from; column `*` stands for the table's rows, which are counted."""

    table: str
    column: str


class OutputColumn(Record):
    """One column of the result: its SQL, and every stored column that its values are made of.

    `complete` is false where something in it could not be followed to what is stored."""

    name: str
    expression: str
    sources: tuple[SourceColumn, ...] = ()
    complete: bool = True


class TableUsed(Record):
    """A stored table the query reads, and its rows when the catalog was read; None if nobody counted."""

    name: str
    row_count: int | None = None


class KeyPair(Record):
    """Two columns that a join equates."""

    left: str
    right: str


class JoinUsed(Record):
    """One join. `key` says who vouches for it: the schema, the data and the names, or nobody.

    `left_unique`: no two rows of the table stored there share their side of the key. Rows are counted before and after this join,
    without the filters that follow; None where it was not found out in time."""

    left: str
    right: str
    kind: str
    condition: str = ""
    keys: tuple[KeyPair, ...] = ()
    key: Literal["declared", "inferred", "none"] = "none"
    left_unique: bool | None = None
    right_unique: bool | None = None
    rows_before: int | None = None
    rows_after: int | None = None


class Proof(Record):
    """Why a number can be trusted, and all that is needed to run it again. Hashes are SHA-256 in hex.

    `catalog_hash` covers names, types and declared keys, in any order; `rows_hash` the rows, in any order unless the
    query orders them. `weights` is empty where the model runs elsewhere. `time` is UTC."""

    reading: str
    columns: tuple[OutputColumn, ...]
    tables: tuple[TableUsed, ...]
    joins: tuple[JoinUsed, ...]
    filters: tuple[str, ...]
    dialect: str
    sql: str
    sql_hash: str
    warehouse: str
    role: str
    query_id: str
    model: str
    weights: str
    prompt_hash: str
    catalog_hash: str
    rows_hash: str
    time: str
    checks: tuple[Check, ...]


class Chart(Record):
    """The chart that was asked for, by the names of columns; `series` is the column that splits it, or empty."""

    type: Literal["bar", "line", "pie", "scatter"]
    x: str
    y: str
    series: str = ""


class Answer(Record):
    """The outcome of one question: the JSON contract of `ask --json`, field for field."""

    version: Literal[2] = 2
    status: Status
    question: str
    sql: str = ""
    dialect: str = ""
    columns: tuple[ResultColumn, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    row_count: int = 0
    truncated: bool = False
    checks: tuple[Check, ...] = ()
    changes: tuple[Change, ...] = ()
    message: str = ""
    attempts: tuple[Attempt, ...] = ()
    model: str = ""
    timings: dict[str, float] = {}
    proof: Proof | None = None
    intent: Intent = "question"
    resolved_question: str = ""  # a follow-up as a question of its own
    dropped: tuple[str, ...] = ()  # conditions of the answer above that this one no longer asks for, in words
    chart: Chart | None = None
    suggestions: tuple[str, ...] = ()  # questions in full that may be asked next
    rewritten: str = ""  # offered where a check found rows counted twice: the same question, each row counted once
