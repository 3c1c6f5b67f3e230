"""Foreign files become a DuckDB file in the cache, once: keyed by their content, written whole or not at all.

The wall around the engine keeps it from reading files at question time, so SQLite, CSV and Parquet are copied in
before. `build_once` writes beside the final name and renames: Ctrl-C leaves nothing that looks finished.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb

from sql_tools.errors import WarehouseError
from sql_tools.settings import Settings, private_folder
from sql_tools.warehouses import OnProgress
from sql_tools.warehouses.duckdb.leftovers import remove_leftovers
from sql_tools.warehouses.files import folder, sqlite_file

VERSION = 1  # raise it when the same files would load differently
SCRATCH_PREFIX = ".building-"
SQLITE_MAGIC = b"SQLite format 3\x00"
SQLITE_SUFFIXES = (".sqlite", ".sqlite3", ".db", ".db3", ".s3db")

Fill = Callable[[duckdb.DuckDBPyConnection, Path], None]  # an empty database, and a scratch folder


def must_load(path: Path) -> bool:
    """Is this anything but a DuckDB file?"""
    return path.is_dir() or folder.is_data_file(path) or _is_sqlite(path)


def loaded_path(path: Path, settings: Settings, on_progress: OnProgress | None = None) -> Path:
    """The cached DuckDB file with the rows of a SQLite file, a CSV or Parquet file, or a folder of them.

    Raises WarehouseError naming the file that can't be read.
    """
    report = on_progress or (lambda what, fraction: None)
    if path.is_dir() or folder.is_data_file(path):
        files = folder.data_files(path)
        return build_once(
            settings.cache,
            Path("loaded") / f"{_content_hash(files)}.duckdb",
            lambda connection, scratch: folder.load_files(
                connection, files, scratch=scratch, max_bytes=int(settings.max_load_gb * 10**9), on_progress=report
            ),
            memory_limit=settings.memory_limit,
        )
    files = [path, *(wal for wal in [path.with_name(path.name + "-wal")] if wal.exists())]
    return build_once(
        settings.cache,
        Path("loaded") / f"{_content_hash(files)}.duckdb",
        lambda connection, scratch: sqlite_file.load_sqlite(connection, path, on_progress=report),
        memory_limit=settings.memory_limit,
    )


def build_once(cache: Path, kept: Path, fill: Fill, *, memory_limit: str = "2GB") -> Path:
    """`cache` / `kept`, filled by `fill` if it isn't there yet; nothing stays behind if that fails.

    The engine that fills it keeps to `memory_limit`, and spills what is more into the same folder.

    The folder is the user's alone, and so is all in it: it holds copies of data whose own files may be closed to others.
    """
    final = cache / kept
    try:
        private_folder(cache, *kept.parent.parts)
        if final.is_file() and not final.is_symlink():
            return final
        remove_leftovers(final.parent, SCRATCH_PREFIX + "*")
        scratch = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=final.parent))
    except OSError as error:
        raise _no_cache(final, error) from error
    try:
        limits: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "temp_directory": str(scratch / "spilled"),
        }
        with duckdb.connect(str(scratch / final.name), config=limits) as connection:
            fill(connection, scratch)
        (scratch / final.name).chmod(0o600)
        (scratch / final.name).replace(final)
    except (OSError, duckdb.IOException) as error:
        raise _no_cache(final, error) from error
    except duckdb.OutOfMemoryException as error:
        raise WarehouseError(
            "The data needs more memory to load than allowed.", "Raise ARCTIC_COPILOT_MEMORY_LIMIT, or split the files."
        ) from error
    except duckdb.Error as error:
        raise WarehouseError(
            f"The data can't be loaded: {str(error).splitlines()[0]}", "Report this with the file it happened on."
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return final


def _no_cache(final: Path, error: OSError | duckdb.Error) -> WarehouseError:
    why = getattr(error, "strerror", None) or str(error).splitlines()[0]
    return WarehouseError(
        f"The cache folder {final.parent} can't be written: {why}.",
        "Free some space, or set ARCTIC_COPILOT_CACHE_DIR to another folder.",
    )


def _is_sqlite(path: Path) -> bool:
    """By content; by name when there is too little content to tell."""
    try:
        with path.open("rb") as file:
            head = file.read(len(SQLITE_MAGIC))
    except OSError as error:
        raise unreadable(path, error) from error
    return head == SQLITE_MAGIC or (path.suffix.lower() in SQLITE_SUFFIXES and head[8:12] != b"DUCK")


def _content_hash(files: Iterable[Path]) -> str:
    """SHA-256 over names and contents, and over this loader's version."""
    digest = hashlib.sha256(f"loader {VERSION}".encode())
    for file in files:
        try:
            with file.open("rb") as stream:
                digest.update(f"\0{file.name}\0".encode(errors="surrogateescape"))
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        except OSError as error:
            raise unreadable(file, error) from error
    return digest.hexdigest()


def unreadable(path: Path, error: OSError) -> WarehouseError:
    """Why the file can't be read."""
    return WarehouseError(f"{path} can't be read: {error.strerror or error}.", "Check the file's permissions.")
