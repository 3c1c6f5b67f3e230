"""The engine in a process of its own: what it bounds, and that nothing is left behind."""

import datetime
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import uuid
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from sql_tools.errors import QueryTimeoutError, WarehouseError
from sql_tools.settings import Settings
from sql_tools.warehouses.duckdb.process import Processes, loads
from sql_tools.warehouses.duckdb.warehouse import connect
from sql_tools.warehouses.duckdb.worker import dumps

FOREVER = "SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range * b.range % 7 = 3"
HUNGRY = (
    "SELECT length(printf('%1900000000d', 1))",
    "SELECT list_sort(range(1000000000))",
    "SELECT list(repeat('x', 1000) || range) FROM range(100000000)",
)
linux = pytest.mark.skipif(sys.platform != "linux", reason="bounded by /proc and RLIMIT_AS")


@pytest.fixture
def shop(duckdb_file, opened):
    return opened(duckdb_file("CREATE TABLE t AS SELECT range AS a FROM range(10)"))


@pytest.fixture
def unchecked(duckdb_file, tmp_path):
    """Processes with no fence but their limits."""
    path = duckdb_file("CREATE TABLE t AS SELECT range AS a FROM range(10)", name="unchecked")
    processes = Processes(
        path, {"memory_limit": "300MB"}, temp_folder=tmp_path, options={"checked": False, "read_only": True}
    )
    yield processes
    processes.close()


def run(warehouse, sql, max_rows=100, timeout_seconds=20.0):
    return warehouse.run(sql, max_rows=max_rows, timeout_seconds=timeout_seconds)


@pytest.fixture(autouse=True)
def earlier(monkeypatch):
    """Processes of warehouses that other tests keep open are none of ours."""
    monkeypatch.setitem(EARLIER, "pids", frozenset(children()))


EARLIER = {"pids": frozenset()}


def children(parent: int | None = None) -> set[int]:
    """The engine's processes started by `parent`, by default those of this program that the test at hand started."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_child = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]) == (parent or os.getpid())
            if is_child and b"duckdb/worker.py" in (folder / "cmdline").read_bytes():
                found.add(int(folder.name))
    return found - EARLIER["pids"]


@pytest.mark.parametrize(
    "value",
    [
        None, True, 12, 2**100, 1.5, Decimal("1.50"), "ä\0", b"\x00\xff", [1, [None]], {"a": {"b": 1}}, (1, 2),
        datetime.date(2020, 1, 2), datetime.time(1, 2, 3, 4), datetime.timedelta(days=-1),
        datetime.time(1, tzinfo=datetime.timezone(datetime.timedelta(hours=9))), uuid.UUID(int=7),
    ],
)  # fmt: skip
def test_every_value_comes_back_as_it_was(value):
    assert loads(dumps(value)) == value
    assert type(loads(dumps(value))) is type(value)


def test_a_time_with_a_named_zone_keeps_it(shop):
    (row,) = run(shop, "SELECT TIMESTAMPTZ '2020-01-02 03:04:05+00' AS t").rows
    assert row[0].utcoffset() is not None
    assert row[0] == datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


def test_a_reply_that_would_run_code_is_refused():
    class Evil:
        def __reduce__(self):
            return (os.system, ("true",))

    with pytest.raises(WarehouseError, match="can't be read"):
        loads(pickle.dumps(Evil()))


@linux
@pytest.mark.parametrize("sql", HUNGRY)
def test_memory_is_bounded_with_every_other_fence_off(unchecked, sql):
    with pytest.raises((duckdb.Error, WarehouseError)):
        unchecked.call("select", sql, 10, 10**8, timeout_seconds=30)
    assert loads(unchecked.call("select", "SELECT 1", 10, 10**8, timeout_seconds=30)[1]) == [(1,)]


@linux
@pytest.mark.parametrize("sql", HUNGRY)
def test_planning_is_bounded_like_running(shop, sql):
    with pytest.raises(WarehouseError, match=r"more memory|broke down|stopped after"):
        run(shop, sql)
    with suppress(WarehouseError):  # whether it plans or not, it must not cost the next query
        shop.explain(sql)
    assert run(shop, "SELECT count(*) FROM t").rows == ((10,),)


def test_a_query_that_hears_no_interrupt_is_killed_at_its_time(shop):
    started = time.monotonic()
    with pytest.raises(QueryTimeoutError, match=r"stopped after 0\.2 seconds"):
        run(shop, "SELECT list_sort(list_transform(range(30000000), lambda x: hash(x)))", timeout_seconds=0.2)
    assert time.monotonic() - started < 5
    assert run(shop, "SELECT 1").rows == ((1,),)


def test_rows_too_large_together_are_refused(duckdb_file, tmp_path):
    path = duckdb_file("CREATE TABLE t AS SELECT 1 AS a")
    warehouse = connect(path, Settings(cache_dir=tmp_path, max_result_mb=1))
    with pytest.raises(WarehouseError, match="larger than 1 MB") as caught:
        run(warehouse, "SELECT repeat('x', 100000) FROM range(50)")
    assert "MAX_RESULT_MB" in caught.value.hint
    with pytest.raises(WarehouseError, match="larger than 1 MB"):
        run(warehouse, "SELECT repeat('x', 1000) FROM range(50000)", max_rows=50000)
    warehouse.close()


@linux
def test_a_crash_of_the_engine_is_told_and_the_next_query_works(shop):
    victim = children().pop()
    timer = threading.Timer(0.5, os.kill, (victim, signal.SIGSEGV))
    timer.start()
    with pytest.raises(WarehouseError, match="broke down on this query"):
        run(shop, FOREVER)
    assert run(shop, "SELECT 1").rows == ((1,),)
    assert victim not in children()


@linux
def test_a_process_that_died_idle_is_replaced(shop):
    os.kill(children().pop(), signal.SIGKILL)
    time.sleep(0.2)
    with pytest.raises(WarehouseError):
        run(shop, "SELECT 1")
    assert run(shop, "SELECT 1").rows == ((1,),)


@linux
def test_ctrl_c_leaves_no_process_and_no_folder(duckdb_file, tmp_path):
    path = duckdb_file("CREATE TABLE t AS SELECT 1 AS a")
    warehouse = connect(path, Settings(cache_dir=tmp_path))
    before = children()
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        run(warehouse, FOREVER)
    assert not before & children()
    warehouse.close()
    assert list((tmp_path / "tmp").iterdir()) == []


@linux
def test_closing_leaves_no_process(shop):
    run(shop, "SELECT 1")
    mine = children()
    shop.close()
    assert mine
    assert not mine & children()


@linux
def test_a_killed_program_takes_its_processes_along(duckdb_file, tmp_path):
    path = duckdb_file("CREATE TABLE t AS SELECT 1 AS a")
    code = (
        "from pathlib import Path; from sql_tools.settings import Settings; from sql_tools.warehouses.duckdb.warehouse import connect\n"
        f"w = connect(Path({str(path)!r}), Settings(cache_dir=Path({str(tmp_path)!r})))\n"
        f"print('open', flush=True); w.run({FOREVER!r}, max_rows=1, timeout_seconds=600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        program.stdout.readline()
        time.sleep(0.5)
        workers = children(program.pid)
        program.kill()
    assert workers
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


@linux
def test_the_engines_process_holds_no_keys(shop, monkeypatch, duckdb_file, opened):
    monkeypatch.setenv("ARCTIC_COPILOT_API_KEY", "canary-4711")
    before = children()
    opened(duckdb_file("CREATE TABLE t AS SELECT 1 AS a", name="other"))
    (new,) = children() - before
    assert b"canary-4711" not in Path(f"/proc/{new}/environ").read_bytes()
