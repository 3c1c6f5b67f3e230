"""Where unexpected errors go in full, since no traceback is shown to a user."""

import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path


def write_crash(error: BaseException, folder: Path) -> Path | None:
    """Append the traceback to `folder`/cli.log, or to one in a new temporary folder; None if neither can be written."""
    from sql_tools.errors import (
        SettingsError,
    )  # late: the terminal must speak even where parts of the product are missing
    from sql_tools.settings import private_folder

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


class _ToLog(logging.Handler):
    def __init__(self, folder: Callable[[], Path]) -> None:
        super().__init__(logging.ERROR)
        self.folder = folder

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1]:
            write_crash(record.exc_info[1], self.folder())


def log_what_breaks(folder: Callable[[], Path]) -> None:
    """What breaks inside and costs no answer, as a check on odd SQL, goes to the log as well, and not to the terminal."""
    logger = logging.getLogger("sql_tools")
    for handler in [handler for handler in logger.handlers if isinstance(handler, _ToLog)]:
        logger.removeHandler(handler)
    logger.addHandler(_ToLog(folder))


def _temporary_folder() -> Path:
    """A new folder nobody else may enter: a name that others know could be theirs already, or a link."""
    return Path(tempfile.mkdtemp(prefix="arctic-copilot-"))
