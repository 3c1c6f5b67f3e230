"""What all but the model costs: `python tests/bench/pipeline_overhead.py SPIDER_FOLDER`.

SPIDER_FOLDER holds dev.json, dev_duckdb.jsonl ({id, sql}) and databases/<db_id>.sqlite. For the golds of 200 questions (seed
7), p50 and p95 in ms of finding the context, making its grammar and matching the SQL with it, checking, and asking the data for
diagnostics. Then one statement is checked against catalogs of 100 and of 100,000 columns, by turns: the ratio of the medians.
"""

import json
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sql_tools.diagnostics.diagnose import diagnose
from sql_tools.errors import CopilotError
from sql_tools.grammar import require_match, sendable
from sql_tools.models import Column, Context, DraftSQL, Question, Table
from sql_tools.open_warehouse import open_warehouse
from sql_tools.retrieve import retrieve
from sql_tools.settings import Settings
from sql_tools.validate import validate
from sql_tools.warehouses import Warehouse

Times = dict[str, list[float]]
ROUNDS = 200


def main(folder: Path) -> None:
    """Both measurements, a line each."""
    golds = {row["id"]: row.get("sql") for row in map(json.loads, (folder / "dev_duckdb.jsonl").open())}
    asked = [q for q in json.loads((folder / "dev.json").read_text()) if golds.get(q["id"])]
    asked = random.Random(7).sample(sorted(asked, key=lambda q: int(q["id"])), 200)
    times: Times = defaultdict(list)
    with tempfile.TemporaryDirectory() as cache:
        settings = Settings(cache_dir=Path(cache))
        for name in sorted({q["db_id"] for q in asked}):
            warehouse = open_warehouse(str(folder / "databases" / f"{name}.sqlite"), settings)
            retrieve(Question(text="warm"), warehouse, max_columns=settings.max_prompt_columns)  # builds its index
            for question in (q for q in asked if q["db_id"] == name):
                measure(question["question"], golds[question["id"]], warehouse, settings, times)
            warehouse.close()
    for part, values in times.items():
        print(f"{part}: n {len(values)}, p50 {percentile(values, 50):.2f} ms, p95 {percentile(values, 95):.2f} ms")
    print(json.dumps(by_catalog_size()))


def measure(text: str, sql: str, warehouse: Warehouse, settings: Settings, times: Times) -> None:
    """One question with the SQL a model might have written."""
    draft = DraftSQL(text=sql, dialect="duckdb")
    parts: dict[str, float] = {}
    context = timed(
        parts, "retrieve", lambda: retrieve(Question(text=text), warehouse, max_columns=settings.max_prompt_columns)
    )
    timed(parts, "grammar", lambda: matched(context, sql))
    try:
        valid = timed(parts, "checks", lambda: validate(draft, context, explain=warehouse.explain))
        timed(parts, "diagnostics", lambda: diagnose(valid.text, context, warehouse))
    except CopilotError:
        return
    for part, spent in parts.items():
        times[part].append(spent)
    times["retrieve + grammar + checks"].append(parts["retrieve"] + parts["grammar"] + parts["checks"])
    times["all"].append(sum(parts.values()))


def matched(context: Context, sql: str) -> None:
    """The grammar made or taken from the cache, and the SQL held against it; whether it keeps to it does not matter."""
    grammar = sendable(context.tables, context.dialect)
    try:
        require_match(grammar or "", sql)
    except CopilotError:
        return


def by_catalog_size() -> dict[str, float]:
    """Medians in ms of the same check against a small and a large catalog, and their ratio."""
    spent: Times = defaultdict(list)
    contexts = {columns: catalog(columns) for columns in (100, 100_000)}
    for _ in range(ROUNDS):
        for columns, context in contexts.items():
            timed_in(spent, str(columns), lambda context=context: check(context))
    small, large = (statistics.median(spent[str(columns)]) for columns in contexts)
    return {"ms_100": round(small, 3), "ms_100000": round(large, 3), "ratio": round(large / small, 2)}


def catalog(columns: int) -> Context:
    """Tables of twenty columns, `t0` first."""
    tables = tuple(
        Table(
            schema_name="main", name=f"t{i}", columns=tuple(Column(name=f"c{i}_{j}", type="BIGINT") for j in range(20))
        )
        for i in range(columns // 20)
    )
    return Context(dialect="duckdb", tables=tables, catalog=tables)


def check(context: Context) -> None:
    """One join of the catalog's last two tables, with a group, checked."""
    n, m = len(context.catalog) - 2, len(context.catalog) - 1
    sql = f"SELECT a.c{n}_1, SUM(b.c{m}_2) AS s FROM t{n} AS a JOIN t{m} AS b ON a.c{n}_0 = b.c{m}_0 GROUP BY a.c{n}_1"
    validate(DraftSQL(text=sql, dialect="duckdb"), context)


def timed(parts: dict[str, float], name: str, work: Callable[[], Any]) -> Any:
    """What `work` gives; its milliseconds are noted."""
    started = time.perf_counter()
    try:
        return work()
    finally:
        parts[name] = (time.perf_counter() - started) * 1e3


def timed_in(spent: Times, name: str, work: Callable[[], Any]) -> None:
    """The milliseconds of `work`, added to the list."""
    one: dict[str, float] = {}
    timed(one, name, work)
    spent[name].append(one[name])


def percentile(values: list[float], share: int) -> float:
    """The value below which `share` percent lie."""
    return sorted(values)[min(len(values) - 1, len(values) * share // 100)]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
