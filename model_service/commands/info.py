"""What a checkpoint is and what it needs, as text: sizes, memory, layouts on some GPUs, the roofline. Needs only config.json."""

from collections.abc import Iterator

from model_service.arctic.config import ArcticConfig
from model_service.arctic.layouts import GPUS_A_NODE, Layout, Load, layouts, load, obstacle
from model_service.arctic.sizes import STORAGES, bytes_per_token, kv_bytes_per_token, sizes, total_bytes
from model_service.gpus import Gpu


def describe(config: ArcticConfig, gpus: int, gpu: Gpu) -> Iterator[str]:
    """The lines of `python -m model_service info`."""
    yield from _model_lines(config)
    yield ""
    yield f"On {gpus} x {gpu.name} ({_gb(gpu.memory_bytes)} each, {gpu.bytes_per_second / 1e12:g} TB/s):"
    yield from _layout_lines(config, gpus, gpu)
    yield ""
    yield from _roofline_lines(config, gpus, gpu)


def _roofline_lines(config: ArcticConfig, gpus: int, gpu: Gpu) -> Iterator[str]:
    """Only GPUs that share a layer read at the same time for one sequence: pipeline stages wait for each other."""
    tp = max((layout.tp for layout in layouts(gpus) if not obstacle(config, layout)), default=1)
    yield f"Ceiling for one sequence, if reading weights at full bandwidth on TP{tp} were all the work:"
    for storage in STORAGES:
        read = bytes_per_token(config, storage)
        yield f"  {storage:9} {_gb(read):>9} a token  {tp * gpu.bytes_per_second / read:8,.0f} tokens/s"


def _model_lines(config: ArcticConfig) -> Iterator[str]:
    count = sizes(config)
    experts = f"{config.num_local_experts} experts, {config.num_experts_per_tok} a token"
    yield f"Layers           {config.num_hidden_layers}, hidden size {config.hidden_size}, {experts}"
    yield f"Attention        {config.num_attention_heads} heads of {config.head_dim}, {config.num_key_value_heads} for keys and values"
    yield f"Parameters       {count.total / 1e9:.3f}B total, {count.active / 1e9:.3f}B active, {count.dense / 1e9:.3f}B dense"
    for storage in STORAGES:
        yield f"Weights {storage:8} {_gb(total_bytes(config, storage))}"
    per_token = kv_bytes_per_token(config)
    full = per_token * config.max_position_embeddings
    yield f"KV cache bf16    {per_token:,} bytes a token, {_gb(full)} at {config.max_position_embeddings:,} tokens"


def _layout_lines(config: ArcticConfig, gpus: int, gpu: Gpu) -> Iterator[str]:
    for layout in layouts(gpus):
        reason = obstacle(config, layout)
        if reason:
            yield f"  {layout!s:18} not possible: {reason}"
            continue
        across = "  (TP across nodes: slow)" if layout.tp > GPUS_A_NODE else ""
        fits = ", ".join(_fit(storage, load(config, layout, gpu, storage)) for storage in STORAGES[1:])
        yield f"  {layout!s:18} {fits}{across}"


def _fit(storage: str, held: Load) -> str:
    """ "fp8 fits: 60.1 GB + 550,000 tokens of KV", or what is lacking."""
    if held.kv_room_bytes <= 0:
        return f"{storage} does not fit ({_gb(held.weight_bytes)} a GPU, {_gb(-held.kv_room_bytes)} too much)"
    return f"{storage} fits ({_gb(held.weight_bytes)} a GPU, room for {held.kv_tokens:,} tokens of KV)"


def _gb(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e8 else f"{count / 1e6:,.1f} MB"


def fitting(config: ArcticConfig, gpus: int, gpu: Gpu, storage: str) -> list[Layout]:
    """The layouts that are possible and leave room for at least one sequence of full length."""
    return [
        layout
        for layout in layouts(gpus)
        if not obstacle(config, layout)
        and load(config, layout, gpu, storage).kv_tokens >= config.max_position_embeddings
    ]
