"""SHA-256 in hex of texts, prompts, catalogs and rows, the same on every machine."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from langchain_core.messages import BaseMessage

from sql_tools.models import Table

SIGNIFICANT_DIGITS = 10  # sums of floats differ in the last ones from run to run


def text_hash(text: str) -> str:
    """The hash of a text's UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def prompt_hash(messages: Iterable[BaseMessage]) -> str:
    """The hash of what a model was asked: each message's role and content, in order."""
    return text_hash(json.dumps([[message.type, message.content] for message in messages], ensure_ascii=False))


def catalog_hash(tables: Iterable[Table]) -> str:
    """The hash of what the schema declares: tables, columns, types, keys; whatever order they come in.

    Left out is what changes with the data (row counts, samples, keys that were inferred), comments, and the database's
    own name, which is a file's.
    """
    return text_hash(json.dumps(sorted(_declared(table) for table in tables), ensure_ascii=False))


def rows_hash(rows: Sequence[Sequence[Any]], *, ordered: bool) -> str:
    """The hash of the rows; in any order unless `ordered`. Floats count to ten digits."""
    lines = [json.dumps([_plain(cell) for cell in row], ensure_ascii=False) for row in rows]
    return text_hash("\n".join(lines if ordered else sorted(lines)))


def _declared(table: Table) -> list[Any]:
    keys = [
        [list(key.columns), key.target_table, list(key.target_columns)] for key in table.foreign_keys if key.declared
    ]
    columns = sorted([column.name, column.type] for column in table.columns)
    return [table.schema_name, table.name, columns, list(table.primary_key), sorted(keys)]


def _plain(cell: Any) -> Any:
    """A cell in JSON's types; 1, 1.0 and Decimal("1.00") differ, since their types do."""
    if cell is None or isinstance(cell, bool | int | str):
        return cell
    if isinstance(cell, float):
        return f"{cell:.{SIGNIFICANT_DIGITS}g}"
    if isinstance(cell, Decimal | datetime | date | time):
        return f"{type(cell).__name__} {cell}"
    if isinstance(cell, dict):
        return [[str(key), _plain(value)] for key, value in cell.items()]
    if isinstance(cell, list | tuple):
        return [_plain(value) for value in cell]
    return bytes(cell).hex() if isinstance(cell, bytes | bytearray | memoryview) else str(cell)
