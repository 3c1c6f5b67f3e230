"""`check --file`: many statements, one verdict a line, so that other programs can ask for thousands at once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.terminal.cells import clean
from sql_tools.copilot import check
from sql_tools.errors import CopilotError, SettingsError
from sql_tools.settings import Settings
from sql_tools.warehouses import Warehouse


def check_statements(path: Path, warehouse: Warehouse, settings: Settings) -> Iterator[dict[str, Any]]:
    """{id, allowed, sql, problems} or {id, error} for each line, an object with id and sql.

    SettingsError if the file cannot be read.
    """
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _check_line(line, number, warehouse, settings)
    except OSError as error:
        hint = "Give a file of JSON lines with id and sql."
        raise SettingsError(f"Cannot read {path}: {error.strerror}.", hint) from error


def _check_line(line: bytes, number: int, warehouse: Warehouse, settings: Settings) -> dict[str, Any]:
    """A line's verdict; one that cannot be read, or on which the checks break, is its own error and never allowed."""
    try:
        identifier, sql = _statement(line)
    except (ValueError, TypeError, KeyError, RecursionError):
        return {"id": number, "error": f"line {number} is not a JSON object with id and sql"}
    try:
        report = check(sql, warehouse, settings, ask_data=False)
    except CopilotError as error:
        return {"id": identifier, "error": error.message}
    except Exception as error:
        return {"id": identifier, "error": f"the checks broke: {type(error).__name__}"}
    return {"id": identifier, "allowed": report.allowed, "sql": report.sql, "problems": report.problems}


def _statement(line: bytes) -> tuple[Any, str]:
    """The line's id and SQL."""
    statement = json.loads(line.decode("utf-8"))
    if not isinstance(statement["sql"], str):
        raise TypeError("sql")
    return statement["id"], clean(statement["sql"])
