"""DuckDB's exceptions as ours, in words that say what to do."""

import os
import re

import duckdb

from sql_tools.errors import SettingsError, WarehouseError
from sql_tools.settings import Settings

REFUSED = {  # what a model is told that may not see values: the engine's own words quote them
    "BinderException": "A name, a type or a function's arguments in it do not fit the tables.",
    "CatalogException": "It names a table, a type or a function that is not there.",
    "ParserException": "DuckDB cannot parse it.",
    "SyntaxException": "DuckDB cannot parse it.",
    "ConversionException": "A value cannot be converted to the type it is read as; TRY_CAST gives NULL instead.",
    "OutOfRangeException": "A number in it, or made by it, is too large or too small for its type.",
    "InvalidInputException": "A function in it got a value that it does not take.",
    "InvalidTypeException": "Types in it do not go together.",
    "TypeMismatchException": "Types in it do not go together.",
    "ConstraintException": "A subquery that stands for one value gives several rows, or a value breaks a rule of its type.",
    "NotImplementedException": "DuckDB cannot do that.",
}


def warehouse_error(error: Exception) -> WarehouseError:
    """A driver exception as ours: what the engine says, without its error class, source excerpt and long lists."""
    ours = _in_words(error)
    ours.without_values = ours.without_values or REFUSED.get(
        type(error).__name__, f"DuckDB refused it ({_kind(error)})."
    )
    return ours


def _kind(error: Exception) -> str:
    """`ConversionException` as `conversion error`; it names no value."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__.removesuffix("Exception")).lower()
    return f"{words} error"


def _in_words(error: Exception) -> WarehouseError:
    text = str(error).split("\n\nLINE ")[0].split("\n\tCandidate functions")[0].strip()
    text = re.sub(r'\nDid you mean "(pg_|sqlite_|duckdb_|information_schema|pragma_).*', "", text)
    text = re.sub(r"\s*Use \"?SET .*", "", text, flags=re.DOTALL)  # settings are locked, and a model would try them
    kind, _, rest = text.partition(" Error: ")
    message = rest if rest and len(kind) < 30 else text
    if isinstance(error, duckdb.OutOfMemoryException):
        return WarehouseError(
            "The query needs more memory than allowed.", "Ask for less, or raise ARCTIC_COPILOT_MEMORY_LIMIT."
        )
    if isinstance(error, duckdb.PermissionException):
        return WarehouseError(
            f"The query reaches outside the database: {message}", "Only the database's own tables can be read."
        )
    return WarehouseError(message)


def open_error(error: Exception, name: str, settings: Settings) -> WarehouseError | SettingsError:
    """Why a DuckDB file would not open, in words that say what to do."""
    text = str(error)
    if "different configuration" in text or f"(PID {os.getpid()})" in text:
        return WarehouseError(
            f"{name} is already open in this program in another way.", "Close the other connection first."
        )
    if "lock" in text and "onflicting" in text:
        return WarehouseError(
            f"{name} is being written to by another program.", "Close that program, or copy the file and open the copy."
        )
    if "memory" in text.lower():
        return SettingsError(f"The memory limit {settings.memory_limit!r} can't be used.", "Write it as 2GB or 500MB.")
    if "version" in text:
        return WarehouseError(
            f"{name} was written by another version of DuckDB than {duckdb.__version__}.",
            "Export it there with EXPORT DATABASE, and open the folder of files.",
        )
    return WarehouseError(
        f"{name} can't be opened as a DuckDB database: it is damaged or incomplete.", "Copy it again from its source."
    )
