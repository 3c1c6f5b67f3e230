"""A folder of CSV and Parquet files copied into DuckDB: one table a file, named after its stem."""

import codecs
import gzip
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import duckdb

from sql_tools.errors import WarehouseError
from sql_tools.warehouses import OnProgress
from sql_tools.warehouses.duckdb.metadata import create_metadata, write_note
from sql_tools.warehouses.names import quote

DATA_FILE = re.compile(r"(?P<stem>.+)\.(?P<kind>csv|tsv|csv\.gz|tsv\.gz|parquet)", re.IGNORECASE)
MAX_HEADING_LINES = 20
BLOCK_BYTES = 2**20
HINT = "Name them .csv, .tsv, .csv.gz or .parquet."


def is_data_file(path: Path) -> bool:
    """Is it named like a CSV or Parquet file?"""
    return path.is_file() and DATA_FILE.fullmatch(path.name) is not None and not path.name.startswith(".")


def data_files(path: Path) -> list[Path]:
    """The file itself, or the folder's CSV and Parquet files by name; WarehouseError if there are none."""
    if path.is_file():
        return [path]
    try:
        files = sorted(file for file in path.iterdir() if is_data_file(file))
    except OSError as error:
        raise WarehouseError(f"{path} can't be read: {error.strerror}.", "Check the folder's permissions.") from error
    if not files:
        raise WarehouseError(f"The folder {path} holds no CSV or Parquet files.", HINT)
    return files


def load_files(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    *,
    scratch: Path,
    max_bytes: int,
    on_progress: OnProgress,
) -> None:
    """One table a file; WarehouseError names the file that fails, or with which all are larger than `max_bytes` unpacked."""
    create_metadata(connection)
    left = max_bytes
    taken: dict[str, Path] = {}
    for index, file in enumerate(files):
        on_progress(f"Loading {file.name}", index / len(files))
        match = DATA_FILE.fullmatch(file.name)
        assert match is not None
        table, kind = match["stem"], match["kind"].lower()
        if other := taken.get(table.lower()):
            raise WarehouseError(f"{other.name} and {file.name} would both be table {table}.", "Rename one of them.")
        taken[table.lower()] = file
        link = scratch / f"{index}.{kind}"  # a name DuckDB can't take for a pattern or an option
        link.symlink_to(file.absolute())
        left -= _unpacked_bytes(connection, file, link, left)
        if left < 0:
            raise WarehouseError(
                f"{file} unpacks to more than is left of the {max_bytes / 1e9:g} GB that one folder may hold.",
                "Raise ARCTIC_COPILOT_MAX_LOAD_GB if that is meant.",
            )
        _load_file(connection, table, file, link)


def _unpacked_bytes(connection: duckdb.DuckDBPyConnection, file: Path, link: Path, enough: int) -> int:
    """Bytes of the file when unpacked; counted no further than `enough`. As large as packed where it cannot be told."""
    try:
        if link.suffix == ".gz":
            with gzip.open(file, "rb") as stream:
                count = 0
                while count <= enough and (block := stream.read(BLOCK_BYTES)):
                    count += len(block)
                return count
        if link.suffix == ".parquet":
            sql = f"SELECT sum(total_uncompressed_size) FROM parquet_metadata({_text(str(link))})"
            return int(connection.execute(sql).fetchall()[0][0] or 0)
    except (OSError, EOFError, zlib.error, duckdb.Error):  # loading it says what is wrong
        pass
    return file.stat().st_size


def _load_file(connection: duckdb.DuckDBPyConnection, table: str, file: Path, link: Path) -> None:
    if file.stat().st_size == 0:
        raise WarehouseError(f"{file} is empty.", "Remove it, or give it a header line.")
    try:
        if link.suffix == ".parquet":
            connection.execute(f"CREATE TABLE {quote(table)} AS FROM read_parquet({_text(str(link))})")
        else:
            _load_csv(connection, table, file, link)
    except duckdb.Error as error:
        why = str(error).splitlines()[0].replace(str(link), file.name)
        raise WarehouseError(
            f"{file} can't be read as {link.suffix[1:].upper()}: {why}", "Repair or remove it."
        ) from error


def _load_csv(connection: duckdb.DuckDBPyConnection, table: str, file: Path, link: Path) -> None:
    """Text in UTF-8 or UTF-16; anything else is taken for Latin-1, with a note."""
    encoding = "utf-16" if _begins_with(file, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8"
    try:
        _create_from_csv(connection, table, file, link, encoding)
    except duckdb.Error as error:
        if not re.search("utf-8|unicode", str(error), re.IGNORECASE):
            raise
        _create_from_csv(connection, table, file, link, "latin-1")
        write_note(connection, f"{file.name} is not UTF-8; it was read as Latin-1.")


def _begins_with(file: Path, *marks: bytes) -> bool:
    if file.suffix.lower() == ".gz":
        return False
    with file.open("rb") as stream:
        return stream.read(2) in marks


def _create_from_csv(connection: duckdb.DuckDBPyConnection, table: str, file: Path, link: Path, encoding: str) -> None:
    """Delimiter, header and types by looking at every row; codes stay text."""
    options = f"{_text(str(link))}, sample_size=-1, encoding={_text(encoding)}"
    sniffed = connection.execute(f"SELECT HasHeader, Columns, SkipRows FROM sniff_csv({options})").fetchall()[0]
    has_header, columns, skipped = sniffed
    _check_shape(file, [column["name"] for column in columns], skipped, has_header)
    if skipped:
        write_note(connection, f"The first {skipped} lines of {file.name} are no rows of the table; they were skipped.")
    options += f", header={str(has_header).lower()}"
    numbers = [column["name"] for column in columns if column["type"] in ("BIGINT", "DOUBLE", "HUGEINT")]
    codes = _codes(connection, options, numbers)
    if codes:
        options += ", types={" + ", ".join(f"{_text(name)}: 'VARCHAR'" for name in codes) + "}"
    connection.execute(f"CREATE TABLE {quote(table)} AS FROM read_csv({options})")


def _check_shape(file: Path, names: Sequence[str], skipped: int, has_header: bool) -> None:
    """Refuse what the engine reads by giving up: rows skipped to find a shape, or whole lines as one column."""
    lost_rows = skipped > MAX_HEADING_LINES or (skipped and not has_header)
    if lost_rows or (len(names) == 1 and re.search("[,;|\t]", names[0])):
        raise WarehouseError(f"{file}: its lines have different numbers of columns.", "Repair or remove it.")


def _codes(connection: duckdb.DuckDBPyConnection, options: str, numbers: Sequence[str]) -> list[str]:
    """Columns of digits that are no numbers: some value has a leading zero or a plus, as zip codes and phones do."""
    if not numbers:
        return []
    tests = ", ".join(rf"coalesce(bool_or(regexp_matches({quote(name)}, '^\s*(\+|-?0\d)')), false)" for name in numbers)
    found = connection.execute(f"SELECT {tests} FROM read_csv({options}, all_varchar=true)").fetchall()[0]
    return [name for name, is_code in zip(numbers, found, strict=True) if is_code]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
