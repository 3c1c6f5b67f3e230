"""The Python that procedures run in: one for each choice of packages, which forks a child for each call.

The parent has imported Snowpark and nothing else of anybody's; a child adds its imports to the path, opens its Session,
calls the handler, and writes into the pipe of its job: its process id, then what came of it.
"""

import importlib
import json
import os
import signal
import sys
import traceback
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType


def main(packages: str) -> None:
    """Jobs come as lines of standard input until it ends."""
    here = str(Path(__file__).parent)
    sys.path[:] = [*[p for p in sys.path if p and not p.startswith(here)], packages]
    import snowflake.connector
    import snowflake.snowpark  # noqa: F401, so that each child need not

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        job = json.loads(line)
        if os.fork() == 0:
            try:
                run(job)
            finally:
                os._exit(0)


def run(job: dict) -> None:
    """One call, in its own process."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with open(job["pipe"], "w") as pipe:
        print(os.getpid(), file=pipe, flush=True)
        os.chdir(job["work"])
        os.environ["HOME"] = job["work"]
        said = os.open("said", os.O_CREAT | os.O_WRONLY)
        os.dup2(said, 1)
        os.dup2(said, 2)
        folder = job["folder"]
        sys._xoptions["snowflake_import_directory"] = folder + os.sep
        sys.modules["_snowflake"] = ModuleType("_snowflake")  # by which code knows that it runs in an account
        sys.modules["_snowflake"].__spec__ = ModuleSpec("_snowflake", None)
        sys.path[:0] = [folder, *[str(one) for one in sorted(Path(folder).glob("*.zip"))]]
        try:
            text = json.dumps({"answer": answer(job)}, default=str)
        except BaseException:  # also SystemExit: whatever ends the handler is its error
            text = json.dumps({"error": traceback.format_exc(limit=-8)})
        pipe.write(text)


def answer(job: dict) -> object:
    module, _, name = job["handler"].rpartition(".")
    handler = getattr(importlib.import_module("udf_body" if job["body"] else module), name or job["handler"])
    session = open_session(job)
    try:
        found = handler(session, *job["values"])
    finally:
        session.connection.close()
    if hasattr(found, "collect"):  # a DataFrame, of RETURNS TABLE
        return {"columns": list(found.columns), "rows": [list(row) for row in found.collect()]}
    return found


def open_session(job: dict) -> object:
    from snowflake.connector import connect
    from snowflake.snowpark import Session

    connection = connect(
        account=job["account"], user="", host=job["host"], port=job["port"], protocol="http", authenticator="oauth",
        token=job["token"], login_timeout=10, network_timeout=60, platform_detection_timeout_seconds=0.0,
        paramstyle="qmark",
    )  # fmt: skip
    return Session.builder.configs({"connection": connection}).create()


if __name__ == "__main__":
    main(sys.argv[1])
