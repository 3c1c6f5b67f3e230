"""A real timeout: DuckDB is interrupted from another thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb

from sql_tools.errors import QueryTimeoutError

SECONDS_BETWEEN_INTERRUPTS = 0.05


class _Watch:
    """Interrupts `cursor` after `seconds`, again and again until `end`: one between two statements would be lost."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, seconds: float) -> None:
        self.expired = False
        self._cursor = cursor
        self._ended = False
        self._lock = threading.Lock()  # so that no interrupt reaches a cursor its owner has closed
        self._timer = self._start(seconds)

    def _start(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self._interrupt)
        timer.daemon = True
        timer.start()
        return timer

    def _interrupt(self) -> None:
        with self._lock:
            if self._ended:
                return
            self.expired = True
            with suppress(duckdb.Error):
                self._cursor.interrupt()
            self._timer = self._start(SECONDS_BETWEEN_INTERRUPTS)

    def end(self) -> None:
        with self._lock:
            self._ended = True
            self._timer.cancel()


@contextmanager
def time_limit(cursor: duckdb.DuckDBPyConnection, seconds: float | None) -> Iterator[None]:
    """Interrupt what `cursor` runs after `seconds` (never if None), and raise QueryTimeoutError for it."""
    if seconds is None:
        yield
        return
    watch = _Watch(cursor, seconds)
    try:
        yield
    except duckdb.Error as error:
        if watch.expired:
            raise QueryTimeoutError(
                f"The query was stopped after {seconds:g} seconds.",
                "Ask for less, or raise ARCTIC_COPILOT_TIMEOUT_SECONDS.",
            ) from error
        raise
    finally:
        watch.end()
