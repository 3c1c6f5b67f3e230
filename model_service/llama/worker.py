"""The process that holds the model: llama.cpp's OpenAI-compatible server on loopback, and a watch over its own life.

Run by `local` as a script with one JSON line on stdin (so that the key is in no process list); imports nothing of ours.
A lease file says it is wanted: written when the server is ready, with its address and key. The worker leaves when the
lease is gone or belongs to another, or after `idle_seconds` without a request.

It also leaves when its parent ends, be it by kill -9, as long as stdin is open: the end of stdin means just that. A parent
whose server is for whoever comes next says "keep" once it is ready. llama.cpp holds Python's lock while it loads, so it is
a process of its own that waits for the end of stdin.
"""

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

POLL_SECONDS = 0.5
KEEP = "keep\n"


def main() -> None:
    """Serve until no longer wanted; exit code 1 and a last log line if the model cannot be served."""
    config = json.loads(sys.stdin.readline())
    _end_with_parent(Path(config["lease"]))
    try:
        server = _serve(config)
    except Exception as error:  # whatever llama.cpp raises, the parent shows this line
        sys.exit(f"E cannot serve the model: {error}")
    lease, text = Path(config["lease"]), _lease_text(config, server.listening_address)
    _write_private(lease, text)
    _wait_until_unwanted(server, lease, text, config)
    with contextlib.suppress(OSError):
        if lease.read_text() == text:
            lease.unlink()
    os._exit(0)  # llama.cpp's own threads need no goodbye


def _end_with_parent(lease: Path) -> None:
    """Fork a process that kills this one at the end of stdin, unless a line "keep" comes before."""
    if not hasattr(os, "fork"):
        return
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # that process leaves no trace when it ends
    worker = os.getpid()
    if os.fork():
        return
    try:
        if sys.stdin.readline() != KEEP and os.getppid() == worker:  # else the worker ended first
            os.kill(worker, signal.SIGKILL)
            _remove_lease(lease, worker)
    finally:
        os._exit(0)


def _remove_lease(lease: Path, worker: int) -> None:
    """Nobody else does it for a worker that was killed; another's stays."""
    with contextlib.suppress(OSError, ValueError):
        if json.loads(lease.read_text())["pid"] == worker:
            lease.unlink()


def _serve(config: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = config["weights"]
    params.model_alias = {config["model"]}
    params.hostnames, params.port, params.api_keys = ["127.0.0.1"], config["port"], [config["api_key"]]
    params.n_ctx, params.n_parallel, params.kv_unified = config["n_ctx"], config["n_parallel"], True
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = config["n_threads"]
    params.slot_save_path = config["prefix_dir"] + os.sep
    params.cache_ram_mib = config["cache_ram_mib"]
    params.cache_idle_slots = False  # keep prefixes in their slots: moving them out makes parallel askers prefill again
    params.endpoint_slots = params.endpoint_metrics = True
    params.ui = params.ui_mcp_proxy = params.endpoint_props = False
    params.server_tools, params.offline = [], True
    return xllamacpp.Server(params)


def _lease_text(config: dict[str, Any], address: str) -> str:
    kept = {name: config[name] for name in ("api_key", "model", "weights_id", "version")}
    return json.dumps({"url": f"{address}/v1", "pid": os.getpid(), **kept})


def _write_private(path: Path, text: str) -> None:
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    os.replace(fresh, path)


def _wait_until_unwanted(server: Any, lease: Path, text: str, config: dict[str, Any]) -> None:
    activity, active_at = "", time.monotonic()
    while _is_wanted(lease, text):
        time.sleep(POLL_SECONDS)
        seen = _activity(server, lease)
        if seen != activity:
            activity, active_at = seen, time.monotonic()
        if config["idle_seconds"] is not None and time.monotonic() - active_at > config["idle_seconds"]:
            return


def _is_wanted(lease: Path, text: str) -> bool:
    try:
        return lease.read_text() == text
    except OSError:
        return False


def _activity(server: Any, lease: Path) -> str:
    """Differs from the last look if a request came or runs, or `ensure_running` touched the lease."""
    with contextlib.suppress(OSError):
        counters = str(server.handle_metrics())
        running = "" if "requests_processing 0\n" in counters else time.monotonic()
        return f"{counters} {running} {lease.stat().st_mtime_ns}"
    return ""


if __name__ == "__main__":
    main()
