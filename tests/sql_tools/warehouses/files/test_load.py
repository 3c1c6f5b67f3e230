import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from sql_tools.errors import WarehouseError
from sql_tools.settings import Settings
from sql_tools.warehouses.files.load import build_once, loaded_path


def files_below(path):
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())


def test_a_file_is_loaded_once(sqlite_path, settings):
    path = sqlite_path("CREATE TABLE t (a)")
    first = loaded_path(path, settings)
    written = first.stat().st_mtime_ns
    assert loaded_path(path.rename(path.with_name(path.name)), settings) == first
    assert first.stat().st_mtime_ns == written


def test_changed_content_is_loaded_anew(sqlite_path, settings):
    first = loaded_path(sqlite_path("CREATE TABLE t (a)"), settings)
    assert loaded_path(sqlite_path("CREATE TABLE u (a)"), settings) != first


def test_progress_is_told(sqlite_path, settings):
    told = []
    loaded_path(
        sqlite_path("CREATE TABLE t (a)", "CREATE TABLE u (a)"), settings, lambda what, part: told.append((what, part))
    )
    assert told == [("Loading t", 0.0), ("Loading u", 0.5)]


def test_a_failed_load_leaves_nothing(tmp_path, settings):
    path = tmp_path / "bad.sqlite"
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with pytest.raises(WarehouseError):
        loaded_path(path, settings)
    assert files_below(settings.cache) == []


def test_an_interrupted_build_leaves_nothing(tmp_path):
    def interrupt(connection, scratch):
        connection.execute("CREATE TABLE t AS SELECT range FROM range(1000)")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_once(tmp_path / "cache", Path("loaded/x.duckdb"), interrupt)
    assert files_below(tmp_path / "cache") == []


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_in_the_middle_of_loading_leaves_nothing(sqlite_path, tmp_path):
    path = sqlite_path("CREATE TABLE t (a)", *(["INSERT INTO t VALUES (1)"] * 3), "CREATE TABLE u (a)")
    code = f"""
import time
from pathlib import Path
from sql_tools.settings import Settings
from sql_tools.warehouses.files.load import loaded_path
def report(what, part):
    if part:
        print(what, flush=True)
        time.sleep(60)
loaded_path(Path({str(path)!r}), Settings(cache_dir=Path({str(tmp_path / "cache")!r})), report)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as loader:
        assert loader.stdout is not None
        assert loader.stdout.readline() == b"Loading u\n"
        loader.send_signal(signal.SIGINT)
    assert loader.returncode != 0
    assert files_below(tmp_path / "cache") == []


def test_a_cache_that_cannot_be_written_is_said_so(sqlite_path, tmp_path):
    blocker = tmp_path / "blocker"
    blocker.write_text("a file where a folder should be")
    with pytest.raises(WarehouseError, match="can't be written") as caught:
        loaded_path(sqlite_path("CREATE TABLE t (a)"), Settings(cache_dir=blocker / "cache"))
    assert "ARCTIC_COPILOT_CACHE_DIR" in caught.value.hint


def test_a_small_file_that_unpacks_to_much_is_refused_before_it_is_loaded(tmp_path, settings):
    with gzip.open(tmp_path / "bomb.csv.gz", "wb") as bomb:
        for _ in range(50):
            bomb.write(b"a\n" + b"0\n" * 500_000)
    assert (tmp_path / "bomb.csv.gz").stat().st_size < 200_000
    small = settings.model_copy(update={"max_load_gb": 0.01})
    with pytest.raises(WarehouseError, match="unpacks to more") as caught:
        loaded_path(tmp_path / "bomb.csv.gz", small)
    assert "MAX_LOAD_GB" in caught.value.hint
    assert files_below(settings.cache) == []


def test_the_files_of_a_folder_share_one_limit(tmp_path, settings):
    folder = tmp_path / "data"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.csv").write_text("x\n" + "1234567890\n" * 400_000)
    loaded_path(folder, settings.model_copy(update={"max_load_gb": 0.02}))
    with pytest.raises(WarehouseError, match=r"c\.csv unpacks"):
        loaded_path(folder, settings.model_copy(update={"max_load_gb": 0.01, "cache_dir": tmp_path / "other"}))


def test_a_parquet_files_rows_count_unpacked(tmp_path, settings):
    path = tmp_path / "zeros.parquet"
    duckdb.execute(f"COPY (SELECT hash(range) AS a FROM range(3000000)) TO '{path}' (FORMAT parquet)")
    with pytest.raises(WarehouseError, match="unpacks"):
        loaded_path(path, settings.model_copy(update={"max_load_gb": 0.01}))


def test_loading_keeps_to_the_memory_limit(tmp_path, settings):
    path = tmp_path / "wide.csv"
    path.write_text("a,b\n" + "".join(f"{n},{'x' * 60}{n}\n" for n in range(400_000)))
    tight = settings.model_copy(update={"memory_limit": "3MB"})
    with pytest.raises(WarehouseError, match=r"memory|can't be read"):
        loaded_path(path, tight)
    assert files_below(settings.cache) == []
