"""Starts the browser chat: Streamlit on loopback, telling nobody, for who holds its key.

The key is the first part of every address, as with notebooks: without it nothing answers, neither pages nor the socket.
Streamlit starts in an empty folder of ours, so that no module, configuration or secrets file beside a user's data is read.
"""

import os
import secrets
import socket
import sys
from pathlib import Path
from typing import NoReturn

from sql_tools.errors import SettingsError
from sql_tools.settings import Settings, private_folder

HOST = "127.0.0.1"
FIRST_PORT = 8501
PORTS_TRIED = 20
KEY = "STREAMLIT_SERVER_BASE_URL_PATH"  # by environment: a command line can be read by every user of the machine
PATHS = ("warehouse", "model", "semantic", "cache_dir")  # settings that may name a file or folder


def run_chat(settings: Settings, port: int | None) -> NoReturn:
    """Become the chat's server, on `port` or else the first free one.

    SettingsError if `port` is taken, or the folder it starts in cannot be made.
    """
    folder = _empty_folder(settings)
    command = streamlit_command(_free_port(port), folder)
    environment = server_environment(settings)
    os.chdir(folder)
    os.execve(command[0], command, {**os.environ, **environment})


def streamlit_command(port: int, folder: Path) -> list[str]:
    """What is run, in an empty `folder`; the flags hold whatever configuration the user has."""
    script = Path(__file__).parents[1] / "asgi.py"
    return [
        *(sys.executable, "-P", "-m", "streamlit", "run", str(script)),
        f"--server.address={HOST}",
        f"--server.port={port}",
        *(f"--server.allowedHosts={host}" for host in (HOST, "localhost")),
        "--server.enableCORS=true",
        "--server.corsAllowedOrigins=",
        "--server.enableXsrfProtection=true",
        "--server.enableStaticServing=false",
        f"--secrets.files={folder / 'no_secrets.toml'}",
        "--server.fileWatcherType=none",
        "--server.showEmailPrompt=false",
        "--browser.gatherUsageStats=false",
    ]


def server_environment(settings: Settings) -> dict[str, str]:
    """What the command line chose, for the server to read from another folder, and a new key."""
    chosen = {f"ARCTIC_COPILOT_{name.upper()}": _from_here(str(getattr(settings, name))) for name in PATHS}
    return {**chosen, KEY: secrets.token_urlsafe(24)}


def _from_here(value: str) -> str:
    """The whole path of what is a file or folder here; anything else as it is."""
    path = os.path.expanduser(value)
    return os.path.abspath(path) if value and (os.path.exists(path) or os.path.isabs(path)) else value


def _empty_folder(settings: Settings) -> Path:
    """A folder of ours that only its owner may enter, with nothing in it."""
    folder = settings.cache / "chat"
    try:
        private_folder(settings.cache, "chat")
        if any(folder.iterdir()):
            raise SettingsError(f"{folder} should be empty, and is not.", "Remove what is in it.")
    except OSError as error:
        raise SettingsError(f"{folder} cannot be used: {error.strerror}.", "Set ARCTIC_COPILOT_CACHE_DIR.") from error
    return folder


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
