"""The administrator's way from nothing to an answer and back, against the tests' Snowflake: deploy, ask by procedure, ask
by chat, take it away.

    .venv/bin/python scripts/admin_path.py

Every command it prints is the one that is run. No account is reached: the server is tests/fake_snowflake/, a fake.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parent.parent
QUESTION = "How many customers are there?"
CALL = f"CALL ARCTIC_COPILOT.CORE.ASK('{QUESTION}')"
DATA = {"COPILOT_DATA_DATABASE": "SHOP", "COPILOT_DATA_SCHEMA": "PUBLIC", "COPILOT_MODEL": "cortex:any"}


def load(path: Path) -> ModuleType:
    """A file of the tests, by its path."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[path.stem] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*command: str, home: Path) -> None:
    """Show a command, and run it with the connection of that home."""
    print(f"$ {' '.join(command)}", flush=True)
    environment = {**os.environ, **DATA, "SNOWFLAKE_HOME": str(home), "COPILOT_BUILD": str(home / "built")}
    subprocess.run([str(Path(sys.executable).parent / command[0]), *command[1:]], check=True, env=environment, cwd=ROOT)


def ask_by_procedure(server: Any) -> None:
    print(f"SELLER> {CALL}", flush=True)
    with server.session("SELLER", warehouse="COPILOT_WH") as session:
        answer = json.loads(session.sql(CALL).collect()[0][0])
    print(f"        {answer['status']}: {answer['message']} {answer['rows']}")


def ask_by_chat(server: Any, home: Path) -> None:
    """The page as uploaded, in a simulated container, seen by a user of the role SELLER."""
    import snowflake.connector
    import streamlit as st
    from streamlit.connections import snowflake_connection as callers
    from streamlit.testing.v1 import AppTest

    (home / "token").write_text("service.token")
    callers.SNOWPARK_CONNECTION_TOKEN_FILE = str(home / "token")
    type(st.context).headers = property(lambda self: {callers.SNOWPARK_USER_TOKEN_HEADER_NAME: "SELLER"})  # type: ignore[assignment,method-assign]
    server.ask("token", token="service.token.SELLER", user="SELLER_USER")
    container = {"ACCOUNT": server.account, "HOST": server.host, "PORT": str(server.port), "PROTOCOL": "http"}
    os.environ |= {f"SNOWFLAKE_{name}": value for name, value in container.items()}
    opened, connect = [], snowflake.connector.connect
    snowflake.connector.connect = lambda **how: opened.append(connect(**how)) or opened[-1]  # to be closed again
    print(f"chat> {QUESTION}", flush=True)
    page = AppTest.from_file(str(home / "built/streamlit/streamlit_app.py"), default_timeout=60).run()
    page.chat_input[0].set_value(QUESTION).run()
    while not (page.metric or page.error):
        threading.Event().wait(0.2)
        page.run()
    print(f"      {page.metric[0].label}: {page.metric[0].value}" if page.metric else page.error[0].value)
    for connection in opened:
        connection.close()


def main() -> None:
    """Walk it; CalledProcessError where a command fails."""
    server_file = load(ROOT / "tests/fake_snowflake/server.py")
    if reason := server_file.why_not():
        raise SystemExit(reason)
    os.environ["SNOWFLAKE_DISABLE_PLATFORM_DETECTION"] = "true"  # else the connector asks which cloud it runs in
    shop, server = load(ROOT / "tests/snowflake/shop.py"), server_file.FakeSnowflake()
    try:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            server.run(*shop.SHOP)
            server.completions(shop.ANSWERS)
            server.connections_toml(home / "connections.toml", {"account": server.connection(warehouse="COMPUTE_WH")})
            run("arctic-copilot", "deploy", "--connection", "account", home=home)
            server.run("GRANT ROLE COPILOT_USER TO ROLE SELLER")
            ask_by_procedure(server)
            ask_by_chat(server, home)
            told = "KIND, USER_NAME, ROLE_NAME, STATUS, QUESTION"
            for row in server.run(f"SELECT {told} FROM ARCTIC_COPILOT.CORE.AUDIT ORDER BY AT"):
                print("audit>", *row)
            run("arctic-copilot", "deploy", "--teardown", "--yes", "--connection", "account", home=home)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
