"""The file of `ask --conversation`: read whole, written whole, its owner's alone."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sql_tools.conversation.kept import from_text, to_text
from sql_tools.errors import SettingsError
from sql_tools.models import Answer

MAX_BYTES = 64 * 2**20


def read_conversation(file: Path) -> tuple[Answer, ...]:
    """The answers kept in it; none if it is not there yet. SettingsError says what is wrong with it."""
    try:
        if not file.exists():
            return ()
        if file.stat().st_size > MAX_BYTES:
            raise SettingsError(f"{file} is larger than {MAX_BYTES // 2**20} MB.", "Start a new conversation.")
        return from_text(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is no text.", "Give a file that --conversation made.") from error
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror or error}.", "Give another file.") from error


def keep(answers: Sequence[Answer], file: Path) -> None:
    """Write the conversation in its place; what was there stays whole if that fails."""
    try:
        handle, scratch = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(to_text(answers))
        os.replace(scratch, file)
    except OSError as error:
        told = f"The answer was given, but {file} cannot be written: {error.strerror or error}."
        raise SettingsError(told, "Give a file in a folder of yours.") from error
