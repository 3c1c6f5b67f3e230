"""How well are defog's 50 questions answered, without and with a semantic file? `python tests/bench/defog.py FOLDER [MODEL]`.

FOLDER holds questions.csv, databases/*.sql (schema and rows) and databases/*.json (what its authors say of each column). Both
databases are loaded into DuckDB; the golds, written for Snowflake, run there as `sql_tools.transpile` has them. The file is what
`semantic init` drafts, with the authors' descriptions filled in, so it holds nothing written for these questions.

An answer is right if its rows are those of one alternative of the gold (of columns in braces any will do); in order only for
the questions of the group `order_by`, as defog's own evaluator has it. Not tuned on. A JSON line each, then what was not right.
"""

import csv
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import duckdb
from langchain_core.language_models import BaseChatModel

from app.open_model import open_model
from sql_tools import ask, read_settings
from sql_tools.errors import CopilotError
from sql_tools.evaluation.report import wilson95
from sql_tools.evaluation.score import compare_rows
from sql_tools.models import Answer
from sql_tools.open_warehouse import open_warehouse
from sql_tools.semantic_authoring.draft import draft
from sql_tools.semantic_authoring.write import yaml_text
from sql_tools.transpile import to_duckdb

BRACES = re.compile(r"\{([^}]*)\}")
REFERENCES = re.compile(r"\s+REFERENCES\s+\S+\s*\([^)]*\)", re.IGNORECASE)
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Outcome:
    """One question's answer."""

    question: str
    status: str
    sql: str
    right: bool
    seconds: float


def main(folder: Path, model_name: str | None) -> None:
    """Both runs, and the questions that only one of them answers right."""
    model = open_model(read_settings(model=model_name))
    with tempfile.TemporaryDirectory() as scratch:
        asked = questions(folder)
        databases = {name: loaded(folder, name, Path(scratch)) for name in sorted({q["db_name"] for q in asked})}
        files = {name: described(folder, name, path, Path(scratch)) for name, path in databases.items()}
        without = run(asked, databases, {}, model)
        having = run(asked, databases, files, model)
    for name, outcomes in (("without a semantic file", without), ("with one", having)):
        print(json.dumps({"run": name} | summary(outcomes)), flush=True)
    for one, other in zip(without, having, strict=True):
        if not (one.right and other.right):
            print(
                json.dumps(
                    {"question": one.question, "without": [one.right, one.sql], "with": [other.right, other.sql]}
                )
            )


def questions(folder: Path) -> list[dict[str, str]]:
    """The rows of questions.csv, those of one database together."""
    with (folder / "questions.csv").open(encoding="utf-8", newline="") as file:
        return sorted(csv.DictReader(file), key=lambda row: row["db_name"])


def loaded(folder: Path, name: str, scratch: Path) -> Path:
    """A DuckDB file with the database's tables and rows."""
    script = (folder / "databases" / f"{name}.sql").read_text("utf-8").replace("public.", "main.")
    path = scratch / f"{name}.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(REFERENCES.sub("", script).replace("SERIAL", "INTEGER"))
    return path


def described(folder: Path, name: str, database: Path, scratch: Path) -> Path:
    """The drafted semantic file of a database, with its authors' descriptions of the columns."""
    told = json.loads((folder / "databases" / f"{name}.json").read_text("utf-8"))["table_metadata"]
    said = {(table, c["column_name"]): c["column_description"] for table, columns in told.items() for c in columns}
    with closing(open_warehouse(str(database), read_settings())) as warehouse:
        tables = tuple(
            table.model_copy(update={"columns": tuple(
                column.model_copy(update={"comment": said.get((table.name, column.name), "")}) for column in table.columns
            )})
            for table in warehouse.tables()
        )  # fmt: skip
    path = scratch / f"{name}.yaml"
    path.write_text(yaml_text(draft(tables, name=name, dialect="duckdb")), "utf-8")
    return path


def run(
    asked: list[dict[str, str]], databases: Mapping[str, Path], files: Mapping[str, Path], model: BaseChatModel
) -> list[Outcome]:
    """Each question asked once."""
    outcomes = []
    for name, path in databases.items():
        settings = read_settings(semantic=str(files.get(name, "")))
        with closing(open_warehouse(str(path), settings)) as warehouse:
            for row in (row for row in asked if row["db_name"] == name):
                began = perf_counter()
                try:
                    answer = ask(row["question"], warehouse, model, settings)
                except CopilotError as error:
                    answer = Answer(status="failed", question=row["question"], message=error.message)
                right = is_right(answer, list(gold_rows(row["query"], path)), row["query_category"] == "order_by")
                outcomes.append(Outcome(row["question"], answer.status, answer.sql, right, perf_counter() - began))
                print(f"\r{len(outcomes)} of {len(asked)}", end="", file=sys.stderr, flush=True)
    return outcomes


def gold_rows(gold: str, database: Path) -> Iterator[Rows]:
    """The rows of every alternative of a gold."""
    with duckdb.connect(str(database), read_only=True) as connection:
        for sql in alternatives(gold):
            yield connection.execute(to_duckdb(sql.replace("public.", "main."))).fetchall()


def alternatives(gold: str) -> Iterator[str]:
    """`a; b` is either; `{x, y}` is any of these columns, one at least.

    >>> list(alternatives("SELECT {a, b}, c FROM t; SELECT 1"))
    ['SELECT a, c FROM t', 'SELECT b, c FROM t', 'SELECT a, b, c FROM t', 'SELECT 1']
    """
    for statement in (part.strip() for part in gold.split(";") if part.strip()):
        choices = [list(_some_of(columns.split(","))) for columns in BRACES.findall(statement)]
        for chosen in product(*choices):
            left = iter(chosen)
            yield BRACES.sub(lambda _, left=left: next(left), statement)  # type: ignore[misc]


def _some_of(columns: list[str]) -> Iterator[str]:
    for count in range(1, len(columns) + 1):
        yield from (", ".join(c.strip() for c in some) for some in combinations(columns, count))


def is_right(answer: Answer, golds: list[Rows], ordered: bool) -> bool:
    """Are the answer's rows those of one alternative?"""
    return answer.status == "answered" and any(compare_rows(gold, answer.rows, ordered) for gold in golds)


def summary(outcomes: list[Outcome]) -> dict[str, Any]:
    """Counts, Wilson's interval, and the median of the seconds."""
    right = sum(outcome.right for outcome in outcomes)
    statuses = [outcome.status for outcome in outcomes]
    return {
        "questions": len(outcomes),
        "right": right,
        "interval95": wilson95(right, len(outcomes)),
        "by_status": {status: statuses.count(status) for status in sorted(set(statuses))},
        "seconds_median": round(median(outcome.seconds for outcome in outcomes), 2),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
