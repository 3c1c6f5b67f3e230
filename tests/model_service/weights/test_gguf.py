"""A GGUF is whole if the file reaches the end of its last tensor."""

import struct
from pathlib import Path

import pytest

from model_service.errors import NotGGUFError, TruncatedFileError
from model_service.weights import gguf


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def tiny_gguf(version: int = 3) -> bytes:
    """Two pairs, one F32 tensor of 8 values: 32 bytes of data at the next multiple of 32."""
    pairs = text("general.name") + struct.pack("<I", 8) + text("tiny")
    pairs += text("tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("bc")
    tensor = text("weight") + struct.pack("<IQIQ", 1, 8, 0, 0)
    header = b"GGUF" + struct.pack("<IQQ", version, 1, 2) + pairs + tensor
    return header + bytes(-len(header) % 32) + bytes(32)


def test_a_whole_file_passes(tmp_path: Path) -> None:
    file = tmp_path / "tiny.gguf"
    file.write_bytes(tiny_gguf())
    gguf.check_complete(file)


def test_every_shorter_file_is_refused(tmp_path: Path) -> None:
    whole, file = tiny_gguf(), tmp_path / "cut.gguf"
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        with pytest.raises((TruncatedFileError, NotGGUFError)):
            gguf.check_complete(file)


def test_a_cut_tensor_is_told_in_bytes(tmp_path: Path) -> None:
    file = tmp_path / "cut.gguf"
    file.write_bytes(tiny_gguf()[:-1])
    with pytest.raises(TruncatedFileError, match="191 of 192 bytes"):
        gguf.check_complete(file)


@pytest.mark.parametrize("content", [b"", b"GG", b"PK\x03\x04 a zip", tiny_gguf(version=99)])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.gguf"
    file.write_bytes(content)
    with pytest.raises(NotGGUFError):
        gguf.check_complete(file)
