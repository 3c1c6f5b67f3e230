"""DuckDB in processes of its own, one call each at a time: started when needed, killed at the time limit or Ctrl-C.

`Processes` hands every call a process that is idle, or a new one, up to MAX_PROCESSES. One that has died, or was
killed, is replaced at the next call. What comes back is unpickled with a list of the classes a row may hold.
"""

import io
import os
import pickle
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast
from zoneinfo import ZoneInfo

import duckdb

from sql_tools.cancellation import stopping
from sql_tools.errors import QueryTimeoutError, WarehouseError
from sql_tools.warehouses.duckdb.worker import Refused, read_message, write_message

WORKER = Path(__file__).with_name("worker.py")
MAX_PROCESSES = 4
START_SECONDS = 60.0
POLL_SECONDS = 0.1
KEPT_VARIABLES = (
    "PATH LANG LC_ALL LC_CTYPE TZ PYTHONPATH PYTHONHOME LD_LIBRARY_PATH DYLD_LIBRARY_PATH SYSTEMROOT TEMP TMP TMPDIR"
).split()  # no keys and tokens: what the process does not hold cannot leak
ROW_CLASSES = frozenset(
    (module, name)
    for module, names in {
        "datetime": ("date", "datetime", "time", "timedelta", "timezone"),
        "decimal": ("Decimal",),
        "uuid": ("UUID", "SafeUUID"),
        "builtins": ("bytearray", "complex", "set", "frozenset"),
    }.items()
    for name in names
)


class RowUnpickler(pickle.Unpickler):
    """Knows the classes of DuckDB's values and no other."""

    def find_class(self, module: str, name: str) -> Any:
        """The class, if a row may hold it; UnpicklingError otherwise."""
        if (module, name) not in ROW_CLASSES:
            raise pickle.UnpicklingError(f"{module}.{name} is no type of a value")
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> ZoneInfo:
        """A time zone by its name."""
        return ZoneInfo(pid[1])


def loads(pickled: bytes) -> Any:
    """The rows in `pickled`; WarehouseError if they hold anything but values."""
    try:
        return RowUnpickler(io.BytesIO(pickled)).load()
    except Exception as error:
        raise WarehouseError(
            "The engine's answer can't be read.", "Cast the columns to numbers, text or dates."
        ) from error


class Process:
    """One child with the file open. Not for two calls at once."""

    def __init__(self, path: str, config: Mapping[str, Any], temp_folder: Path, options: Mapping[str, bool]) -> None:
        self.temp_folder = temp_folder
        self.schema = ""
        self.worn = False
        self._child = subprocess.Popen(
            [sys.executable, "-P", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name in KEPT_VARIABLES},
            start_new_session=True,  # Ctrl-C is for us: we end it
        )
        self._replies: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True, name="duckdb-replies").start()
        try:
            self.call("open", path, dict(config), dict(options), timeout_seconds=START_SECONDS)
        except BaseException:
            self.kill()
            raise

    def call(self, *request: Any, timeout_seconds: float) -> Any:
        """What the engine answers, or its exception; killed, it raises QueryTimeoutError, dead, WarehouseError."""
        try:
            assert self._child.stdin is not None
            write_message(cast(BinaryIO, self._child.stdin), pickle.dumps(request))
            body = self._wait(timeout_seconds)
        except OSError:
            body = None
        except BaseException:  # Ctrl-C, or the time is up
            self.kill()
            raise
        if body is None:
            self.kill()
            raise WarehouseError(
                "The engine broke down on this query and was started anew.", "Ask for less, or in another way."
            )
        self.worn, outcome, *value = loads(body)
        if outcome == "ok":
            return value[0]
        _raise(*value)

    def kill(self) -> None:
        """End it at once, whatever it does; twice is fine."""
        self.worn = True
        self._child.kill()
        self._let_go()

    def close(self) -> None:
        """Let it end by itself, which it does at the end of its input."""
        with suppress(OSError):
            assert self._child.stdin is not None
            self._child.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(2)
        self.kill()

    def _let_go(self) -> None:
        self._child.wait()
        with suppress(OSError):
            assert self._child.stdin is not None
            self._child.stdin.close()
        shutil.rmtree(self.temp_folder, ignore_errors=True)

    def _wait(self, timeout_seconds: float) -> bytes | None:
        """The next reply, None from a dead child; in short waits, so that Ctrl-C is heard on every system."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            left = deadline - time.monotonic()
            try:
                return self._replies.get(timeout=max(0.0, min(POLL_SECONDS, left)))
            except queue.Empty:
                if left <= 0:
                    raise QueryTimeoutError(
                        f"The query was stopped after {timeout_seconds:.3g} seconds.",
                        "Ask for less, or raise ARCTIC_COPILOT_TIMEOUT_SECONDS.",
                    ) from None

    def _listen(self) -> None:
        assert self._child.stdout is not None
        with self._child.stdout as stream, suppress(OSError, ValueError):
            while (body := read_message(cast(BinaryIO, stream))) is not None:
                self._replies.put(body)
        self._replies.put(None)


class Processes:
    """The processes of one open file; calls may come from several threads."""

    def __init__(
        self,
        path: Path,
        config: Mapping[str, Any],
        *,
        temp_folder: Path,
        name: str = "",
        options: Mapping[str, bool] | None = None,
    ) -> None:
        self.name, self.schema = name or str(path), ""
        self._path, self._config, self._temp_folder = str(path), dict(config), temp_folder
        self._options = {"read_only": True, "checked": True, "limited": True, **(options or {})}
        self._idle: list[Process] = []
        self._started = 0
        self._closed = False
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(MAX_PROCESSES)

    def call(self, *request: Any, timeout_seconds: float) -> Any:
        """What the engine answers; duckdb.Error, WarehouseError or QueryTimeoutError where it does not.

        Given up by its asker, its process is killed.
        """
        with self.borrowed() as process, stopping(process.kill):
            return process.call(*request, timeout_seconds=timeout_seconds)

    @contextmanager
    def borrowed(self) -> Iterator[Process]:
        """A process for one call; it waits while all are busy."""
        with self._free:
            process = self._take()
            try:
                yield process
            finally:
                self._give_back(process)

    def close(self) -> None:
        """End those that are idle, and each of the others after its call; twice is fine."""
        with self._lock:
            self._closed, idle, self._idle = True, self._idle, []
        for process in idle:
            process.close()

    def _take(self) -> Process:
        with self._lock:
            if self._closed:
                raise WarehouseError(f"{self.name} is closed.", "Open it again.")
            process = self._idle.pop() if self._idle else None
            self._started += process is None
            folder = self._temp_folder / f"duckdb-{os.getpid()}-{id(self):x}-{self._started}"
        if process is None:
            config = {**self._config, "temp_directory": str(folder)} if self._config else {}
            process = Process(self._path, config, folder, self._options)
        if process.schema != self.schema:
            process.call("schema", self.schema, timeout_seconds=START_SECONDS)
            process.schema = self.schema
        return process

    def _give_back(self, process: Process) -> None:
        with self._lock:
            keep = not (process.worn or self._closed)
            if keep:
                self._idle.append(process)
        if not keep:
            process.kill()


class Cursor:
    """What our own catalog queries need of a DuckDB cursor, answered by another process."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._rows: list[tuple[Any, ...]] = []
        self._running: Process | None = None

    def execute(self, sql: str, parameters: Sequence[Any] | None = None) -> "Cursor":
        """Run one query of ours."""
        with self._processes.borrowed() as process:
            self._running = process
            try:
                self._rows = loads(process.call("own", sql, parameters, timeout_seconds=START_SECONDS))
            finally:
                self._running = None
        return self

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All its rows."""
        return self._rows

    def interrupt(self) -> None:
        """Stop what runs, for good: its process is killed."""
        if (process := self._running) is not None:
            process.kill()


def _raise(kind: str, text: str) -> NoReturn:
    """The child's exception, here."""
    if kind == Refused.__name__:
        message, _, hint = text.partition("|")
        raise WarehouseError(message, hint)
    if kind == MemoryError.__name__:
        raise duckdb.OutOfMemoryException(text)
    found = getattr(duckdb, kind, None)
    if isinstance(found, type) and issubclass(found, duckdb.Error):
        raise found(text)
    failed = WarehouseError(f"The engine failed: {text.splitlines()[0] if text else kind}", "Ask in another way.")
    failed.without_values = "The engine failed on it."
    raise failed
