"""Which right queries are warned of, and which would be mended? `python tests/bench/diagnostics_golds.py SPIDER_FOLDER [--show]`.

SPIDER_FOLDER holds dev.json, dev_duckdb.jsonl and databases/*.sqlite. Each gold that runs on DuckDB is checked as `arctic-copilot
check` does, its data asked; then the rule for shares, which mends, reads it beside its question. Prints the golds, and by check how
many failed it; with --show each of those with its words.
"""

import json
import sys
from collections import Counter
from contextlib import closing
from itertools import groupby
from pathlib import Path

import sqlglot

from sql_tools import check, read_settings
from sql_tools.errors import InvalidSQLError
from sql_tools.models import Context
from sql_tools.open_warehouse import open_warehouse
from sql_tools.rules.shares import shares_are_of_all
from sql_tools.warehouses import Warehouse

RUNS = ("same", "same_rows_other_order", "differs")
UNTOUCHED = "no share is of itself"


def main(folder: Path, show: bool) -> None:
    """Counts over all golds."""
    asked = {one["id"]: one for one in json.loads((folder / "dev.json").read_text("utf-8"))}
    golds = [json.loads(line) for line in (folder / "dev_duckdb.jsonl").read_text("utf-8").splitlines()]
    golds = sorted((g for g in golds if g["status"] in RUNS), key=lambda g: (asked[g["id"]]["db_id"], g["id"]))
    failed, settings = Counter[str](), read_settings()
    for name, group in groupby(golds, key=lambda g: asked[g["id"]]["db_id"]):
        with closing(open_warehouse(str(folder / "databases" / f"{name}.sqlite"), settings)) as warehouse:
            for gold in group:
                report = check(gold["sql"], warehouse, settings)
                told = [(c.name, c.detail) for c in report.checks if not c.passed]
                told += [(problem.rule, problem.message) for problem in report.problems]
                told += mended(gold["sql"], asked[gold["id"]]["question"], warehouse)
                failed.update(name for name, _ in told)
                for check_name, words in told if show else []:
                    print(json.dumps({"id": gold["id"], "check": check_name, "words": words, "sql": gold["sql"]}))
    print(json.dumps({"golds": len(golds), "failed": dict(failed)}))


def mended(sql: str, question: str, warehouse: Warehouse) -> list[tuple[str, str]]:
    """What the rule for shares would change or refuse."""
    tables = warehouse.tables()
    context = Context(dialect="duckdb", question=question, tables=tables, catalog=tables)
    try:
        _, words = shares_are_of_all(sqlglot.parse_one(sql, read="duckdb"), context)
    except InvalidSQLError as error:
        words = error.message
    return [] if words == UNTOUCHED else [("shares_are_of_all", words)]


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--show" in sys.argv)
