"""How many right queries would a schema's grammar forbid? `python tests/bench/grammar_golds.py FOLDER`.

FOLDER holds what is found of: `spider/` (dev.json, dev_duckdb.jsonl, databases/*.sqlite), `spider2_snow/` (gold_sql.jsonl,
schemas.jsonl.gz) and `defog_snowflake/` (questions.csv, databases/*.json). Each gold is matched against the grammar of its
own database, after its comments are dropped, which the grammar never allows. Prints a JSON line a suite, then each
refused gold with where it stopped.
"""

import csv
import gzip
import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from sql_tools.grammar import accepts, lark_grammar
from sql_tools.grammar.lark import MAX_TABLES
from sql_tools.models import Column, Table

Gold = tuple[str, str, tuple[Table, ...], str]  # its name, SQL, the tables it may use, dialect
COMMENT = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"])*\"|(--[^\n]*|/\*.*?\*/)", re.S)


def main(folder: Path, show: bool) -> None:
    """One line a suite; with `show`, the refused golds."""
    for name, golds in (("spider", spider), ("spider2_snow", spider2_snow), ("defog_snowflake", defog)):
        if (folder / name).exists():
            _report(name, list(golds(folder / name)), show)


def _report(suite: str, golds: list[Gold], show: bool) -> None:
    refused = []
    for name, sql, tables, dialect in golds:
        match = accepts(lark_grammar(tables, dialect), sql)
        if not match.accepted:
            refused.append((name, match.stopped_at, sql))
    print(json.dumps({"suite": suite, "golds": len(golds), "accepted": len(golds) - len(refused)}))
    for name, at, sql in refused if show else []:
        print(
            f"  {name} at {at}: {' '.join(sql[max(0, at - 60) : at].split())} >>> {' '.join(sql[at : at + 50].split())}"
        )


def without_comments(sql: str) -> str:
    """The SQL as the grammar knows it."""
    return COMMENT.sub(lambda m: "" if m[1] else m[0], sql).strip()


def spider(folder: Path) -> Iterator[Gold]:
    """The dev golds, as rewritten for DuckDB, that run there."""
    questions = {q["id"]: q["db_id"] for q in json.loads((folder / "dev.json").read_text())}
    catalogs: dict[str, tuple[Table, ...]] = {}
    for line in (folder / "dev_duckdb.jsonl").read_text().splitlines():
        gold = json.loads(line)
        if gold["status"] not in ("no_database", "duckdb_error"):
            db = questions[gold["id"]]
            catalogs.setdefault(db, sqlite_tables(folder / "databases" / f"{db}.sqlite"))
            yield f"{db}/{gold['id']}", gold["sql"], catalogs[db], "duckdb"


def sqlite_tables(file: Path) -> tuple[Table, ...]:
    """Tables and columns of a SQLite file."""
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    names = [
        n
        for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'")
    ]
    return tuple(_table("main", n, [r[1] for r in connection.execute(f'PRAGMA table_info("{n}")')]) for n in names)


def spider2_snow(folder: Path) -> Iterator[Gold]:
    """The public golds of Spider 2.0-Snow."""
    golds = [json.loads(line) for line in (folder / "gold_sql.jsonl").read_text().splitlines()]
    wanted = {gold["db_id"] for gold in golds}
    by_database: dict[str, list[Table]] = {}
    with gzip.open(folder / "schemas.jsonl.gz", "rt") as lines:
        for line in lines:
            row = json.loads(line)
            if row["db"] in wanted:
                table = _table(
                    row["schema"],
                    row["table"].split(".", 1)[-1],
                    [c[0] for c in row["columns"]],
                    row["db"],
                    default=False,
                )
                by_database.setdefault(row["db"], []).append(table)
    for gold in golds:
        sql, tables = without_comments(gold["sql"]), by_database.get(gold["db_id"], [])
        if len(tables) > MAX_TABLES:  # too many for one grammar: those the gold names, as retrieval would
            tables = [t for t in tables if re.search(rf"\b{re.escape(t.name)}\b", sql, re.I)]
        yield gold["instance_id"], sql, tuple(tables), "snowflake"


def defog(folder: Path) -> Iterator[Gold]:
    """The golds for Snowflake; of several, and of alternatives in braces, the first."""
    for number, row in enumerate(csv.DictReader((folder / "questions.csv").open())):
        text = (folder / "databases" / f"{row['db_name']}.sql").read_text()
        tables = tuple(
            _table("PUBLIC", name.upper(), [line.split()[0].upper() for line in body.strip().split("\n")], "DB")
            for name, body in re.findall(r"CREATE TABLE public\.(\w+) \((.*?)\n\);", text, re.S)
        )
        sql = re.sub(r"\{([^}]*)\}", r"\1", row["query"].split(";")[0].strip())
        yield f"{row['db_name']}/{number}", sql, tables, "snowflake"


def _table(schema: str, name: str, columns: list[str], database: str = "", default: bool = True) -> Table:
    listed = tuple(Column(name=column, type="VARCHAR") for column in columns)
    return Table(database=database, schema_name=schema, name=name, columns=listed, in_default_schema=default)


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--show" in sys.argv)
