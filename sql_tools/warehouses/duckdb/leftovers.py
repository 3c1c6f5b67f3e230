"""What a killed process could not clean up."""

import shutil
import time
from contextlib import suppress
from pathlib import Path

MAX_AGE_SECONDS = 24 * 3600.0


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Remove folders matching `pattern` in `folder` that nobody wrote to for a day; what can't be removed stays."""
    with suppress(OSError):
        for path in folder.glob(pattern):
            if time.time() - path.stat().st_mtime > MAX_AGE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
