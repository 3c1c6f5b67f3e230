"""A large account's catalog: what indexing it takes, whether it goes on after a kill, and how well and fast tables are found.

    .venv/bin/python tests/bench/catalog_scale.py FOLDER

FOLDER holds Spider 2.0-Snow's `schemas.jsonl.gz` (a table a line), `questions.jsonl` and `gold_tables.jsonl` (MIT,
xlang-ai/Spider2). The indexer is the product's; the account's answers are played from the file, so nothing of a network
or of Snowflake's own time is in the figures. Recall is told twice: of single tables, and of families (tables alike but for
the digits of their names, of which the prompt shows one). `one database` ranks among the question's own database, as a
connection that names it would; `whole account` among everything at once.
"""

import gzip
import json
import os
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sql_tools.models import Table
from sql_tools.retrieve import Catalog
from sql_tools.settings import Settings
from sql_tools.warehouses.snowflake_catalog import Place
from sql_tools.warehouses.snowflake_index import SnowflakeIndex
from sql_tools.warehouses.snowflake_kept import KeptCatalog

CUTS = (10, 20, 50)
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


def recall(folder: Path, catalogs: dict[str, Catalog], label: str) -> None:
    """Mean share of the gold tables among the first k, and how long one question took."""
    gold = {row["instance_id"]: row["gold_tables"] for row in _rows(folder / "gold_tables.jsonl")}
    seconds: list[float] = []
    single: dict[int, list[float]] = defaultdict(list)
    alike: dict[int, list[float]] = defaultdict(list)
    for question in _rows(folder / "questions.jsonl"):
        catalog = catalogs.get(question["db_id"]) or catalogs[""]
        needed = {name.upper() for name in gold[question["instance_id"]]}
        wanted = {i for i, t in enumerate(catalog.tables) if f"{t.database}.{t.schema_name}.{t.name}".upper() in needed}
        started = time.perf_counter()
        order = catalog.ranked(question["instruction"])
        seconds.append(time.perf_counter() - started)
        families = {catalog.index.family_of(i) for i in wanted}
        for cut in CUTS:
            single[cut].append(len(wanted & set(order[:cut])) / len(needed))
            shown = {catalog.index.family_of(i) for i in order[:cut]}
            alike[cut].append(len(families & shown) / len(families))
    seconds.sort()
    told = ", ".join(f"@{cut} {statistics.mean(alike[cut]):.3f} ({statistics.mean(single[cut]):.3f})" for cut in CUTS)
    p50, p95 = (1000 * seconds[int(len(seconds) * share)] for share in (0.5, 0.95))
    print(f"{label}: recall {told}; p50 {p50:.1f} ms, p95 {p95:.1f} ms over {len(seconds)} questions")


class Loaded:
    """A warehouse that is nothing but its tables."""

    name = "file"

    def __init__(self, tables: tuple[Table, ...]) -> None:
        self._tables = tables

    def tables(self) -> tuple[Table, ...]:
        return self._tables


def retrieval(tables: tuple[Table, ...], folder: Path) -> None:
    """Recall and latency within one database and over everything."""
    by_database: dict[str, list[Table]] = defaultdict(list)
    for table in tables:
        by_database[table.database].append(table)
    started = time.perf_counter()
    whole = Catalog(Loaded(tables))  # type: ignore[arg-type]
    count = len(whole.index.families)
    print(f"word index over {len(tables):,} tables in {time.perf_counter() - started:.1f} s: {count:,} families")
    ones = {name: Catalog(Loaded(tuple(found))) for name, found in by_database.items()}  # type: ignore[arg-type]
    for catalog in ones.values():
        _ = catalog.index
    print("recall of families (of single tables):")
    recall(folder, ones, "one database ")
    recall(folder, {"": whole}, "whole account")


def _rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


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
