"""What the proof costs, and whether it holds: `python tests/bench/proof_overhead.py SPIDER_FOLDER [LIMIT]`.

SPIDER_FOLDER holds dev.json, dev_duckdb.jsonl ({id, sql}) and databases/<db_id>.sqlite. Each gold is checked, run and
proven on its database; printed are p50 and p95 in ms of each part, and how many readings lack a name or a literal, how
many output columns lack a source, and how many answers, run again, are not the same.
"""

import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from langchain_core.language_models import FakeListChatModel
from sqlglot import exp, parse_one

from sql_tools.errors import CopilotError
from sql_tools.execute import execute
from sql_tools.models import Context, DraftSQL
from sql_tools.open_warehouse import open_warehouse
from sql_tools.proof.card import proof
from sql_tools.proof.describe import reading
from sql_tools.proof.join_evidence import join_evidence
from sql_tools.proof.lineage import lineage
from sql_tools.proof.replay import Kept, replay
from sql_tools.retrieve import catalog_of
from sql_tools.settings import Settings
from sql_tools.validate import validate
from sql_tools.warehouses import Warehouse
from sql_tools.warehouses.probe import Probe

MODEL = FakeListChatModel(responses=[""])


def unread(tree: exp.Expr, words: str) -> list[str]:
    """Literals, tables and columns of the tree that the reading does not name."""
    low = words.casefold()
    names = [literal.name.strip("%").replace("'", "''") for literal in tree.find_all(exp.Literal)]
    names += [node.name for node in tree.find_all(exp.Column, exp.Table)]
    return [name for name in names if name.casefold() not in low]


def measure(
    sql: str, warehouse: Warehouse, settings: Settings, times: dict[str, list[float]], found: dict[str, int]
) -> None:
    """One statement, checked, run, proven and replayed; its times and faults are added."""
    tables = catalog_of(warehouse).tables
    context = Context(dialect=warehouse.dialect, tables=tables, catalog=tables)
    valid = timed(
        times, "validate", lambda: validate(DraftSQL(text=sql, dialect="duckdb"), context, explain=warehouse.explain)
    )
    result = timed(times, "execute", lambda: execute(valid, warehouse, settings))
    tree = timed(times, "parse", lambda: parse_one(valid.text, read="duckdb"))
    words = timed(times, "reading", lambda: reading(tree, context))
    columns = timed(times, "lineage", lambda: lineage(tree, context))
    timed(times, "join counts, first time", lambda: join_evidence(tree, context, Probe(warehouse)))
    card = timed(times, "whole proof", lambda: proof(valid, result, context, warehouse, MODEL, prompt_hash=""))
    times["reading + lineage + parse"].append(sum(times[part][-1] for part in ("parse", "reading", "lineage")))
    found["statements"] += 1
    found["readings that lack something"] += bool(unread(tree, words))
    found["readings that quote SQL"] += "[as SQL" in words
    found["statements with other columns than the result"] += len(columns) != len(result.columns)
    found["statements with a column of no source"] += any(not column.sources for column in columns)
    found["joins"] += len(card.joins)
    found["joins not counted"] += sum(join.rows_after is None for join in card.joins)
    kept = Kept(sql=valid.text, row_count=len(result.rows), truncated=result.truncated, proof=card)
    report = replay(kept, warehouse, settings)
    if report.status != "same":
        found["answers not the same when run again"] += 1
        print(report.status, report.message, sql)


def timed(times: dict[str, list[float]], name: str, work: Any) -> Any:
    """What `work` gives; its milliseconds are noted."""
    started = time.perf_counter()
    try:
        return work()
    finally:
        times[name].append((time.perf_counter() - started) * 1e3)


def main() -> None:
    """Measure a sample, or all."""
    folder = Path(sys.argv[1])
    golds = {row["id"]: row.get("sql") for row in map(json.loads, (folder / "dev_duckdb.jsonl").open())}
    asked = [q for q in json.loads((folder / "dev.json").read_text()) if golds.get(q["id"])]
    if len(sys.argv) > 2:
        asked = random.Random(7).sample(sorted(asked, key=lambda q: int(q["id"])), int(sys.argv[2]))
    times: dict[str, list[float]] = defaultdict(list)
    found: dict[str, int] = defaultdict(int)
    with tempfile.TemporaryDirectory() as cache:
        settings = Settings(cache_dir=Path(cache), max_rows=100_000)
        for name in sorted({q["db_id"] for q in asked}):
            warehouse = open_warehouse(str(folder / "databases" / f"{name}.sqlite"), settings)
            for question in asked:
                if question["db_id"] == name:
                    try:
                        measure(golds[question["id"]], warehouse, settings, times, found)
                    except CopilotError as error:
                        found["refused or failed"] += 1
                        print("refused:", error.message[:100], golds[question["id"]][:100])
            warehouse.close()
    for name, values in times.items():
        values.sort()
        print(f"{name}: p50 {values[len(values) // 2]:.2f} ms, p95 {values[int(len(values) * 0.95)]:.2f} ms")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
