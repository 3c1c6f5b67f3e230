"""What we do to a model that is always right: `python tests/bench/perfect_model.py FOLDER [--workers N] [--show]`.

FOLDER is one of a benchmarks folder: spider (dev.json, dev_duckdb.jsonl, databases/), spider_train (questions.json with
`duckdb`, databases/), or defog_snowflake (questions.csv, databases/*.sql). Each reference SQL is given as the model's answer to
its own question, through `ask`; its rows must be those the engine gives for it. Printed: how many were asked, refused and
changed, each refusal and change with its cause, and how often each check warned; with --show also what it said. Nothing is sampled.
"""

import argparse
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import defog
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from sql_tools import ask, open_warehouse
from sql_tools.errors import WarehouseError
from sql_tools.settings import Settings
from sql_tools.transpile import to_duckdb
from sql_tools.warehouses import Warehouse

Case = tuple[str, str, str]  # id, question, SQL
Outcome = dict[str, Any]
RUNS = 40  # of a reference SQL whose LIMIT cuts rows that tie: the engine itself gives now these, now those


def main() -> None:
    """One folder, a line for each refusal and change, then the counts as JSON."""
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=Path)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--show", action="store_true")
    given = options.parse_args()
    with ProcessPoolExecutor(given.workers) as pool:
        outcomes = [o for found in pool.map(of_database, *zip(*databases(given.folder), strict=True)) for o in found]
    told = Counter[str]()
    for outcome in outcomes:
        told[outcome["what"]] += 1
        if outcome["what"] != "same" or outcome["changes"] or (given.show and outcome["warned"]):
            print(json.dumps(outcome, ensure_ascii=False, default=str))
    warned = Counter(name for outcome in outcomes for name in outcome["warned"])
    missed = Counter(name for outcome in outcomes for name in outcome["not_checked"])
    print(json.dumps({"asked": len(outcomes), **told, "warned": warned, "not_checked": missed}))


def databases(folder: Path) -> Iterator[tuple[str, list[Case]]]:
    """Each database with its questions."""
    by_database = defaultdict[str, list[Case]](list)
    if (folder / "questions.csv").exists():
        for row in defog.questions(folder):
            for n, sql in enumerate(defog.alternatives(row["query"])):
                written = to_duckdb(sql.replace("public.", "main."))
                name = str(folder / "databases" / f"{row['db_name']}.sql")
                by_database[name].append((f"{row['db_name']}-{n}", row["question"], written))
        yield from by_database.items()
        return
    if (folder / "questions.json").exists():
        for n, q in enumerate(json.loads((folder / "questions.json").read_text())):
            if q.get("duckdb"):
                by_database[q["db_id"]].append((str(q.get("id", n)), q["question"], q["duckdb"]))
    else:
        golds = {row["id"]: row.get("sql") for row in map(json.loads, (folder / "dev_duckdb.jsonl").open())}
        for q in json.loads((folder / "dev.json").read_text()):
            if golds.get(q["id"]):
                by_database[q["db_id"]].append((str(q["id"]), q["question"], golds[q["id"]]))
    for name, cases_ in sorted(by_database.items()):
        path = folder / "databases" / f"{name}.sqlite"
        if path.exists():
            yield str(path), cases_


def of_database(path: str, cases: list[Case]) -> list[Outcome]:
    """What became of each question on one database."""
    with tempfile.TemporaryDirectory() as cache:
        target = path
        if path.endswith(".sql"):
            target = str(defog.loaded(Path(path).parents[1], Path(path).stem, Path(cache)))
        settings = Settings(cache_dir=Path(cache), max_repairs=0, abstain_above=1.0, max_rows=100_000)
        warehouse = open_warehouse(target, settings)
        outcomes = [outcome for case in cases if (outcome := of_case(case, warehouse, settings))]
        warehouse.close()
    return outcomes


def of_case(case: Case, warehouse: Warehouse, settings: Settings) -> Outcome | None:
    """None where the engine itself does not run the reference SQL."""
    number, question, sql = case
    try:
        rows = [warehouse.run(sql, max_rows=settings.max_rows, timeout_seconds=60).rows]
    except WarehouseError:
        return None
    answer = ask(question, warehouse, FakeListChatModel(responses=[f"```sql\n{sql}\n```"]), settings)
    while (same := answer.status == "answered" and _told(answer.rows) in map(_told, rows)) is False and len(
        rows
    ) < RUNS:
        rows.append(warehouse.run(sql, max_rows=settings.max_rows, timeout_seconds=60).rows)
    what = "same" if same else "changed" if answer.status == "answered" else answer.status
    return {
        "id": number,
        "what": what,
        "question": question,
        "sql": sql,
        "ran": answer.sql,
        "message": "" if same else answer.message,
        "changes": [dict(change) for change in answer.changes],
        "warned": {c.name: c.detail for c in answer.checks if c.outcome == "warned"},
        "not_checked": [c.name for c in answer.checks if c.outcome == "not_checked"],
    }


def _told(rows: Any) -> list[str]:
    return sorted(map(repr, rows))


if __name__ == "__main__":
    main()
