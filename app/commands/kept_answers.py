"""A file with what `ask --json` printed -> its object; any trouble is a SettingsError that says what to give instead."""

import json
import sys
from pathlib import Path
from typing import Any

import typer

from app.terminal.cells import shown
from sql_tools.errors import SettingsError

HINT = "Give a file that holds what `arctic-copilot ask --json` printed."
MAX_BYTES = 512 * 1024**2


def read_answer(path: Path) -> dict[str, Any]:
    """The one JSON object in the file."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SettingsError(f"{path} is too large to be an answer.", HINT)
        fields = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"Cannot read {path}: {error.strerror}.", HINT) from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not JSON.", HINT) from error
    if not isinstance(fields, dict):
        raise SettingsError(f"{path} does not hold one JSON object.", HINT)
    return fields


def agreed_warehouse(named: str) -> str:
    """The warehouse that a file names, if whoever sits at the terminal wants it opened.

    SettingsError if not, or where nobody can be asked: a file from elsewhere may name any database, pipe or account.
    """
    words = shown(named, max_chars=200)
    if sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm(f"The file names {words}. Open it?", err=True):
        return named
    raise SettingsError(
        f"The file names the warehouse {words}, and nothing is opened on a file's word.",
        "Give --warehouse with the one to run it on.",
    )
