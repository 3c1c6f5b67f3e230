"""Where unexpected errors go in full, since no traceback is shown to a user."""

import os
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path


def write_crash(error: BaseException, folder: Path) -> Path | None:
    """Append the traceback to `folder`/cli.log, or to one in the temporary folder; None if neither can be written."""
    entry = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z {sys.argv!r}\n{''.join(traceback.format_exception(error))}\n"
    for log in (folder / "cli.log", Path(tempfile.gettempdir()) / f"arctic-copilot-{os.getuid()}.log"):
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(entry)
        except OSError:
            continue
        return log
    return None
