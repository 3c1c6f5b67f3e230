"""The reference side of an evaluation: a benchmark's own SQL, run on SQLite as its authors ran it."""

import sqlite3
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

STEPS_BETWEEN_LOOKS = 10_000  # SQLite instructions, well under a millisecond


class GoldError(Exception):
    """The reference SQL did not run, so that its question cannot be scored; never reaches a user."""


def run_gold(database: Path, sql: str, *, timeout_seconds: float) -> list[tuple[Any, ...]]:
    """All rows of the reference SQL on a SQLite file, opened read-only; text that is not UTF-8 loses the bad bytes.

    GoldError says why there are none.
    """
    deadline = time.monotonic() + timeout_seconds
    try:
        connection = sqlite3.connect(f"file:{quote(str(database.resolve()))}?mode=ro", uri=True)
        try:
            connection.text_factory = lambda raw: raw.decode(errors="ignore")
            connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS_BETWEEN_LOOKS)
            return connection.execute(sql).fetchall()
        finally:
            connection.close()
    except (sqlite3.Error, sqlite3.Warning) as error:
        late = time.monotonic() > deadline
        raise GoldError(f"it ran longer than {timeout_seconds:g} s" if late else str(error)) from error


def is_ordered(sql: str) -> bool:
    """Whether the outermost query has an ORDER BY; one inside a subquery orders nothing."""
    try:
        tree = sqlglot.parse_one(sql, dialect="sqlite")
    except SqlglotError:
        return "order by" in sql.lower()
    while isinstance(tree, exp.Subquery | exp.Paren):
        tree = tree.this
    return tree.args.get("order") is not None
