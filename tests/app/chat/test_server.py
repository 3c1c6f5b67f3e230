"""The chat's server as `arctic-copilot chat` starts it, in a folder whose files would like to be run or read."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.chat.server import KEY, server_environment
from sql_tools import Settings

SECONDS = 90.0
MODULES = ("streamlit", "pip", "xllamacpp", "typing_extensions", "duckdb", "sqlglot", "pandas", "app", "sql_tools")
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/[\w-]{20,}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, modules named like libraries, a configuration without protection, and secrets that set the model."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "sales.csv").write_text("id,price\n1,2\n")
    for name in MODULES:
        (folder / f"{name}.py").write_text(f"open({str(folder / ('RAN_' + name))!r}, 'w').close()\n")
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit/secrets.toml").write_text('ARCTIC_COPILOT_MODEL = "http://127.0.0.2:9/v1#thief"\n')
    (folder / ".streamlit/config.toml").write_text("[server]\nenableCORS = false\nenableXsrfProtection = false\n")
    return folder


@pytest.fixture(scope="module")
def proxy() -> Iterator[socket.socket]:
    """What the server would go through to the internet."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


@pytest.fixture(scope="module")
def address(folder: Path, tmp_path_factory: pytest.TempPathFactory, proxy: socket.socket) -> Iterator[str]:
    """Where the chat answers, its key included."""
    cache, log = tmp_path_factory.mktemp("cache"), tmp_path_factory.mktemp("log") / "log"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-P", "-c", "from app.cli import main; main()", "chat", "--port", str(port)]
    command += ["--warehouse", ".", "--model", "http://127.0.0.1:9/v1#m"]
    environment = os.environ | {"ARCTIC_COPILOT_CACHE_DIR": str(cache), "STREAMLIT_SERVER_HEADLESS": "true"}
    through = f"http://127.0.0.1:{proxy.getsockname()[1]}"
    environment |= {name: through for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
    environment |= {"no_proxy": "", "NO_PROXY": ""}
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out)
    deadline = time.monotonic() + SECONDS
    while not (found := ADDRESS.search(log.read_text())) and server.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    assert found, log.read_text()
    yield found[0]
    server.kill()
    server.wait()


def status(url: str) -> int:
    try:
        return int(urllib.request.urlopen(url, timeout=20).status)
    except urllib.error.HTTPError as error:
        return error.code


def socket_status(url: str, *, host: str = "", origin: str = "") -> int:
    """What the handshake of a websocket gets."""
    authority, _, path = url.removeprefix("http://").partition("/")
    head = {"Host": host or authority, "Origin": origin or f"http://{authority}", "Upgrade": "websocket",
            "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    lines = [f"GET /{path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    name, _, port = authority.partition(":")
    with socket.create_connection((name, int(port)), timeout=20) as connection:
        connection.sendall("\r\n".join(lines).encode())
        return int(connection.recv(64).split()[1])


def test_who_holds_the_key_is_answered(address: str) -> None:
    assert status(f"{address}/") == 200
    assert socket_status(f"{address}/_stcore/stream") == 101


@pytest.mark.parametrize(
    "path", ["", "_stcore/health", "_stcore/host-config", "media/x", "static/index.html", "wrong-key/"]
)
def test_who_has_no_key_gets_nothing(path: str, address: str) -> None:
    assert status(f"{address.rpartition('/')[0]}/{path}") == 404


def test_a_socket_without_the_key_is_refused(address: str) -> None:
    assert socket_status(f"{address.rpartition('/')[0]}/_stcore/stream") == 403


def test_another_hosts_name_is_refused_even_with_the_key(address: str) -> None:
    stream = f"{address}/_stcore/stream"
    assert socket_status(stream, host="evil.example:8501", origin="http://evil.example:8501") == 403
    assert socket_status(stream, origin="http://evil.example") == 403
    assert socket_status(stream, origin="http://127.0.0.1:1") == 403
    assert socket_status(stream, origin="null") == 403


def test_a_page_for_another_hosts_name_is_refused(address: str) -> None:
    evil = urllib.request.Request(f"{address}/", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(evil, timeout=20)
    near = urllib.request.Request(f"{address}/", headers={"Host": "localhost.evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(near, timeout=20)


def test_the_server_has_not_reached_for_the_internet(address: str, proxy: socket.socket) -> None:
    """Streamlit asks for this machine's own address where an origin is strange to it."""
    socket_status(f"{address}/_stcore/stream", origin="http://evil.example")
    time.sleep(1)
    with pytest.raises(BlockingIOError):
        proxy.accept()


def test_nothing_of_the_folder_ran(address: str, folder: Path) -> None:
    status(f"{address}/")
    assert [file.name for file in folder.glob("RAN_*")] == []


def test_the_key_is_on_no_command_line(address: str) -> None:
    key = address.rpartition("/")[2]
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")] if Path("/proc").exists() else []
    assert not any(key.encode() in line for line in lines)


def test_each_start_has_a_key_of_its_own_and_whole_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.duckdb").touch()
    monkeypatch.chdir(tmp_path)
    one, other = (server_environment(Settings(warehouse="shop.duckdb", model="local")) for _ in range(2))
    assert one[KEY] != other[KEY]
    assert one["ARCTIC_COPILOT_WAREHOUSE"] == str(tmp_path / "shop.duckdb")
    assert one["ARCTIC_COPILOT_MODEL"] == "local"


@pytest.mark.parametrize("command", [["doctor"], ["check", "SELECT 1", "-w", "."], ["schema", "-w", "."], ["models"]])
def test_no_other_command_runs_it_either(command: list[str], folder: Path, tmp_path: Path) -> None:
    """The console script's first path is its own folder, so `-P` here stands for it."""
    environment = os.environ | {"ARCTIC_COPILOT_CACHE_DIR": str(tmp_path)}
    start = [sys.executable, "-P", "-c", "from app.cli import main; main()", *command]
    subprocess.run(start, cwd=folder, env=environment, capture_output=True, timeout=SECONDS, check=False)
    assert [file.name for file in folder.glob("RAN_*")] == []
