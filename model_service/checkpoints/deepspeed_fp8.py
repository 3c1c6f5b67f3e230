"""DeepSpeed's FP8, as in Snowflake's released `snowflake-arctic-instruct-vllm`, decoded.

A weight is flattened and cut into groups (128 values in the released files); a group is stored as one byte a
value, then the group's scale in fp32. A byte is sign, four bits e, three bits m, and means +-2^(e-7) * (1 + m/8) * scale
for every e: nothing is set aside for subnormals, zero or NaN. So 0x7F is 480 (each group's largest value is stored as it:
the scale is that value / 480), 0x40 is 2 (which is also how the encoder writes an exact zero), and the bytes cannot be
taken for float8_e4m3fn, where 0x7F is NaN and small codes mean less. Decoding rounds once to bfloat16, as the
CUDA kernel does. Source: DeepSpeed csrc/fp_quantizer/fp_quantize.cu, read and emulated.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from model_service.checkpoints.safetensors_file import Spec, StoredTensor

SCALE_BYTES = 4
SIGN_EXPONENT_MANTISSA = 0x87F00000 - 2**32  # where fp32 keeps what a byte holds, as a signed int32
EXPONENT_SHIFT = 120 << 23  # 7 is their bias, 127 is fp32's
BYTES = (torch.int8, torch.uint8)


def decode(groups: Tensor) -> Tensor:
    """The values fp32 [G, S] of groups uint8 [G, S + 4]: S codes, then an fp32 scale."""
    codes, scale = groups[:, :-SCALE_BYTES], groups[:, -SCALE_BYTES:]
    bits = codes.contiguous().view(torch.int8).to(torch.int32)  # [G, S], the sign in all upper bits
    bits.bitwise_left_shift_(20).bitwise_and_(SIGN_EXPONENT_MANTISSA).add_(EXPONENT_SHIFT)
    return bits.view(torch.float32) * scale.reshape(-1).clone().view(torch.float32)[:, None]  # [G, S] * [G, 1]


@dataclass(frozen=True)
class RankMatrix:
    """A matrix [rows, columns] of one rank, a stretch of a stored tensor that begins first_row rows in."""

    stored: StoredTensor
    rows: int
    columns: int
    first_row: int = 0

    def read(self, first: int, last: int) -> Tensor:
        """Rows first to last - 1 as fp32 or as stored."""
        first, last = first + self.first_row, last + self.first_row
        if self.stored.spec.dtype not in BYTES:
            return self.stored.rows(first, last)
        size = self.stored.spec.shape[1] - SCALE_BYTES
        start, end = first * self.columns, last * self.columns  # values
        groups = self.stored.rows(start // size, -(-end // size)).view(torch.uint8)
        values = decode(groups).reshape(-1)[start % size :]
        return values[: end - start].reshape(last - first, self.columns)


def part(matrix: RankMatrix, first_row: int, rows: int) -> RankMatrix:
    """A stretch of rows of the matrix."""
    return RankMatrix(matrix.stored, rows, matrix.columns, matrix.first_row + first_row)


def flat(stored: StoredTensor) -> StoredTensor:
    """The same bytes with all but the last index made one; groups stay as they are."""
    shape = stored.spec.shape
    rows = 1
    for side in shape[:-1]:
        rows *= side
    return StoredTensor(Spec(stored.spec.name, stored.spec.dtype, (rows, shape[-1])), stored.path, stored.start)
