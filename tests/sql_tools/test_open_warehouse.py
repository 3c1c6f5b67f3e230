import subprocess
import sys

import pytest

from sql_tools.errors import WarehouseError
from sql_tools.open_warehouse import open_warehouse


@pytest.mark.parametrize("target", ["missing.duckdb", "", "  ", "a\0b", "x" * 5000])
def test_a_target_that_is_not_there_is_refused(settings, target):
    with pytest.raises(WarehouseError, match="no file or folder") as caught:
        open_warehouse(target, settings)
    assert "demo" in caught.value.hint


def test_any_other_file_is_refused(settings, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(WarehouseError, match="not a DuckDB database"):
        open_warehouse(str(path), settings)


def test_the_warehouse_is_named_as_the_user_named_it(duckdb_file, opened):
    path = duckdb_file("CREATE TABLE t (a INT)")
    assert opened(path).name == str(path)


def test_a_database_is_known_by_content_not_by_name(sqlite_path, opened):
    path = sqlite_path("CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
    renamed = path.rename(path.with_suffix(".data"))
    assert opened(renamed).run("SELECT a FROM t", max_rows=1, timeout_seconds=9).rows == ((1,),)


def test_importing_the_package_does_not_import_the_engine():
    code = "import sql_tools.warehouses, sys; sys.exit(any(m in sys.modules for m in ('duckdb', 'pyarrow')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
