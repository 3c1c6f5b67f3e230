"""A large account's catalog: what indexing it takes, whether it goes on after a kill, and how well and fast tables are found.

    .venv/bin/python tests/bench/catalog_scale.py FOLDER

FOLDER holds Spider 2.0-Snow's `schemas.jsonl.gz` (a table a line), `questions.jsonl` and `gold_tables.jsonl` (MIT,
xlang-ai/Spider2). The indexer is the product's; the account's answers are played from the file, so nothing of a network
or of Snowflake's own time is in the figures. `one database` ranks among the question's own database, as a connection that
names it would; `whole account` among everything at once. Half of these questions are of the databases that the ranking's
weights were chosen on: tests/bench/ranking_choice.py tells the halves apart.
"""

import gzip
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recall import catalog, find, tell, within
from retrieval_sets import snow_questions

from sql_tools.models import Table
from sql_tools.settings import Settings
from sql_tools.warehouses.snowflake.catalog import Place
from sql_tools.warehouses.snowflake.index import SnowflakeIndex
from sql_tools.warehouses.snowflake.kept import KeptCatalog

KILL_BYTES = 50 * 10**6  # kept by then
FROM = re.compile(r'FROM "([^"]+)"\.INFORMATION_SCHEMA\.(TABLES|COLUMNS) WHERE TABLE_SCHEMA = \'([^\']+)\'')
NAMES = re.compile(r"TABLE_NAME IN \((.*?)\) ORDER", re.DOTALL)
SHOW = re.compile(r'SHOW (SCHEMAS|PRIMARY KEYS|IMPORTED KEYS) IN (?:DATABASE|SCHEMA) "([^"]+)"')

Row = dict[str, Any]


class Account:
    """Answers the catalog's statements from the file; counts them."""

    def __init__(self, folder: Path, *, seconds_a_statement: float = 0.0) -> None:
        self.statements, self.pause = 0, seconds_a_statement
        self.schemas: dict[tuple[str, str], dict[str, list[list[str]]]] = defaultdict(dict)
        with gzip.open(folder / "schemas.jsonl.gz", "rt", encoding="utf-8") as lines:
            for line in lines:
                table = json.loads(line)
                name = table["table"].split(".", 1)[-1]
                self.schemas[table["db"], table["schema"]][name] = table["columns"]

    def ask(self, sql: str) -> list[Row]:
        self.statements += 1
        time.sleep(self.pause)
        if shown := SHOW.match(sql):
            kind, database = shown.groups()
            return [{"name": s} for d, s in self.schemas if d == database] if kind == "SCHEMAS" else []
        found = FROM.search(sql)
        assert found, sql
        tables = self.schemas[found[1], found[3]]
        wanted = NAMES.search(sql)
        names = re.findall(r"'((?:[^']|'')*)'", wanted[1]) if wanted else list(tables)
        return list(_listed(tables)) if found[2] == "TABLES" else list(_columns(tables, names))


def _listed(tables: dict[str, list[list[str]]]) -> Iterator[Row]:
    for name in sorted(tables):
        yield {"table_name": name, "table_type": "BASE TABLE", "row_count": None, "bytes": 0, "comment": "",
               "last_altered": "2024-01-01 00:00:00"}  # fmt: skip


def _columns(tables: dict[str, list[list[str]]], names: list[str]) -> Iterator[Row]:
    for name in names:
        for column in tables[name]:
            yield {"table_name": name, "column_name": column[0], "data_type": column[1], "numeric_scale": 0,
                   "numeric_precision": 38, "comment": column[2] if len(column) > 2 else ""}  # fmt: skip


def index(account: Account, file: Path) -> tuple[Table, ...]:
    """Read the whole account into the file, as the warehouse does; `account.statements` counts from here."""
    account.statements = 0
    wanted = ",".join(dict.fromkeys(f'"{database}"' for database, _ in account.schemas))
    settings = Settings(snowflake_schemas=wanted, sample_seconds=0)
    kept = KeptCatalog(file)
    reader = SnowflakeIndex(account.ask, lambda sql, rows: None, kept, settings, Place("", ""))  # type: ignore[arg-type,return-value]
    tables = reader.read(lambda what, share: None)
    kept.close()
    return tables


def indexing(account: Account, file: Path) -> tuple[Table, ...]:
    """Time, memory and size of a first run, and of a second that finds all fresh."""
    before, started = _megabytes(), time.perf_counter()
    tables = index(account, file)
    taken, columns = time.perf_counter() - started, sum(len(table.columns) for table in tables)
    print(f"indexed {len(tables):,} tables, {columns:,} columns of {len(account.schemas)} schemas in {taken:.1f} s, "
          f"{account.statements} statements")  # fmt: skip
    print(
        f"memory {before} MB with the account's answers, {_megabytes()} MB at most; kept in {file.stat().st_size / 1e6:.0f} MB"
    )
    started = time.perf_counter()
    again = index(account, file)
    taken = time.perf_counter() - started
    print(f"read back in {taken:.1f} s, {account.statements} statements, equal: {again == tables}")
    return tables


def killed(folder: Path, account: Account, file: Path, tables: tuple[Table, ...]) -> None:
    """Kill an indexing with SIGKILL in its middle; the next run asks only for what is missing."""
    child = subprocess.Popen([sys.executable, __file__, str(folder), "--index", str(file)])
    while not file.exists() or file.stat().st_size < KILL_BYTES:
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    found = index(account, file)
    print(f"after a kill: {account.statements} statements, equal: {found == tables}")


def retrieval(tables: tuple[Table, ...], folder: Path) -> None:
    """Recall and latency within one database and over everything."""
    asked = snow_questions(folder)
    started = time.perf_counter()
    whole = catalog(tables)
    count = len(whole.index.families)
    print(f"word index over {len(tables):,} tables in {time.perf_counter() - started:.1f} s: {count:,} families")
    ones = within(tables)
    for question in asked:
        ones(question.database)
    print("recall of families [95 % by databases] (of single tables):")
    tell("one database ", find(asked, ones)[0], timed=True)
    tell("whole account", find(asked, lambda _: whole)[0], timed=True)


def _megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    if len(sys.argv) == 4:
        index(Account(Path(sys.argv[1]), seconds_a_statement=0.005), Path(sys.argv[3]))
        return
    folder = Path(sys.argv[1])
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as scratch:
        account = Account(folder)
        tables = indexing(account, Path(scratch) / "first.db")
        killed(folder, account, Path(scratch) / "killed.db", tables)
    retrieval(tables, folder)


if __name__ == "__main__":
    main()
