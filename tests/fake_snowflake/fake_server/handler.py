"""Runs a procedure's handler in a Python of its own that sees its imports, its declared packages and nothing else of ours."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

from fake_server.catalog import Thing
from fake_server.engine import Watch
from fake_server.errors import SnowflakeError

RUNNER = Path(__file__).parent / "in_procedure.py"
PACKAGES = Path(__file__).parent / "link_packages.py"
PYTHON = os.environ.get("FAKE_CALLER_PYTHON", "python3")  # the tests' own: the declared packages are taken from there
FOLDERS = Path(tempfile.mkdtemp(prefix="fake_snowflake_packages_"))
PYTHONS: dict[str, subprocess.Popen[str]] = {}
LOCK = threading.Lock()
SERVER: dict[str, Any] = {}  # host and port, once known


def unknown_packages(packages: list[str]) -> list[str]:
    """Which of these aren't installed where the tests run (any version of a package will do)."""
    return list(_link(packages)["unknown"])


def _link(packages: list[str]) -> dict[str, Any]:
    """A folder that holds these packages and what they need; made once for each choice."""
    folder = FOLDERS / str(abs(hash(tuple(sorted(packages)))))
    told = folder / "told.json"
    if not told.exists():
        folder.mkdir(exist_ok=True)
        done = subprocess.run(
            [PYTHON, "-I", str(PACKAGES), str(folder), *packages], capture_output=True, text=True, timeout=120
        )
        if done.returncode:
            raise SnowflakeError(391546, "22023", f"SQL compilation error: {done.stderr[-500:]}")
        told.write_text(done.stdout)
    return dict(json.loads(told.read_text())) | {"folder": str(folder)}


def run(account: str, token: str, thing: Thing, imports: list[str], values: list[Any], watch: Watch) -> Any:
    """What the handler returns; SnowflakeError with its traceback if it raises."""
    with tempfile.TemporaryDirectory(prefix="fake_snowflake_call_") as work:
        folder = Path(work) / "imports"
        folder.mkdir()
        for one in imports:
            shutil.copy(one, folder)
        if "body" in thing.said:
            (folder / "udf_body.py").write_text(thing.said["body"])
        job = {
            "account": account, "token": token, **SERVER, "handler": thing.said["handler"], "values": values, "work": work,
            "folder": str(folder), "body": "body" in thing.said, "pipe": str(Path(work) / "pipe"),
        }  # fmt: skip
        os.mkfifo(job["pipe"])
        _send(_link(thing.said["packages"])["folder"], job)
        told = _read(Path(job["pipe"]), watch)
        said = Path(work) / "said"
        return _answer(told, thing, said.read_text(errors="replace") if said.exists() else "")


def _send(packages: str, job: dict[str, Any]) -> None:
    """Hand the job to the Python with these packages, which is started with the first one."""
    with LOCK:
        if packages not in PYTHONS or PYTHONS[packages].poll() is not None:
            environment = {"PATH": os.environ.get("PATH", ""), "HOME": packages, "LANG": "C.UTF-8", "TZ": "UTC"}
            PYTHONS[packages] = subprocess.Popen(
                [PYTHON, "-I", "-S", str(RUNNER), packages],
                stdin=subprocess.PIPE,
                text=True,
                cwd=packages,
                env=environment,
            )
        stdin = PYTHONS[packages].stdin
        assert stdin is not None
        stdin.write(json.dumps(job) + "\n")
        stdin.flush()


def _read(pipe: Path, watch: Watch) -> str:
    """What the child writes until it ends; killed where the statement is to stop."""
    with open(pipe) as opened:
        pid = int(opened.readline() or 0)
        watch.stop = lambda: os.kill(pid, signal.SIGKILL)
        if watch.why:
            watch.stop()
        told = opened.read()
    watch.stop = lambda: None
    watch.check()
    return told


def _answer(text: str, thing: Thing, said: str) -> Any:
    told = json.loads(text) if text else {"error": said[-2000:] or "the interpreter ended without an answer"}
    if "error" in told:
        where = f"in function {thing.name[2]} with handler {thing.said['handler']}"
        raise SnowflakeError(100357, "P0000", f"Python Interpreter Error:\n{told['error']} {where}")
    return told["answer"]


def forget() -> None:
    """End the Pythons and remove what was linked; at the server's end."""
    for process in PYTHONS.values():
        process.kill()
    shutil.rmtree(FOLDERS, ignore_errors=True)
