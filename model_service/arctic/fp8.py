"""FP8 weights: half the bytes of bf16, so half the time where reading the weights is the time.

The number format is e4m3fn: a sign, four bits of exponent, three of mantissa. It reaches 448, has no infinity, and
its steps are an eighth of a power of two: a value rounds by at most 1/16 of itself. Below 2^-6 steps stay 2^-9.

The method is one scale a row. A row of a weight [out, in] makes one output channel; it is divided by (its largest
magnitude / 448), rounded to e4m3fn, and the divisor is kept in fp32 [out, 1]. The scale leaves the sum over `in`, so a
matrix product multiplies codes and applies the scale once an output. Groups along `in` (DeepSpeed's 128 values, blocks
of 128x128) would hold outliers better but need the scale inside the sum, and 4864 / 8 ranks = 608 is no multiple of 128;
one scale a tensor is simpler and gives up channels that are small as a whole.

On a GPU activations are rounded too, one scale a token, found as they come (dynamic): `torch._scaled_mm` then runs on the
FP8 tensor cores. On a CPU nothing multiplies FP8, so codes are widened to fp32 and activations stay exact. Torch's own
widening takes 5 ns a value; shifting the seven low bits to where fp16 keeps its exponent and mantissa gives value / 256,
subnormals too, some twenty times faster. Few tokens do so in C, in registers (`fp8_kernel.py`), where that could be built;
more, or without it, a block of rows at a time that stays inside the cache.

What is given up: about 2.6% of noise on each weight (root mean square), which averages out over a row to about the same
2.6% on an output before the residual stream dilutes it. Attention, residual MLP and experts are stored so; router, norms,
embeddings and head stay as they are, since they are small and everything hangs on them.
"""

import torch
from torch import Tensor
from torch.nn.functional import linear as full_linear

from model_service.arctic import fp8_kernel

DTYPE = torch.float8_e4m3fn
MAX = 448.0
NAN_CODE = 0x7F  # with either sign; e4m3fn has no other value that is not a number
FEW_TOKENS = 4  # up to which widening a row anew for each is faster than a block once for all
BLOCK_VALUES = 2**19  # as fp32 2 MiB: near a core's own cache, long enough to hide the call
TENSOR_CORE_MULTIPLE = 16  # _scaled_mm wants both sides of a weight to be multiples of it


def quantize(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Codes e4m3fn [R, C] and scales fp32 [R, 1] of rows [R, C]; codes * scales is within 1/16 of each value.

    A row of zeros has scale 1. A value that is not finite makes its row's scale not finite: see `is_finite`.
    """
    rows = rows.float()  # [R, C]
    largest = rows.abs().amax(dim=1, keepdim=True)  # [R, 1]
    scale = (largest / MAX).clamp_min(torch.finfo(torch.float32).tiny)  # [R, 1]
    scale = torch.where(largest == 0, 1.0, scale)  # [R, 1]
    return (rows / scale).clamp(-MAX, MAX).to(DTYPE), scale


def dequantize(codes: Tensor, scale: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """The weight [R, C] that the codes [R, C] and scales [R, 1] stand for, rounded once to dtype."""
    return widen(codes).mul_(scale.float() * 256.0).to(dtype)


def is_finite(codes: Tensor) -> bool:
    """Whether no code is the one that means 'not a number'."""
    return not bool((codes.view(torch.uint8) & 0x7F).eq(NAN_CODE).any())


def widen(codes: Tensor) -> Tensor:
    """Codes e4m3fn as fp32, divided by 256 (exact, a power of two; NaN codes come out as 480/256)."""
    bits = codes.view(torch.int8).to(torch.int16)  # the sign now fills bits 7 to 15
    bits.bitwise_left_shift_(7).bitwise_and_(~0x4000)  # sign, 0, exponent, mantissa, as fp16 has them
    return bits.view(torch.float16).float()


def linear(x: Tensor, codes: Tensor, scale: Tensor) -> Tensor:
    """x [T, in] times the transposed weight, in x's dtype: [T, out]. codes [out, in] e4m3fn, scale [out, 1] fp32."""
    if x.is_cuda and _has_tensor_cores(x.device, codes):
        return _linear_tensor_cores(x, codes, scale)
    if x.is_cuda:
        return full_linear(x, codes.to(x.dtype)) * scale.t().to(x.dtype)
    return _linear_blocks(x, codes, scale)


def _linear_blocks(x: Tensor, codes: Tensor, scale: Tensor) -> Tensor:
    """The CPU's way: a block of rows is widened, multiplied and forgotten, so a weight is read once, as one byte.

    Few tokens go through C where it could be built: there the widening is the work, and torch's takes four times as long.
    """
    wide_x = x.float()  # [T, in]
    few = fp8_kernel.product() if x.shape[0] <= FEW_TOKENS else None
    if few is not None:
        return few(wide_x, codes, scale.float()).to(x.dtype)
    step = max(1, BLOCK_VALUES // codes.shape[1])
    y = torch.empty(x.shape[0], codes.shape[0])  # [T, out]
    for start in range(0, codes.shape[0], step):
        y[:, start : start + step] = full_linear(wide_x, widen(codes[start : start + step]))
    return y.mul_((scale.float() * 256.0).t()).to(x.dtype)


def _linear_tensor_cores(x: Tensor, codes: Tensor, scale: Tensor) -> Tensor:
    """The GPU's way: each token gets its own scale, and both scales are applied to the fp32 sum."""
    x_codes, x_scale = quantize(x)  # [T, in], [T, 1]
    y = torch._scaled_mm(x_codes, codes.t(), scale_a=x_scale, scale_b=scale.t(), out_dtype=torch.bfloat16)  # [T, out]
    return y.to(x.dtype)


def _has_tensor_cores(device: torch.device, codes: Tensor) -> bool:
    aligned = all(side % TENSOR_CORE_MULTIPLE == 0 for side in codes.shape)
    return aligned and torch.cuda.get_device_capability(device) >= (9, 0)
