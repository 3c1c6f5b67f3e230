"""DuckDB calls that stop when told: at a time limit, and at Ctrl-C.

The driver sees neither while the engine works, so the call runs in a thread of its own and the caller waits for it.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TypeVar

import duckdb

from sql_tools.errors import QueryTimeoutError

SECONDS_BETWEEN_INTERRUPTS = 0.05

T = TypeVar("T")


def interruptible(cursor: duckdb.DuckDBPyConnection, work: Callable[[], T], *, timeout_seconds: float) -> T:
    """What `work` returns or raises; `cursor`, which it uses, is interrupted when the time is up or Ctrl-C comes.

    Returns only when the engine has stopped. Raises QueryTimeoutError when the time is up.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="duckdb") as executor:
        future = executor.submit(work)
        try:
            finished, _ = wait([future], timeout_seconds)
        except BaseException:  # Ctrl-C
            _stop(cursor, future)
            raise
        if not finished:
            _stop(cursor, future)
            raise QueryTimeoutError(
                f"The query was stopped after {timeout_seconds:.3g} seconds.",
                "Ask for less, or raise ARCTIC_COPILOT_TIMEOUT_SECONDS.",
            )
        return future.result()


def _stop(cursor: duckdb.DuckDBPyConnection, future: Future[T]) -> None:
    """Interrupt until the call has ended: an interrupt that falls between two of its statements is lost."""
    while not future.done():
        with suppress(duckdb.Error):
            cursor.interrupt()
        wait([future], SECONDS_BETWEEN_INTERRUPTS)
