"""Questions with the tables their gold SQL reads, and the schemas they are asked of, from public benchmarks.

Spider (taoyds/spider, CC BY-SA 4.0), BIRD (CC BY-SA 4.0), EHRSQL (CC BY 4.0), defog's sql-eval (Apache-2.0). The gold tables
are those in the gold SQL, as sqlglot reads it, but for names of WITH. All schemas stand in one catalog. A question is left
out, and counted, where its SQL does not parse or reads a table that its schema file does not have.
"""

import csv
import gzip
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sql_tools.models import Column, ForeignKey, Table


@dataclass(frozen=True)
class Asked:
    """A question, the database it was written for and the full names, in upper case, of the tables it needs."""

    text: str
    database: str
    needed: frozenset[str]


@dataclass(frozen=True)
class QuestionSet:
    """One benchmark's questions and the tables of all its databases; `left_out` questions have no usable gold."""

    name: str
    tables: tuple[Table, ...]
    asked: tuple[Asked, ...]
    left_out: int = 0

    def by_database(self) -> list["QuestionSet"]:
        """The set cut into one for each database that is asked about, in the order of first questions."""
        tables: dict[str, list[Table]] = defaultdict(list)
        asked: dict[str, list[Asked]] = defaultdict(list)
        for table in self.tables:
            tables[table.database].append(table)
        for question in self.asked:
            asked[question.database].append(question)
        return [QuestionSet(name, tuple(tables[name]), tuple(asked[name])) for name in asked]


def full_name(table: Table) -> str:
    return f"{table.database}.{table.schema_name}.{table.name}".upper()


def snow(folder: Path) -> QuestionSet:
    """Spider 2.0-Snow (xlang-ai/Spider2, MIT): 152 Snowflake databases, and the tables that each question needs."""
    tables = []
    with gzip.open(folder / "spider2_snow" / "schemas.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            columns = tuple(Column(name=c[0], type=c[1], comment=c[2] if len(c) > 2 else "") for c in row["columns"])
            name = row["table"].split(".", 1)[-1]
            tables.append(Table(database=row["db"], schema_name=row["schema"], name=name, columns=columns))
    tables.sort(key=lambda table: (table.database, table.schema_name, table.name))
    return QuestionSet("Spider 2.0-Snow", tuple(tables), snow_questions(folder / "spider2_snow"))


def snow_questions(folder: Path) -> tuple[Asked, ...]:
    """The questions in `folder`, with the tables that each needs."""
    gold = {row["instance_id"]: row["gold_tables"] for row in _lines(folder / "gold_tables.jsonl")}
    return tuple(
        Asked(row["instruction"], row["db_id"], frozenset(name.upper() for name in gold[row["instance_id"]]))
        for row in _lines(folder / "questions.jsonl")
    )


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


def unseen_sets(folder: Path) -> list[QuestionSet]:
    """Spider dev, BIRD dev, EHRSQL and defog, from the folder that holds spider/, bird/, ehrsql/ and defog_snowflake/."""
    return [_spider(folder, "dev"), _bird(folder), _ehrsql(folder), _defog(folder)]


def spider_train(folder: Path) -> QuestionSet:
    """Spider's training questions: of databases that no set of `unseen_sets` asks about."""
    return _spider(folder, "train")


def _spider(folder: Path, part: str) -> QuestionSet:
    rows = json.loads((folder / "spider" / f"{part}.json").read_text(encoding="utf-8"))
    questions = [(row["db_id"], row["question"], row["query"]) for row in rows]
    used = {database for database, _, _ in questions}
    return _made(f"Spider {part}", _listed(folder / "spider" / "tables.json", used), questions, "sqlite")


def _bird(folder: Path) -> QuestionSet:
    rows = json.loads((folder / "bird" / "dev.json").read_text(encoding="utf-8"))
    questions = [(row["db_id"], row["question"], row["SQL"]) for row in rows]
    return _made("BIRD dev", _listed(folder / "bird" / "tables.json"), questions, "sqlite", prefix="bird_")


def _ehrsql(folder: Path) -> QuestionSet:
    schemas, questions = {}, []
    for name in ("mimic_iii", "eicu"):
        rows = json.loads((folder / "ehrsql" / f"{name}_valid.json").read_text(encoding="utf-8"))
        questions += [(name, row["question"], row["query"]) for row in rows if not row["is_impossible"]]
        schemas[name] = _created(folder / "ehrsql" / f"{name}.sql", name, {})
    return _made("EHRSQL valid", schemas, questions, "sqlite")


def _defog(folder: Path) -> QuestionSet:
    with (folder / "defog_snowflake" / "questions.csv").open(encoding="utf-8", newline="") as lines:
        questions = [(row["db_name"], row["question"], row["query"]) for row in csv.DictReader(lines)]
    schemas = {}
    for name in dict.fromkeys(database for database, _, _ in questions):
        file = folder / "defog_snowflake" / "databases" / f"{name}.sql"
        described = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))["table_metadata"]
        comments = {(t, c["column_name"]): c["column_description"] for t, cs in described.items() for c in cs}
        schemas[name] = _created(file, name, comments)
    return _made("defog", schemas, questions, "snowflake")


def _made(
    name: str, schemas: dict[str, list[Table]], questions: list[tuple[str, str, str]], dialect: str, *, prefix: str = ""
) -> QuestionSet:
    """The set with `prefix` before its databases' names, since two sets may call one the same."""
    asked = []
    for database, text, sql in questions:
        names = {table.name.lower(): full_name(table) for table in schemas[database]}
        read = tables_read(sql, dialect)
        if read and read <= set(names):
            needed = frozenset((prefix + names[table]).upper() for table in read)
            asked.append(Asked(text, prefix + database, needed))
    tables = [t.model_copy(update={"database": prefix + t.database}) for ts in schemas.values() for t in ts]
    return QuestionSet(name, tuple(tables), tuple(asked), len(questions) - len(asked))


def tables_read(sql: str, dialect: str) -> set[str]:
    """Names of the stored tables a query reads, in lower case; of several alternatives the first. Empty if it does not parse.

    >>> sorted(tables_read("WITH b AS (SELECT * FROM A) SELECT * FROM b JOIN c.D ON TRUE", "sqlite"))
    ['a', 'd']
    """
    try:
        tree = sqlglot.parse(sql.replace("{", "").replace("}", ""), dialect=dialect)[0]
    except SqlglotError:
        return set()
    if tree is None:
        return set()
    own = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    return {table.name.lower() for table in tree.find_all(exp.Table) if table.name} - own


def _listed(file: Path, used: set[str] | None = None) -> dict[str, list[Table]]:
    """Schemas of Spider's `tables.json`, names as stored."""
    databases = json.loads(file.read_text(encoding="utf-8"))
    return {d["db_id"]: _of_database(d) for d in databases if used is None or d["db_id"] in used}


def _of_database(database: dict[str, Any]) -> list[Table]:
    names, columns = database["table_names_original"], database["column_names_original"]
    found: dict[int, list[Column]] = defaultdict(list)
    keys: dict[int, list[ForeignKey]] = defaultdict(list)
    for (table, column), kind in zip(columns, database["column_types"], strict=True):
        found[table].append(Column(name=column, type=kind))
    for a, b in database["foreign_keys"]:
        (table, column), (target, target_column) = columns[a], columns[b]
        keys[table].append(ForeignKey(columns=(column,), target_table=names[target], target_columns=(target_column,)))
    return [
        Table(database=database["db_id"], schema_name="main", name=name, columns=tuple(found[i]), foreign_keys=tuple(keys[i]))
        for i, name in enumerate(names)
    ]  # fmt: skip


def _created(file: Path, database: str, comments: dict[tuple[str, str], str]) -> list[Table]:
    """The tables that a file of CREATE TABLE statements makes; its rows are left out."""
    tables = []
    for statement in file.read_text(encoding="utf-8").split(";"):
        start = statement.find("CREATE TABLE")
        if start < 0:
            continue
        tree = sqlglot.parse_one(statement[start:], dialect="postgres")
        name = tree.find_all(exp.Table).__next__().name
        columns = [d.name for d in tree.find_all(exp.ColumnDef)]
        found = tuple(Column(name=c, type="", comment=comments.get((name, c), "")) for c in columns)
        tables.append(Table(database=database, schema_name="main", name=name, columns=found))
    return tables
