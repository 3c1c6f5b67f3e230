"""A GGUF file's header, read far enough to say whether all of its tensors are there.

Layout (ggml's docs/gguf.md): magic, version, two counts, then key/value pairs, then one record a tensor with its shape,
type and offset, then padding, then the tensors. The file is whole if it reaches the end of its last tensor.
"""

import mmap
import struct
from pathlib import Path

from model_service.errors import NotGGUFError, TruncatedFileError

MAGIC = b"GGUF"
STRING, ARRAY = 8, 9
SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
# ggml type -> (values in a block, bytes of a block), from ggml's type traits; an unlisted type counts as empty
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84)}
BLOCKS |= {11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 16: (256, 66), 17: (256, 74), 18: (256, 98)}
BLOCKS |= {19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 29: (256, 56), 30: (1, 2)}
BLOCKS |= {34: (256, 54), 35: (256, 66), 39: (32, 17)}


def check_complete(path: Path) -> None:
    """Nothing, for a GGUF that holds all its tensors. Raises NotGGUFError, TruncatedFileError, or OSError."""
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise NotGGUFError(f"{path} is not a GGUF model file.", "Give the path of a .gguf file.")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                needed = _Header(data).end_of_tensors()
            except (struct.error, IndexError) as error:
                raise TruncatedFileError(f"{path} ends inside its header.", "Download or copy it again.") from error
            if needed > len(data):
                raise TruncatedFileError(
                    f"{path} is cut short: {len(data):,} of {needed:,} bytes.", "Download or copy it again."
                )


class _Header:
    """A cursor over the header; every read past the end raises struct.error."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.at = len(MAGIC)
        self.alignment = 32

    def end_of_tensors(self) -> int:
        """The file size in bytes that the header promises."""
        version = self.number("I")
        if version not in (2, 3):
            raise NotGGUFError(f"This GGUF has version {version}; only 2 and 3 can be read.", "Convert it again.")
        tensor_count, pair_count = self.number("Q"), self.number("Q")
        for _ in range(pair_count):
            self.skip_pair()
        ends = [self.tensor_end() for _ in range(tensor_count)]
        start = -(-self.at // self.alignment) * self.alignment
        return start + max(ends, default=0)

    def number(self, code: str) -> int:
        value: int = struct.unpack_from("<" + code, self.data, self.at)[0]
        self.at += struct.calcsize("<" + code)
        return value

    def text(self) -> bytes:
        length = self.number("Q")
        value = self.data[self.at : self.at + length]
        self.at += length
        return value

    def skip_pair(self) -> None:
        key, kind = self.text(), self.number("I")
        if key == b"general.alignment" and kind == 4:
            self.alignment = max(1, self.number("I"))
        elif kind == ARRAY:
            self.skip_values(self.number("I"), self.number("Q"))
        else:
            self.skip_values(kind, 1)

    def skip_values(self, kind: int, count: int) -> None:
        if kind == STRING:
            for _ in range(count):
                self.at += 8 + struct.unpack_from("<Q", self.data, self.at)[0]
        elif kind in SCALAR_BYTES:
            self.at += SCALAR_BYTES[kind] * count
        else:
            raise NotGGUFError(f"This GGUF's header is damaged: there is no value type {kind}.", "Download it again.")

    def tensor_end(self) -> int:
        """Where one tensor ends, in bytes from the start of the tensor data."""
        self.text()
        values = 1
        for _ in range(self.number("I")):
            values *= self.number("Q")
        per_block, block_bytes = BLOCKS.get(self.number("I"), (1, 0))
        return self.number("Q") + values // per_block * block_bytes
