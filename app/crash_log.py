"""Where unexpected errors go in full, since no traceback is shown to a user."""

import os
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from sql_tools.errors import SettingsError
from sql_tools.settings import private_folder


def write_crash(error: BaseException, folder: Path) -> Path | None:
    """Append the traceback to `folder`/cli.log, or to one in a new temporary folder; None if neither can be written."""
    entry = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z {sys.argv!r}\n{''.join(traceback.format_exception(error))}\n"
    for temporary in (False, True):
        try:
            log = (_temporary_folder() if temporary else private_folder(folder.parent, folder.name)) / "cli.log"
            opened = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
            with open(opened, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(entry)
        except (OSError, SettingsError):
            continue
        return log
    return None


def _temporary_folder() -> Path:
    """A new folder nobody else may enter: a name that others know could be theirs already, or a link."""
    return Path(tempfile.mkdtemp(prefix="arctic-copilot-"))
