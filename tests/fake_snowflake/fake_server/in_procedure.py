"""Runs inside a procedure's own Python: opens its Session, calls the handler, writes down what came of it."""

import importlib
import json
import sys
import traceback
from pathlib import Path


def main(packages: str, folder: str) -> None:
    """The job comes by standard input; the answer goes into the file that it names."""
    zips = [str(one) for one in sorted(Path(folder).glob("*.zip"))]
    sys.path[:] = [
        folder,
        *zips,
        *[p for p in sys.path if p and not p.startswith(str(Path(__file__).parent))],
        packages,
    ]
    job = json.loads(sys.stdin.read())
    try:
        told = {"answer": answer(job)}
        text = json.dumps(told, default=str)
    except BaseException:  # also SystemExit: whatever ends the handler is its error
        text = json.dumps({"error": traceback.format_exc(limit=-8)})
    Path(job["answer"]).write_text(text)


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
        token=job["token"], login_timeout=10, network_timeout=60, platform_detection_timeout_seconds=0.0, paramstyle="qmark",
    )  # fmt: skip
    return Session.builder.configs({"connection": connection}).create()


if __name__ == "__main__":
    main(*sys.argv[1:])
