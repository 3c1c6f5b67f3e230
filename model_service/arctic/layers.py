"""The small parts everything else is made of: Linear, Embedding, RMSNorm, MLP.

Weights stay as they are stored (fp32, bf16, or FP8 codes with a scale a row), often mapped from the file and not in
memory at all; a layer computes in the dtype of what it is given. Attribute names are the checkpoint's.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model_service.arctic import fp8


def unset(*shape: int) -> nn.Parameter:
    """A weight that takes no memory until the checkpoint's tensor is put in its place."""
    return nn.Parameter(torch.empty(*shape, device="meta"), requires_grad=False)


class Linear(nn.Module):
    """x [..., in] -> x W^T [..., out] in x's dtype, without bias.

    weight [out, in]; if it holds e4m3fn codes, weight_scale [out, 1] fp32 says what each row's are worth.
    """

    weight_scale: Tensor | None

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = unset(outputs, inputs)
        self.register_buffer("weight_scale", None)

    def forward(self, x: Tensor) -> Tensor:
        if self.weight_scale is None:
            return F.linear(x, self.weight.to(x.dtype))  # [..., out]
        flat = x.reshape(-1, x.shape[-1])  # [T, in]
        return fp8.linear(flat, self.weight, self.weight_scale).view(*x.shape[:-1], -1)  # [..., out]


class Embedding(nn.Module):
    """ids [...] -> their rows of weight [V, D]: [..., D]."""

    def __init__(self, count: int, size: int) -> None:
        super().__init__()
        self.weight = unset(count, size)

    def forward(self, ids: Tensor) -> Tensor:
        return F.embedding(ids, self.weight)


class RMSNorm(nn.Module):
    """x [..., D] over its root mean square, times weight [D]. Statistics in fp32, the product in x's dtype."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = unset(size)
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        normed = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)  # [..., D]
        return normed.to(x.dtype) * self.weight.to(x.dtype)  # [..., D]


class MLP(nn.Module):
    """w2(silu(w1 x) * w3 x): x [..., D] -> [..., D]. w1 is the gate, w3 the way up, w2 the way down, as Mixtral has it."""

    def __init__(self, size: int, inner: int) -> None:
        super().__init__()
        self.w1 = Linear(size, inner)
        self.w2 = Linear(inner, size)
        self.w3 = Linear(size, inner)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.w2(F.silu(self.w1(x)) * self.w3(x))  # [..., D]
        return out
