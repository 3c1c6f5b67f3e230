"""Starts the browser chat: Streamlit on loopback, telling nobody."""

import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

from sql_tools.errors import SettingsError
from sql_tools.settings import Settings

HOST = "127.0.0.1"
FIRST_PORT = 8501
PORTS_TRIED = 20


def run_chat(settings: Settings, port: int | None) -> NoReturn:
    """Become the chat's server, on `port` or else the first free one. SettingsError if `port` is taken."""
    command = streamlit_command(_free_port(port))
    os.execve(command[0], command, {**os.environ, **_as_environment(settings)})


def streamlit_command(port: int) -> list[str]:
    """What is run; the flags hold whatever configuration the user has."""
    script = Path(__file__).parents[1] / "streamlit_app.py"
    return [
        *(sys.executable, "-m", "streamlit", "run", str(script)),
        f"--server.address={HOST}",
        f"--server.port={port}",
        "--server.fileWatcherType=none",
        "--server.showEmailPrompt=false",
        "--browser.gatherUsageStats=false",
    ]


def _as_environment(settings: Settings) -> dict[str, str]:
    """What the command line chose, for the server to read."""
    chosen = {"WAREHOUSE": settings.warehouse, "MODEL": settings.model, "SEMANTIC": settings.semantic}
    return {f"ARCTIC_COPILOT_{name}": value for name, value in chosen.items()}


def _free_port(port: int | None) -> int:
    if port is not None:
        if not _is_free(port):
            raise SettingsError(f"Port {port} is in use.", "Choose another with --port, or stop what listens there.")
        return port
    for candidate in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        if _is_free(candidate):
            return candidate
    raise SettingsError(f"Ports {FIRST_PORT} to {candidate} are all in use.", "Choose another with --port.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
