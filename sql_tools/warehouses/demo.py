"""The demo warehouse: TPC-H as Snowflake's sample database has it, small, with keys and comments.

File, schema, table and column names are those of SNOWFLAKE_SAMPLE_DATA.TPCH_SF1, so every demo query also runs on a
Snowflake account. Rows come from `tpchgen-cli`, a binary that pip puts beside the interpreter.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb

from sql_tools.errors import WarehouseError
from sql_tools.settings import Settings
from sql_tools.warehouses import OnProgress
from sql_tools.warehouses.files.load import build_once

VERSION = "1"  # raise it when the same scale would give another file
SCALE_FACTOR = 0.01  # 60,000 lines of 15,000 orders; 1 is what Snowflake holds
TABLES = ("REGION", "NATION", "SUPPLIER", "CUSTOMER", "PART", "PARTSUPP", "ORDERS", "LINEITEM")  # targets before keys
GENERATOR = "tpchgen-cli"
SCHEMA_FILE = Path(__file__).parent.parent / "data" / "demo.sql"
MAX_SECONDS = 600.0


def demo_path(settings: Settings, on_progress: OnProgress | None = None, *, scale_factor: float = SCALE_FACTOR) -> Path:
    """The demo's DuckDB file in the cache, built on first use in a few seconds; WarehouseError if that fails.

    `scale_factor` is at least 0.01: below, TPC-H has too few suppliers for its own keys to hold.
    """
    report = on_progress or (lambda what, fraction: None)
    version = VERSION if scale_factor == SCALE_FACTOR else f"{VERSION}-sf{scale_factor:g}"
    kept = Path("demo") / version / "SNOWFLAKE_SAMPLE_DATA.duckdb"

    def fill(connection: duckdb.DuckDBPyConnection, scratch: Path) -> None:
        report("Generating the demo's rows", 0.0)
        _generate(scratch, scale_factor)
        connection.execute(SCHEMA_FILE.read_text("utf-8"))
        for index, table in enumerate(TABLES):
            report(f"Loading {table}", 0.2 + 0.8 * index / len(TABLES))
            file = str(scratch / f"{table.lower()}.parquet").replace("'", "''")
            connection.execute(f"INSERT INTO {table} SELECT * FROM read_parquet('{file}')")

    return build_once(settings.cache, kept, fill)


def _generate(folder: Path, scale_factor: float) -> None:
    """Parquet files of the eight tables in `folder`."""
    command = [_generator(), "parquet", "-s", f"{scale_factor:g}", "-o", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=MAX_SECONDS)
    except subprocess.CalledProcessError as error:
        why = (error.stderr.strip().splitlines() or [f"it ended with code {error.returncode}"])[-1]
        raise WarehouseError(f"The demo's rows could not be generated: {why}", _reinstall()) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WarehouseError(f"The demo's rows could not be generated: {error}", _reinstall()) from error


def _generator() -> str:
    """The binary beside this interpreter, else the one on PATH."""
    beside = shutil.which(GENERATOR, path=str(Path(sys.executable).parent))
    found = beside or shutil.which(GENERATOR)
    if found is None:
        raise WarehouseError(f"The demo needs {GENERATOR}, which is not installed.", _reinstall())
    return found


def _reinstall() -> str:
    return f"Install it again with `{sys.executable} -m pip install --force-reinstall {GENERATOR}`."
