"""Make sql_tools/data/spider_train.jsonl.gz from Spider's train.json and tables.json: python scripts/build_examples.py DIR

Each line: question, SQL for DuckDB, and the question with the words of its schema masked (masking literals too scored worse).
"""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp

from sql_tools.words import words_of

TARGET = Path(__file__).parent.parent / "sql_tools" / "data" / "spider_train.jsonl.gz"


def main(folder: Path) -> None:
    schemas = {s["db_id"]: schema_words(s) for s in json.loads((folder / "tables.json").read_text())}
    rows: dict[str, dict[str, str]] = {}
    for row in json.loads((folder / "train.json").read_text()):
        rows.setdefault(row["question"].lower(), example(row, schemas[row["db_id"]]))
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows.values())
    TARGET.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{len(rows)} examples, {TARGET.stat().st_size:,} bytes")


def schema_words(schema: dict[str, Any]) -> set[str]:
    columns = [name for _, name in schema["column_names"] + schema["column_names_original"]]
    return {w for name in (*schema["table_names"], *schema["table_names_original"], *columns) for w in words_of(name)}


def example(row: dict[str, str], names: set[str]) -> dict[str, str]:
    tree = sqlglot.parse_one(row["query"], read="sqlite")
    for column in list(tree.find_all(exp.Column)):
        if column.this.quoted and not column.table:
            column.replace(exp.Literal.string(column.name))
    masked = ("_" if word in names else word for word in words_of(row["question"]))
    question = " ".join(row["question"].split()).replace(" ?", "?").replace(" .", ".")
    return {"question": question, "sql": tree.sql("duckdb").replace(" NULLS FIRST", ""), "mask": " ".join(masked)}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
