"""bench_slice(): what one of eight GPUs does for a token of the real Arctic, on one GPU.

Tensor parallelism gives each of 8 ranks 7 query heads and a KV head, an eighth of the residual MLP's width and of every
expert's (608 of 4864). Those matrices at their true size, for all 35 layers, are 60 GB of FP8, so one 80 GB GPU holds
what a rank holds and its decode step can be timed without the other seven. Weights are random bytes; a step's experts are
drawn as a router would spread them. Left out: attention over the cache (18 KB a token and rank, against 2 GB of weights), the head
and the 70 all-reduces a token, which the projection adds at a stated price. On CUDA a step is one captured graph, so
that launches cost what they would cost in a serving engine.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional as F

from model_service.arctic import fp8
from model_service.errors import RequestError

RANKS = 8
ALL_REDUCE_SECONDS = 10e-6  # of 14 KB a token over NVLink, as reported for 8 GPUs; two a layer
PUBLISHED_TOKENS_PER_SECOND = 70  # Snowflake's own figure: batch 1, 8 x H100, FP8


@dataclass(frozen=True)
class Shape:
    """One rank's part of the network."""

    layers: int = 35
    hidden: int = 7168
    qkv: int = (7 + 2) * 128
    attention: int = 7 * 128
    residual: int = 7168 // RANKS
    expert: int = 4864 // RANKS
    experts: int = 128
    top_k: int = 2


@dataclass(frozen=True)
class Matrix:
    """FP8 codes [out, in] and scales [out, 1]."""

    codes: Tensor
    scale: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return fp8.linear(x, self.codes, self.scale)  # [T, out]

    @property
    def nbytes(self) -> int:
        """As read once."""
        return self.codes.nbytes + self.scale.nbytes


Mlp = tuple[Matrix, Matrix, Matrix]  # gate, down, up


@dataclass(frozen=True)
class SliceLayer:
    """One rank's matrices of one layer."""

    qkv: Matrix
    o: Matrix
    residual: Mlp
    experts: tuple[Mlp, ...]


@dataclass(frozen=True)
class Step:
    """What was found at one batch size."""

    batch: int
    seconds: float
    weight_bytes: int


def bench_slice(
    device: str = "cuda", shape: Shape = Shape(), batches: Sequence[int] = (1, 8, 64), rounds: int = 20
) -> list[str]:
    """The printed lines. Raises RequestError if there is no such device or it has no room."""
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise RequestError("There is no CUDA GPU here.", "Run `bench` without --device to compare engines on the CPU.")
    try:
        layers = [_random_layer(shape, device) for _ in range(shape.layers)]
    except torch.OutOfMemoryError as error:
        raise RequestError("The GPU has no room for a rank's 60 GB.", "Use one with 80 GB or more.") from error
    copy = copy_rate(device)
    lines = [f"{_name(device)}, torch {torch.__version__}; device copy {copy / 1e9:,.0f} GB/s (read and written)"]
    lines += [line(measure(layers, shape, device, batch, rounds), shape, copy) for batch in batches]
    print("\n".join(lines))
    return lines


def line(step: Step, shape: Shape, copy: float) -> str:
    """One batch size's figures, and what 8 such GPUs would reach."""
    rate = step.weight_bytes / step.seconds
    whole = step.batch / (step.seconds + 2 * shape.layers * ALL_REDUCE_SECONDS)
    text = f"batch {step.batch}: {step.seconds * 1e3:.2f} ms a step, {step.weight_bytes / 1e9:.2f} GB, {rate / 1e9:,.0f} GB/s = {rate / copy:.0%} of the copy; "
    text += f"8 GPUs, with all-reduces at {ALL_REDUCE_SECONDS * 1e6:.0f} us: {whole:,.0f} tokens/s"
    return text + (f" (published: {PUBLISHED_TOKENS_PER_SECOND}+)" if step.batch == 1 else "")


def _random_layer(shape: Shape, device: str) -> SliceLayer:
    def mlp(inner: int) -> Mlp:
        return (
            random_matrix(inner, shape.hidden, device),
            random_matrix(shape.hidden, inner, device),
            random_matrix(inner, shape.hidden, device),
        )

    experts = tuple(mlp(shape.expert) for _ in range(shape.experts))
    qkv, o = random_matrix(shape.qkv, shape.hidden, device), random_matrix(shape.hidden, shape.attention, device)
    return SliceLayer(qkv, o, mlp(shape.residual), experts)


def random_matrix(out: int, width: int, device: str = "cpu") -> Matrix:
    """Random bytes, none of them NaN, scaled so that a product keeps the size of its input."""
    words = torch.empty(-(-out * width // 8), dtype=torch.int64, device=device).random_()
    codes = (words.view(torch.uint8)[: out * width] & 0xEF).view(fp8.DTYPE).view(out, width)
    return Matrix(codes, torch.full((out, 1), 1 / (50 * width**0.5), device=device))


def _forward(layers: Sequence[SliceLayer], x: Tensor, routes: Sequence[dict[int, Tensor]]) -> Tensor:
    """x [B, D] through every layer; routes: for each layer the tokens [n] of each expert that has any."""
    for layer, route in zip(layers, routes, strict=True):
        normed = F.rms_norm(x, x.shape[-1:])  # [B, D]
        a = x + layer.o(layer.qkv(normed)[:, : layer.o.codes.shape[1]])  # [B, D]
        y = a + _mlp(layer.residual, F.rms_norm(a, a.shape[-1:]))  # [B, D]
        for expert, tokens in route.items():
            y = y.index_add(0, tokens, _mlp(layer.experts[expert], normed[tokens]))  # [B, D]
        x = y
    return x


def _mlp(weights: Mlp, x: Tensor) -> Tensor:
    gate, down, up = weights
    return down(F.silu(gate(x)) * up(x))  # [B, D]


def _routes(shape: Shape, batch: int, device: str) -> list[dict[int, Tensor]]:
    """Random experts for each token, different ones in each layer."""
    routes = []
    for _ in range(shape.layers):
        chosen = torch.rand(batch, shape.experts).topk(shape.top_k).indices  # [B, A]
        active = chosen.unique().tolist()
        routes.append({expert: (chosen == expert).any(1).nonzero()[:, 0].to(device) for expert in active})
    return routes


@torch.inference_mode()
def measure(layers: Sequence[SliceLayer], shape: Shape, device: str, batch: int, rounds: int) -> Step:
    """The median step, and the bytes of the weights it had to read."""
    x = torch.randn(batch, shape.hidden, dtype=torch.bfloat16, device=device)
    routes = _routes(shape, batch, device)
    run = _captured(lambda: _forward(layers, x, routes), device)
    times = [_timed(run, device) for _ in range(rounds + 2)][2:]
    read = 0
    for layer, route in zip(layers, routes, strict=True):
        read += layer.qkv.nbytes + layer.o.nbytes + sum(part.nbytes for part in layer.residual)
        read += sum(part.nbytes for expert in route for part in layer.experts[expert])
    return Step(batch, median(times), read)


def _captured(run: Callable[[], Tensor], device: str) -> Callable[[], object]:
    """The work as one CUDA graph; as it is elsewhere."""
    if not device.startswith("cuda"):
        return run
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def _timed(run: Callable[[], object], device: str) -> float:
    began = time.perf_counter()
    run()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - began


def copy_rate(device: str, size: int = 2**30) -> float:
    """Bytes read plus bytes written per second by a copy on the device."""
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    best = min(_timed(lambda: target.copy_(source), device) for _ in range(5))
    return 2 * size / best


def _name(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else "CPU"
