"""What is asked and what hardware there is -> how to serve: the layout, how weights are kept, and vLLM's arguments.

The rules: tensor parallelism stays within a node, since it talks after every half layer; nodes are pipeline stages, which
talk once a token. Weights are FP8 where the GPU can multiply it: half the bytes to read. What can't work is refused here,
with the reason, before 480 GB are read.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from model_service.arctic.config import ArcticConfig
from model_service.arctic.layouts import USABLE, Layout, Load, layouts, load, obstacle
from model_service.arctic.sizes import total_bytes
from model_service.errors import RequestError
from model_service.gpus import Gpu

SPECULATION = {
    "none": None,
    "ngram": {"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 4, "prompt_lookup_min": 3},
    "suffix": {"method": "suffix"},  # needs the package arctic-inference in vLLM's environment
}


@dataclass(frozen=True)
class Wish:
    """What the user asked for; None is "choose"."""

    checkpoint: Path
    tp: int | None = None
    pp: int | None = None
    ep: bool = False
    quantization: str = "auto"  # auto, fp8, none
    speculation: str = "none"
    max_model_len: int | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    more: tuple[str, ...] = ()  # vLLM's own arguments, passed as they are


@dataclass(frozen=True)
class Hardware:
    """`gpus` of one kind over `nodes` machines; without any, the CPU with its free memory."""

    gpus: int
    gpu: Gpu | None
    nodes: int
    free_bytes: int | None = None

    def __str__(self) -> str:
        if self.gpu is None:
            return "the CPU" + (f", {self.free_bytes / 1e9:.1f} GB free" if self.free_bytes else "")
        nodes = f" on {self.nodes} nodes" if self.nodes > 1 else ""
        return f"{self.gpus} x {self.gpu.name} ({self.gpu.memory_bytes / 1e9:.0f} GB each){nodes}"


@dataclass(frozen=True)
class Plan:
    """How it will be served. `held` is what the fullest GPU holds; None on the CPU."""

    hardware: Hardware
    layout: Layout
    storage: str  # as `sizes.STORAGES`
    how_stored: str
    held: Load | None
    context: int
    arguments: tuple[str, ...]


def plan(wish: Wish, config: ArcticConfig, hardware: Hardware) -> Plan:
    """Raises RequestError saying why it can't work and what would."""
    context = wish.max_model_len or config.max_position_embeddings
    if context > config.max_position_embeddings:
        raise RequestError(
            f"A context of {context:,} tokens is more than the model's {config.max_position_embeddings:,}.",
            "Give a smaller --max-model-len, or none.",
        )
    storage, how_stored, flags = _storage(wish, config, hardware)
    if hardware.gpu is None:
        layout, held = _on_cpu(wish, config, hardware, storage), None
        flags += ["--enforce-eager"]
    else:
        layout, held = _on_gpus(wish, config, hardware, hardware.gpu, storage, context)
    arguments = [*_arguments(wish, layout, hardware, context), *flags, *wish.more]
    return Plan(hardware, layout, storage, how_stored, held, context, tuple(arguments))


def _storage(wish: Wish, config: ArcticConfig, hardware: Hardware) -> tuple[str, str, list[str]]:
    """How weights are kept, in words, and vLLM's arguments for it."""
    if config.quantization_config:
        if hardware.gpu is None:
            raise RequestError(
                "vLLM has no FP8 for this CPU.", "Serve the checkpoint it was made from, or run `... dequantize` on it."
            )
        return "fp8", "FP8, as the checkpoint has them", []
    can_fp8 = hardware.gpu is not None and hardware.gpu.has_fp8
    if wish.quantization == "fp8" and not can_fp8:
        raise RequestError(
            f"{hardware} cannot quantize to FP8 as it loads.",
            "Leave out --quantization; on an older GPU, quantize the checkpoint first: `python -m model_service quantize`.",
        )
    if can_fp8 and wish.quantization != "none":
        return "fp8", f"FP8, made from {config.torch_dtype} as they load", ["--quantization", "fp8_per_channel"]
    return config.torch_dtype, f"{config.torch_dtype}, as the checkpoint has them", ["--dtype", config.torch_dtype]


def _on_cpu(wish: Wish, config: ArcticConfig, hardware: Hardware, storage: str) -> Layout:
    if (wish.tp or 1) * (wish.pp or 1) > 1:
        raise RequestError("Without a GPU there is one process.", "Leave out --tp and --pp.")
    needed = total_bytes(config, storage)
    if hardware.free_bytes is not None and needed > hardware.free_bytes * USABLE:
        raise RequestError(
            f"The weights take {needed / 1e9:,.1f} GB and {hardware.free_bytes / 1e9:,.1f} GB of memory are free.",
            "The whole Arctic wants 8 GPUs of 80 GB: plan for them with --gpus 8 --gpu H100 --dry-run.",
        )
    return Layout()


def _on_gpus(
    wish: Wish, config: ArcticConfig, hardware: Hardware, gpu: Gpu, storage: str, context: int
) -> tuple[Layout, Load]:
    if wish.tp or wish.pp:
        pp = wish.pp or (hardware.gpus // wish.tp if wish.tp and hardware.gpus % wish.tp == 0 else 1)
        candidates = [Layout(wish.tp or max(1, hardware.gpus // pp), pp, ep=wish.ep)]
    else:
        candidates = [layout for layout in layouts(hardware.gpus) if layout.dp == 1 and layout.ep == wish.ep]
    reasons = []
    for layout in candidates:
        held = load(config, layout, gpu, storage)
        reason = _against(layout, config, hardware, held, gpu, context)
        if not reason:
            return layout, held
        reasons.append(f"{layout}: {reason}")
    needed = total_bytes(config, storage)
    raise RequestError(
        f"{hardware} cannot serve this model ({needed / 1e9:,.1f} GB of {storage} weights). "
        + "; ".join(reasons)
        + ".",
        "The whole Arctic wants FP8 on 8 GPUs of 80 GB or more (TP8), or two such nodes (TP8 x PP2).",
    )


def _against(layout: Layout, config: ArcticConfig, hardware: Hardware, held: Load, gpu: Gpu, context: int) -> str:
    """Why not this layout; empty if it works."""
    if reason := obstacle(config, layout):
        return reason
    if layout.gpus > hardware.gpus:
        return f"it needs {layout.gpus} GPUs"
    if layout.tp > hardware.gpus // hardware.nodes:
        return f"a node has {hardware.gpus // hardware.nodes} GPUs, and TP stays within a node"
    if held.kv_tokens >= context:
        return ""
    usable = f"{USABLE:.0%} of {gpu.memory_bytes / 1e9:.0f} GB"
    return f"memory: {held.weight_bytes / 1e9:.1f} GB of weights a GPU leave {usable} no room for {context:,} tokens"


def _arguments(wish: Wish, layout: Layout, hardware: Hardware, context: int) -> list[str]:
    """vLLM's arguments on any hardware. Grammars go to guidance, whose syntax ours are in."""
    found = ["--model", str(wish.checkpoint), "--served-model-name", "arctic"]
    found += ["--host", wish.host, "--port", str(wish.port), "--max-model-len", str(context)]
    found += ["--enable-prefix-caching", "--structured-outputs-config", json.dumps({"backend": "guidance"})]
    if hardware.gpu:
        found += ["--tensor-parallel-size", str(layout.tp), "--pipeline-parallel-size", str(layout.pp)]
        found += ["--gpu-memory-utilization", str(USABLE)]
    if layout.ep:
        found += ["--enable-expert-parallel"]
    if hardware.nodes > 1:
        found += ["--distributed-executor-backend", "ray"]
    if speculation := SPECULATION[wish.speculation]:
        found += ["--speculative-config", json.dumps(speculation)]
    return found
