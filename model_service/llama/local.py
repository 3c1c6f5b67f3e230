"""The embedded default: weights on disk -> an OpenAI-compatible server on loopback, in a process we own.

llama.cpp runs in a child (`worker`) because a native abort must not take the app down. The child outlives the
command that started it and is found again through its lease, `<cache>/server/<weights>.json` (mode 0600: address, key,
pid), so the next question in another terminal starts at once; it leaves by itself when nobody asks for a while, and at
once when its lease is removed. A command that is killed while the model loads takes it along, and so does `serve` at any
time. The key is new for each run and known only to who can read the lease.
"""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from model_service.errors import LoadError, NoSpaceError, PortInUseError, ServerError
from model_service.llama.client import LocalModel
from model_service.machine import available_bytes, usable_cores
from model_service.private_folder import private_folder
from model_service.weights import store as weights_file

KEEP = "keep\n"  # as the worker has it
WORKER = Path(__file__).with_name("worker.py")
SETTINGS_VERSION = (
    1  # raise when the worker's parameters change, so that running servers and saved prefixes are not reused
)
LOOPBACK = ("127.0.0.1", "::1", "localhost")  # where a lease may say that a server is
IDLE_SECONDS = 15 * 60.0
READY_SECONDS = 180.0
ANSWER_SECONDS = 10.0  # a server that takes longer to say it is there counts as gone
CONTEXT_TOKENS = 32_768  # shared by all slots; 28 KB a token with the 1.5B model, 0.9 GB in all
SMALL_CONTEXT_TOKENS = 16_384  # where less than this much memory is free beyond the weights
ROOMY_BYTES = 4 * 1024**3
PARALLEL = 16  # slots; `n` of one request may be as large. Idle slots cost nothing
CACHE_RAM_MIB = 1024
THREADS_WAIT = (
    "passive"  # threads that spin while they wait made a busy 2-core machine ten times slower (2.4 s a token)
)


def ensure_running(weights: Path, cache_dir: Path, on_message: Callable[[str], None] | None = None) -> LocalModel:
    """The server for these weights: the one that is running, else a new one. Raises LoadError."""
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    lease = _lease(weights, cache_dir)
    _make_folders(cache_dir)
    if running := _running(lease):
        return running
    with WeakFileLock(lease.with_suffix(".lock")):  # two terminals at once start one server
        if running := _running(lease):
            return running
        if on_message:
            on_message("Loading the model.")
        return start(weights, cache_dir)


def start(weights: Path, cache_dir: Path, port: int = 0, *, idle_seconds: float | None = IDLE_SECONDS) -> LocalModel:
    """A new server in the background, ready to answer; one already running for these weights leaves.

    `port` 0 takes a free one. Raises PortInUseError, LoadError.
    """
    return _launch(weights, cache_dir, _lease(weights, cache_dir), port, idle_seconds=idle_seconds, keep=True).model


def serve(weights: Path, cache_dir: Path, port: int = 0, on_ready: Callable[[LocalModel], None] | None = None) -> None:
    """Serve in the foreground until Ctrl-C; `on_ready` is told address and key. Raises PortInUseError, LoadError."""
    lease = cache_dir.expanduser() / "server" / f"serve-{os.getpid()}.json"
    launched = _launch(weights, cache_dir, lease, port, idle_seconds=None, keep=False)
    try:
        if on_ready:
            on_ready(launched.model)
        launched.process.wait()
    except KeyboardInterrupt:
        return
    finally:
        stop(launched.model)
        _say(launched.process, "")
    raise LoadError(
        f"The model server ended by itself: {_cause(launched.process, launched.log)}.", f"Log: {launched.log}"
    )


def stop(model: LocalModel) -> None:
    """Nothing; the server is gone when this returns."""
    model.lease.unlink(missing_ok=True)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _answers(model):
        time.sleep(0.1)
    if _answers(model):  # deep in a long prompt; it knows our key, so the pid is certainly its own
        with contextlib.suppress(ProcessLookupError):
            os.kill(model.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    for child in _children:
        child.poll()


@dataclass(frozen=True)
class _Launched:
    model: LocalModel
    process: subprocess.Popen[bytes]
    log: Path


_children: list[subprocess.Popen[bytes]] = []  # kept, so that an ended child is reaped and Python does not complain


def _launch(
    weights: Path,
    cache_dir: Path,
    lease: Path,
    port: int,
    *,
    idle_seconds: float | None,
    keep: bool,
) -> _Launched:
    """`keep`: the worker outlives this process once it is ready."""
    if port:
        _require_free(port)
    _make_folders(cache_dir)
    weights_file.verify_as_loaded(weights)
    config = _config(weights, cache_dir, port) | {"lease": str(lease), "idle_seconds": idle_seconds}
    lease.unlink(missing_ok=True)
    log = lease.with_suffix(".log")
    process = _spawn(config, log)
    launched = _Launched(_wait_until_ready(process, lease, log), process, log)
    if keep:
        _say(process, KEEP)
    return launched


def _make_folders(cache_dir: Path) -> None:
    """For leases and saved prefixes: nobody else's to read."""
    try:
        for name in ("server", "prefix"):
            private_folder(cache_dir.expanduser(), name)
    except OSError as error:
        raise NoSpaceError(
            f"Cannot write to {cache_dir}: {error.strerror}.", "Set ARCTIC_COPILOT_CACHE_DIR to a folder of yours."
        ) from error


def _config(weights: Path, cache_dir: Path, port: int) -> dict[str, Any]:
    """Everything the worker is told; the names are its parameters'."""
    weights_id = weights_file.identity(weights)
    named = [model.name for model in weights_file.MODELS.values() if model.sha256 == weights_id]
    return {
        "weights": str(weights.expanduser().resolve()),
        "weights_id": weights_id,
        "model": named[0] if named else weights.stem,
        "version": _version(),
        "port": port,
        "api_key": secrets.token_urlsafe(32),
        "prefix_dir": str(cache_dir.expanduser().resolve() / "prefix"),
        "n_ctx": _context_tokens(weights.stat().st_size),
        "n_parallel": PARALLEL,
        "n_threads": usable_cores(),
        "cache_ram_mib": CACHE_RAM_MIB,
    }


def _context_tokens(weights_bytes: int) -> int:
    free = available_bytes()
    return CONTEXT_TOKENS if free is None or free - weights_bytes > ROOMY_BYTES else SMALL_CONTEXT_TOKENS


def _spawn(config: dict[str, Any], log: Path) -> subprocess.Popen[bytes]:
    """Its stdin stays open: the worker ends where that does, unless it was told to keep on."""
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-P", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            env={"OMP_WAIT_POLICY": THREADS_WAIT, **os.environ},
            start_new_session=True,  # Ctrl-C in the terminal is for the command, not for the server
        )
    _children.append(process)
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(config).encode() + b"\n")
        process.stdin.flush()
    return process


def _say(process: subprocess.Popen[bytes], last: str) -> None:
    """The last words on the worker's stdin, which ends with them."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
        stdin.write(last.encode())


def _wait_until_ready(process: subprocess.Popen[bytes], lease: Path, log: Path) -> LocalModel:
    deadline = time.monotonic() + READY_SECONDS
    try:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise LoadError(f"The model could not be loaded: {_cause(process, log)}.", f"The whole log: {log}")
            if (model := _read(lease)) and _answers(model):
                return model
            time.sleep(0.05)
        raise LoadError(f"The model was not ready after {READY_SECONDS:.0f} s: {_last_words(log)}.", f"Log: {log}")
    except BaseException:  # Ctrl-C included: a server nobody waits for must not stay
        process.kill()
        _say(process, "")
        lease.unlink(missing_ok=True)
        raise


def _lease(weights: Path, cache_dir: Path) -> Path:
    return cache_dir.expanduser().resolve() / "server" / f"{weights_file.identity(weights)[:16]}.json"


def _running(lease: Path) -> LocalModel | None:
    """The live server of a lease; a lease of a dead or differently set up one is removed."""
    model = _read(lease)
    if model and model.version == _version() and _answers(model):
        with contextlib.suppress(OSError):
            os.utime(lease)  # counts as use: it will not leave between now and the question
            return model
    lease.unlink(missing_ok=True)
    return None


def _read(lease: Path) -> LocalModel | None:
    try:
        model = LocalModel(lease=lease, **json.loads(lease.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return model if urlparse(str(model.url)).hostname in LOOPBACK else None


def _answers(model: LocalModel) -> bool:
    """Is it there, and does it know the key? `/props` needs the key and waits for no running request."""
    try:
        return bool(model.call("/props", timeout_seconds=ANSWER_SECONDS))
    except ServerError:
        return False


def _version() -> str:
    try:
        ours = version("arctic-copilot")
    except PackageNotFoundError:
        ours = "source"
    return f"{ours}/{SETTINGS_VERSION}/xllamacpp-{version('xllamacpp')}"


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise PortInUseError(
                f"Port {port} on this machine cannot be used: {getattr(error, 'strerror', None) or error}.",
                "Choose another with --port, or 0 for any free one.",
            ) from error


def _cause(process: subprocess.Popen[bytes], log: Path) -> str:
    if process.returncode == -9:
        return "the system killed it, most likely for want of memory"
    return _last_words(log)


def _last_words(log: Path) -> str:
    """What the log says of the cause: llama.cpp's reason for not loading, else its first error, else the last line."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    for mark in ("error loading model: ", " E "):
        for line in lines:
            if mark in line:
                return line.partition(mark)[2]
    return lines[-1] if lines else "it said nothing"
