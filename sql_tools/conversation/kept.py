"""A conversation as JSON, and back: what `ask --conversation FILE` keeps between runs, and what a caller of ASK hands in.

What is read is somebody's file: it is checked field by field, its SQL meets every check again before it runs, and its values
are values of the types its columns name.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import ValidationError

from sql_tools.errors import SettingsError
from sql_tools.json_contract import VERSION, json_object
from sql_tools.models import Answer

MAX_KEPT = 100


def to_text(answers: Sequence[Answer]) -> str:
    """The last MAX_KEPT answers as one JSON object; the file is as long as the rows shown."""
    kept = [json_object(answer) for answer in answers[-MAX_KEPT:]]
    return json.dumps({"version": VERSION, "answers": kept}, ensure_ascii=False, default=str)


def from_text(text: str) -> tuple[Answer, ...]:
    """The answers of a kept conversation, oldest first; SettingsError says what is wrong with it."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise SettingsError(
            "The conversation file is not JSON.", "Give another file, or a new name to start one."
        ) from error
    if not isinstance(found, dict) or not isinstance(found.get("answers"), list):
        raise SettingsError("The conversation file holds no answers.", "Give a file that --conversation made.")
    if found.get("version") not in range(1, VERSION + 1):
        told = str(found.get("version"))[:20]
        raise SettingsError(
            f"The conversation file is of version {told!r}.", "Start a new one, or update Arctic Copilot."
        )
    return tuple(answer_of(one) for one in found["answers"])


def answer_of(fields: Any) -> Answer:
    """One answer from its JSON, or from `{question, sql}` alone; SettingsError where it is neither."""
    if not isinstance(fields, Mapping):
        raise SettingsError("An earlier answer is malformed.", "Give the objects that ask --json prints.")
    if set(fields) <= {"question", "sql"}:
        if not all(isinstance(fields.get(name), str) for name in ("question", "sql")):
            raise SettingsError(
                "An earlier turn is malformed.", "Give {question, sql}, or the objects that ask --json prints."
            )
        return Answer(status="answered", question=fields["question"], sql=fields["sql"])
    try:
        known = {name: value for name, value in fields.items() if name in Answer.model_fields and name != "version"}
        answer = Answer.model_validate_json(json.dumps(known, default=str))
        kinds = [column.type.upper() for column in answer.columns]
        if any(len(row) != len(kinds) for row in answer.rows):
            raise ValueError("a row of another width")
        rows = tuple(tuple(_value(cell, kind) for cell, kind in zip(row, kinds, strict=True)) for row in answer.rows)
    except (ValidationError, ValueError, TypeError, InvalidOperation) as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) if isinstance(error, ValidationError) else str(error)[:60]
        raise SettingsError(
            f"An earlier answer is malformed: {where}.", "Give the objects that ask --json prints."
        ) from error
    return answer.model_copy(update={"rows": rows})


def _value(cell: Any, kind: str) -> Any:
    """A cell in the type its column names; as it is where that is none of those told apart."""
    if not isinstance(cell, str):
        return cell
    if kind.startswith(("DECIMAL", "NUMERIC", "NUMBER", "HUGEINT", "FIXED")):
        return Decimal(cell)
    if kind.startswith("DATE") and "TIME" not in kind:
        return date.fromisoformat(cell)
    if kind.startswith("TIMESTAMP") or kind.startswith("DATETIME"):
        return datetime.fromisoformat(cell)
    return time.fromisoformat(cell) if kind == "TIME" else cell
