"""Safetensors files read and written by blocks of rows, so that a shard of any size needs the memory of one block.

The format: eight bytes that give the length of a JSON header, the header with each tensor's dtype, shape and byte range,
then the bytes. The library writes a file from tensors that are all in memory; here the header comes first, from shapes
alone, and the rows follow as they are made. Reading goes through read(), not a memory map: mapped pages would count as
this process's memory and what a test measures would mean nothing.
"""

import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import torch
from torch import Tensor

from model_service.errors import CheckpointError

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
HEADER_AT_MOST = 2**27  # bytes; one of the released shards has some 50 KB
BLOCK_BYTES = 16 * 1024**2


@dataclass(frozen=True)
class Spec:
    """What a tensor is, without its values. A row is all that one value of the first index selects."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """All of it, in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def row_count(self) -> int:
        """1 for a scalar."""
        return self.shape[0] if self.shape else 1

    @property
    def row_bytes(self) -> int:
        """One row, in bytes; 0 if the tensor is empty."""
        return self.nbytes // self.row_count if self.row_count else 0


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file."""

    spec: Spec
    path: Path
    start: int  # its first byte, from the beginning of the file

    def rows(self, first: int, last: int) -> Tensor:
        """Rows first to last - 1, with as many dimensions as the tensor (a scalar comes as it is)."""
        count = last - first
        with self.path.open("rb") as file:
            file.seek(self.start + first * self.spec.row_bytes)
            data = bytearray(count * self.spec.row_bytes)
            if file.readinto(data) != len(data):
                raise _truncated(self.path)
        shape = (count, *self.spec.shape[1:]) if self.spec.shape else ()
        if not data:
            return torch.empty(shape, dtype=self.spec.dtype)
        return torch.frombuffer(data, dtype=self.spec.dtype).reshape(shape)

    def blocks(self, block_bytes: int = BLOCK_BYTES) -> Iterator[Tensor]:
        """All rows in order, about block_bytes at a time."""
        for first, last in row_ranges(self.spec, block_bytes):
            yield self.rows(first, last)


def row_ranges(spec: Spec, block_bytes: int = BLOCK_BYTES) -> Iterator[tuple[int, int]]:
    """First and last (exclusive) row of each block; a row longer than a block is a block of its own."""
    step = max(1, block_bytes // max(1, spec.row_bytes))
    for first in range(0, spec.row_count, step):
        yield first, min(first + step, spec.row_count)


def read_header(path: Path) -> tuple[StoredTensor, ...]:
    """The file's tensors in the order of their bytes. Raises CheckpointError if the file is not whole or not of this kind."""
    size = _size(path)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > HEADER_AT_MOST:
            raise CheckpointError(
                f"{path} is not a safetensors file.",
                "Fetch it again; what Git left of a large file, `git lfs pull` fetches.",
            )
        if size < 8 or 8 + length > size:
            raise _truncated(path)
        entries = _parse(path, file.read(length))
    stored = [_stored(path, name, entry, 8 + length) for name, entry in entries.items() if name != "__metadata__"]
    in_order = tuple(sorted(stored, key=lambda tensor: (tensor.start, tensor.spec.nbytes, tensor.spec.name)))
    _require_covered(path, in_order, 8 + length, size)
    return in_order


def _require_covered(path: Path, in_order: Sequence[StoredTensor], at: int, size: int) -> None:
    """Nothing, if the tensors lie one behind the other from byte `at` to the file's end, as the format asks."""
    if any(tensor.start + tensor.spec.nbytes > size for tensor in in_order):
        raise _truncated(path)
    for tensor in in_order:
        if tensor.start != at:
            raise CheckpointError(
                f"{path}: the header does not say rightly where {tensor.spec.name} is.", "Fetch it again."
            )
        at += tensor.spec.nbytes
    if at != size:
        raise CheckpointError(
            f"{path} is {size - at:,} bytes longer than its tensors.", "Fetch or copy this file again."
        )


def _size(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return file.seek(0, os.SEEK_END)
    except OSError as error:
        raise CheckpointError(
            f"Cannot read {path}: {error.strerror}.", "Fetch the checkpoint's missing files."
        ) from error


def _parse(path: Path, text: bytes) -> dict[str, Any]:
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise CheckpointError(f"{path} is not a safetensors file: its header is no JSON.", "Fetch it again.") from error
    if not isinstance(entries, dict):
        raise CheckpointError(f"{path} is not a safetensors file: its header is no JSON object.", "Fetch it again.")
    return entries


def _stored(path: Path, name: str, entry: Any, data_start: int) -> StoredTensor:
    try:
        spec = Spec(name, DTYPES[entry["dtype"]], tuple(_count(side) for side in entry["shape"]))
        start, end = (_count(offset) for offset in entry["data_offsets"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: the header's entry for {name} cannot be read.", "Fetch it again.") from error
    if end - start != spec.nbytes:
        raise CheckpointError(
            f"{path}: {name} has {end - start} bytes where its shape needs {spec.nbytes}.", "Fetch it again."
        )
    return StoredTensor(spec, path, data_start + start)


def _count(number: Any) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ValueError(f"{number!r} is no size")
    return number


def _truncated(path: Path) -> CheckpointError:
    return CheckpointError(f"{path} is cut short: it ends before its last tensor.", "Fetch or copy this file again.")


@dataclass
class SafetensorsWriter:
    """A context in which a file is filled; only on leaving it without an error does the file get its name."""

    path: Path
    specs: Sequence[Spec]
    _file: IO[bytes] = field(init=False)
    _starts: dict[str, int] = field(init=False, default_factory=dict)

    def __enter__(self) -> "SafetensorsWriter":
        header = header_bytes(self.specs)
        at = len(header)
        for spec in in_file_order(self.specs):
            self._starts[spec.name] = at
            at += spec.nbytes
        self._file = self._working_path.open("wb")
        self._file.write(header)
        self._file.truncate(at)
        return self

    def put(self, spec: Spec, first_row: int, rows: Tensor) -> None:
        """Write rows [n, ...] of spec's dtype as rows first_row and following of that tensor."""
        assert rows.dtype == spec.dtype, f"{spec.name}: {rows.dtype} is not {spec.dtype}"
        data = rows.contiguous().reshape(-1).view(torch.uint8).numpy()
        self._file.seek(self._starts[spec.name] + first_row * spec.row_bytes)
        self._file.write(memoryview(data))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.flush()
            if kind is None:
                os.fsync(self._file.fileno())
        finally:
            self._file.close()
        if kind is None:
            os.replace(self._working_path, self.path)
        else:
            self._working_path.unlink(missing_ok=True)

    @property
    def _working_path(self) -> Path:
        return self.path.with_name(self.path.name + ".tmp")


def in_file_order(specs: Sequence[Spec]) -> list[Spec]:
    """Widest numbers first, so that each tensor starts at a multiple of its own width; then by name, as the library does."""
    return sorted(specs, key=lambda spec: (-spec.dtype.itemsize, spec.name))


def header_bytes(specs: Sequence[Spec]) -> bytes:
    """Length and JSON, padded with spaces to eight bytes as the format asks."""
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for spec in in_file_order(specs):
        entries[spec.name] = {
            "dtype": NAMES[spec.dtype],
            "shape": list(spec.shape),
            "data_offsets": [at, at + spec.nbytes],
        }
        at += spec.nbytes
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def file_bytes(specs: Sequence[Spec]) -> int:
    """How long the file with these tensors is."""
    return len(header_bytes(specs)) + sum(spec.nbytes for spec in specs)
