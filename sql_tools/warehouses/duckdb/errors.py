"""DuckDB's exceptions as ours, in words that say what to do."""

import os
import re

import duckdb

from sql_tools.errors import SettingsError, WarehouseError
from sql_tools.settings import Settings


def warehouse_error(error: Exception) -> WarehouseError:
    """A driver exception as ours: what the engine says, without its error class, source excerpt and long lists."""
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
