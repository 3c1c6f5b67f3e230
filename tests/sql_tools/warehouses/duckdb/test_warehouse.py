import datetime
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from decimal import Decimal

import duckdb
import pytest

from sql_tools.errors import QueryTimeoutError, SettingsError, WarehouseError
from sql_tools.models import ResultColumn
from sql_tools.settings import Settings
from sql_tools.warehouses.duckdb.warehouse import connect

FOREVER = "SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range * b.range % 7 = 3"
NOT_A_SELECT = (
    "CREATE TEMP TABLE t AS SELECT 1",
    "CHECKPOINT",
    "LOAD json",
    "SET VARIABLE a = 1",
    "SET threads = 1",
    "PRAGMA version",
    "CALL pragma_version()",
    "ATTACH ':memory:' AS other",
    "COPY (SELECT 1) TO 'out.csv'",
    "EXPLAIN SELECT 1",
    "PREPARE p AS SELECT 1",
    "DROP TABLE orders",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE orders",
    "",
    "-- only a comment",
)


@pytest.fixture
def orders(duckdb_file, opened):
    return opened(duckdb_file("CREATE TABLE orders AS SELECT range AS id, range * 1.5 AS amount FROM range(10)"))


def run(warehouse, sql, max_rows=100, timeout_seconds=20.0):
    return warehouse.run(sql, max_rows=max_rows, timeout_seconds=timeout_seconds)


def refusal(call, *arguments, **named) -> WarehouseError:
    with pytest.raises(WarehouseError) as caught:
        call(*arguments, **named)
    return caught.value


def header_checksum(header: bytes) -> bytes:
    """DuckDB's: each word times a constant, all of them xored."""
    checksum = 5381
    for (word,) in struct.iter_unpack("<Q", header):
        checksum ^= word * 0xBF58476D1CE4E5B9 % 2**64
    return checksum.to_bytes(8, "little")


def test_rows_keep_their_python_types(orders):
    result = run(
        orders, "SELECT 1.50::DECIMAL(5,2) AS price, DATE '2020-01-02' AS day, [1, NULL] AS list, NULL AS none"
    )
    assert result.rows == ((Decimal("1.50"), datetime.date(2020, 1, 2), [1, None], None),)
    assert result.columns[:2] == (
        ResultColumn(name="price", type="DECIMAL(5,2)"),
        ResultColumn(name="day", type="DATE"),
    )


def test_rows_past_the_cap_are_cut_and_said_so(orders):
    result = run(orders, "SELECT id FROM orders ORDER BY id", max_rows=3)
    assert (result.rows, result.truncated) == (((0,), (1,), (2,)), True)


def test_exactly_the_cap_is_not_truncated(orders):
    assert not run(orders, "SELECT id FROM orders", max_rows=10).truncated


def test_a_query_past_its_time_is_stopped(orders):
    started = time.monotonic()
    with pytest.raises(QueryTimeoutError, match=r"stopped after 0\.3 seconds"):
        run(orders, FOREVER, timeout_seconds=0.3)
    assert time.monotonic() - started < 10
    assert run(orders, "SELECT 1").rows == ((1,),)


@pytest.mark.skipif(sys.platform == "win32", reason="sends itself SIGINT")
def test_ctrl_c_stops_the_query_and_leaves_the_warehouse_usable(orders):
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(orders, FOREVER, timeout_seconds=60)
    assert time.monotonic() - started < 20
    assert run(orders, "SELECT 1").rows == ((1,),)


def test_threads_may_ask_at_once(orders):
    answers = []

    def ask(number: int) -> None:
        for _ in range(10):
            answers.append(run(orders, f"SELECT {number} * count(*) FROM orders").rows == ((number * 10,),))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 60


@pytest.mark.parametrize("sql", NOT_A_SELECT)
def test_only_one_select_runs(orders, sql):
    assert "Only one SELECT" in refusal(run, orders, sql).message
    assert "Only one SELECT" in refusal(orders.explain, sql).message


def test_a_write_inside_a_select_is_refused(orders):
    assert "read-only" in refusal(run, orders, "WITH w AS (INSERT INTO orders VALUES (1, 2)) SELECT 1").message
    assert run(orders, "SELECT count(*) FROM orders").rows == ((10,),)


@pytest.mark.parametrize("source", ["read_csv('{}')", "read_text('{}')", "glob('{}')", "'{}'", "sniff_csv('{}')"])
def test_files_outside_the_database_stay_closed(orders, tmp_path, source):
    secret = tmp_path / "secret.csv"
    secret.write_text("canary\n1\n")
    problem = refusal(run, orders, f"SELECT * FROM {source.format(secret)}")
    assert "reaches outside the database" in problem.message


def test_python_variables_are_not_tables(orders):
    canary = duckdb.sql("SELECT 1")  # noqa: F841
    assert "canary does not exist" in refusal(run, orders, "SELECT * FROM canary").message


@pytest.mark.parametrize(
    "setting", ["enable_external_access", "autoload_known_extensions", "autoinstall_known_extensions"]
)
def test_the_engine_is_closed_and_locked(orders, setting):
    assert run(orders, f"SELECT current_setting('{setting}')").rows == ((False,),)
    assert run(orders, "SELECT current_setting('lock_configuration')").rows == ((True,),)


def test_explain_names_the_problem_without_running(orders):
    assert 'Referenced column "nope" not found' in refusal(orders.explain, "SELECT nope FROM orders").message
    started = time.monotonic()
    orders.explain(FOREVER)
    assert time.monotonic() - started < 10


def test_complaints_are_short_and_without_a_source_excerpt(orders):
    message = refusal(orders.explain, "SELECT avg(id::VARCHAR) FROM orders").message
    assert message.startswith("No function matches")
    assert "LINE" not in message
    assert "Candidate functions" not in message


def test_placeholders_are_refused(orders):
    assert "placeholders" in refusal(orders.explain, "SELECT * FROM orders WHERE id = ?").message


@pytest.mark.parametrize(
    "sql", ["\x00\x01ÿ", "\ud800", "SELECT " + "(" * 5000 + "1" + ")" * 5000, "SELECT 1" + "+1" * 20000]
)
def test_junk_is_refused_in_words(orders, sql):
    assert refusal(run, orders, sql).message


def test_too_much_memory_is_said_so(orders):
    problem = refusal(run, orders, "SELECT list(repeat('x', 1000) || range) FROM range(10000000)")
    assert "more memory than allowed" in problem.message
    assert "MEMORY_LIMIT" in problem.hint


def test_a_sort_larger_than_memory_spills_into_the_cache(duckdb_file, tmp_path):
    path = duckdb_file("CREATE TABLE t AS SELECT 1 AS a")
    warehouse = connect(path, Settings(cache_dir=tmp_path / "cache", memory_limit="60MB"))
    result = run(
        warehouse, "SELECT range AS n, repeat('x', 100) AS x FROM range(800000) ORDER BY hash(range)", max_rows=1
    )
    assert len(result.rows) == 1
    warehouse.close()
    assert list((tmp_path / "cache" / "tmp").iterdir()) == []


def test_a_closed_warehouse_says_so(orders):
    orders.close()
    orders.close()
    assert "is closed" in refusal(run, orders, "SELECT 1").message


def test_the_same_file_opens_twice(duckdb_file, opened):
    path = duckdb_file("CREATE TABLE t AS SELECT 1 AS a")
    assert run(opened(path), "FROM t").rows == run(opened(path), "FROM t").rows == ((1,),)


def test_missing_file_is_refused(tmp_path, settings):
    assert "no file" in refusal(connect, tmp_path / "none.duckdb", settings).message


def test_folder_is_refused(tmp_path, settings):
    assert "is a folder" in refusal(connect, tmp_path, settings).message


@pytest.mark.parametrize(("content", "words"), [(b"hello\n" * 900, "something else"), (b"", "is empty")])
def test_a_file_that_only_looks_like_duckdb_is_refused(tmp_path, settings, content, words):
    path = tmp_path / "notes.duckdb"
    path.write_bytes(content)
    problem = refusal(connect, path, settings)
    assert words in problem.message
    assert ".sqlite" in problem.hint


def test_a_truncated_database_is_refused(duckdb_file, settings):
    path = duckdb_file("CREATE TABLE t AS SELECT range FROM range(100000)")
    path.write_bytes(path.read_bytes()[:20000])
    assert "damaged" in refusal(connect, path, settings).message


def test_another_storage_version_is_refused(duckdb_file, settings):
    path = duckdb_file("CREATE TABLE t AS SELECT 1 AS a")
    content = bytearray(path.read_bytes())
    content[12:20] = (100).to_bytes(8, "little")  # after the checksum and the magic bytes
    content[:8] = header_checksum(content[8:4096])
    path.write_bytes(content)
    problem = refusal(connect, path, settings)
    assert "another version of DuckDB" in problem.message
    assert "EXPORT DATABASE" in problem.hint


def test_an_empty_database_is_refused(duckdb_file, settings):
    assert "holds no tables" in refusal(connect, duckdb_file(), settings).message


def test_a_file_locked_by_a_writer_is_refused(duckdb_file, settings):
    path = duckdb_file("CREATE TABLE t AS SELECT 1 AS a")
    code = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        problem = refusal(connect, path, settings)
        writer.communicate()
    assert "being written to by another program" in problem.message


def test_a_file_open_for_writing_in_this_program_is_refused(duckdb_file, settings):
    path = duckdb_file("CREATE TABLE t AS SELECT 1 AS a")
    with duckdb.connect(str(path)):
        assert "already open in this program" in refusal(connect, path, settings).message


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(duckdb_file, settings):
    path = duckdb_file("CREATE TABLE t AS SELECT 1 AS a")
    path.chmod(0)
    assert "can't be read" in refusal(connect, path, settings).message


def test_no_permission_is_said_so(duckdb_file, settings, monkeypatch):
    path = duckdb_file("CREATE TABLE t AS SELECT 1 AS a")
    path.write_bytes(b"what the engine cannot open")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    problem = refusal(connect, path, settings)
    assert "Permission denied" in problem.message
    assert "permissions" in problem.hint


def test_a_bad_memory_limit_is_a_settings_error(duckdb_file, tmp_path):
    path = duckdb_file("CREATE TABLE t AS SELECT 1 AS a")
    with pytest.raises(SettingsError, match="memory limit 'lots'"):
        connect(path, Settings(cache_dir=tmp_path, memory_limit="lots"))
