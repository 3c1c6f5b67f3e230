import time

import duckdb
import pytest

from sql_tools.errors import QueryTimeoutError
from sql_tools.warehouses.duckdb.interruptible import interruptible

FOREVER = "SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range * b.range % 7 = 3"


def test_the_result_comes_back():
    cursor = duckdb.connect()
    assert interruptible(cursor, lambda: cursor.execute("SELECT 1").fetchall(), timeout_seconds=9) == [(1,)]


def test_an_error_comes_back():
    cursor = duckdb.connect()
    with pytest.raises(duckdb.CatalogException):
        interruptible(cursor, lambda: cursor.execute("FROM nope"), timeout_seconds=9)


def test_several_statements_are_stopped_together():
    cursor = duckdb.connect()

    def work() -> None:
        for _ in range(3):
            time.sleep(0.1)  # an interrupt that falls here is lost
            cursor.execute(FOREVER).fetchall()

    started = time.monotonic()
    with pytest.raises(QueryTimeoutError):
        interruptible(cursor, work, timeout_seconds=0.02)
    assert time.monotonic() - started < 10
