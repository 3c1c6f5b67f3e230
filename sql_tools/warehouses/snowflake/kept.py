"""A Snowflake catalog kept on disk between runs: one file for each account, user, role and choice of schemas.

So nothing that one role may see is ever read by another. Each schema is written in one transaction, so that indexing
that was killed goes on where it stopped. The file is readable by its owner alone; it holds names, comments and, unless
sampling is off, a few stored values.
"""

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sql_tools.models import Table

VERSION = 1
BUSY_SECONDS = 30.0
TABLES = """CREATE TABLE IF NOT EXISTS tables (database TEXT, schema TEXT, name TEXT, last_altered TEXT, bytes INTEGER,
    is_view INTEGER, sampled INTEGER, body TEXT, PRIMARY KEY (database, schema, name)) WITHOUT ROWID"""
CHOICES = "CREATE TABLE IF NOT EXISTS choices (wanted TEXT PRIMARY KEY, chosen TEXT, read_at REAL)"
SCHEMAS = (
    "CREATE TABLE IF NOT EXISTS schemas (database TEXT, schema TEXT, read_at REAL, PRIMARY KEY (database, schema))"
)

Schema = tuple[str, str]


class KeptCatalog:
    """The file at `path`, or memory alone if that is None. Not shared between threads."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            _make_private(path)
        self._file = sqlite3.connect(path or ":memory:", timeout=BUSY_SECONDS, check_same_thread=False)
        self._file.execute(TABLES)
        self._file.execute(SCHEMAS)
        self._file.execute(CHOICES)

    def chosen(self, wanted: str, *, max_age_seconds: float) -> list[Schema] | None:
        """The schemas that this choice meant when last asked; None if that is too long ago."""
        row = self._file.execute("SELECT chosen, read_at FROM choices WHERE wanted = ?", (wanted,)).fetchone()
        if row is None or time.time() - row[1] >= max_age_seconds:
            return None
        return [(database, name) for database, name in json.loads(row[0])]

    def choose(self, wanted: str, schemas: Sequence[Schema]) -> None:
        """Remember what this choice means."""
        with self._file:
            self._file.execute(
                "INSERT OR REPLACE INTO choices VALUES (?, ?, ?)", (wanted, json.dumps(schemas), time.time())
            )

    def age_seconds(self, schema: Schema) -> float | None:
        """How long ago the schema was looked at; None if never, or not to its end."""
        row = self._file.execute("SELECT read_at FROM schemas WHERE database = ? AND schema = ?", schema).fetchone()
        return None if row is None else max(0.0, time.time() - row[0])

    def altered(self, schema: Schema) -> dict[str, str]:
        """When each kept table of the schema was last altered, by name."""
        return dict(
            self._file.execute("SELECT name, last_altered FROM tables WHERE database = ? AND schema = ?", schema)
        )

    def write(self, schema: Schema, tables: Iterable[tuple[Table, str, int, bool]]) -> None:
        """Keep these tables (with LAST_ALTERED, bytes, whether a view), in place of what was kept of them."""
        with self._file:
            self._file.executemany(
                "INSERT OR REPLACE INTO tables VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
                (
                    (*schema, t.name, altered, size, view, t.model_dump_json(exclude_defaults=True))
                    for t, altered, size, view in tables
                ),
            )

    def finish(self, schema: Schema, *, gone: Iterable[str]) -> None:
        """The schema has been read to its end; tables that are gone are forgotten."""
        with self._file:
            self._file.executemany(
                "DELETE FROM tables WHERE database = ? AND schema = ? AND name = ?", [(*schema, name) for name in gone]
            )
            self._file.execute("INSERT OR REPLACE INTO schemas VALUES (?, ?, ?)", (*schema, time.time()))

    def unsampled(self, schemas: Sequence[Schema]) -> list[tuple[Table, int, bool]]:
        """Tables whose values have not been looked at, with bytes and whether it is a view; small ones first."""
        chosen = set(schemas)
        rows = self._file.execute(
            "SELECT database, schema, bytes, is_view, body FROM tables WHERE NOT sampled ORDER BY is_view, bytes, name"
        )
        return [(Table.model_validate_json(r[4]), r[2], bool(r[3])) for r in rows if (r[0], r[1]) in chosen]

    def write_sampled(self, table: Table) -> None:
        """Keep the table with its values."""
        key = (table.database, table.schema_name, table.name)
        with self._file:
            self._file.execute(
                "UPDATE tables SET sampled = 1, body = ? WHERE database = ? AND schema = ? AND name = ?",
                (table.model_dump_json(exclude_defaults=True), *key),
            )

    def postpone_sampling(self) -> None:
        """Leave the tables not looked into yet for a later refresh."""
        with self._file:
            self._file.execute("UPDATE tables SET sampled = 2 WHERE sampled = 0")

    def resume_sampling(self) -> None:
        """Look into those that were postponed."""
        with self._file:
            self._file.execute("UPDATE tables SET sampled = 0 WHERE sampled = 2")

    def tables(self, schemas: Sequence[Schema]) -> tuple[Table, ...]:
        """All kept tables of these schemas, by database, schema and name."""
        found: list[Table] = []
        for schema in sorted(schemas):
            rows = self._file.execute(
                "SELECT body FROM tables WHERE database = ? AND schema = ? ORDER BY name", schema
            ).fetchall()
            found += [Table.model_validate_json(row[0]) for row in rows]
        return tuple(found)

    def dump(self) -> list[tuple[Any, ...]]:
        """All kept tables as plain rows, for `fill`."""
        return self._file.execute("SELECT * FROM tables").fetchall()

    def fill(self, rows: Iterable[Sequence[Any]]) -> None:
        """Take over what `dump` gave; ValueError if it is nothing of the kind. No schema counts as looked at by that."""
        good = [tuple(row) for row in rows]
        for row in good:
            if len(row) != 8 or Table.model_validate_json(row[7]).name != row[2]:
                raise ValueError("not a kept catalog")
        with self._file:
            self._file.executemany("INSERT OR REPLACE INTO tables VALUES (?, ?, ?, ?, ?, ?, ?, ?)", good)

    def close(self) -> None:
        self._file.close()


def kept_path(cache: Path, *who: str) -> Path:
    """The file for an account, user, role and choice of schemas; its name tells none of them."""
    key = hashlib.sha256(json.dumps([VERSION, *who]).encode()).hexdigest()[:32]
    return cache / "snowflake" / f"{key}.db"


def _make_private(path: Path) -> None:
    """The folder and an empty file that only their owner may read; SQLite gives its journal the file's own mode."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    os.chmod(path, 0o600)
