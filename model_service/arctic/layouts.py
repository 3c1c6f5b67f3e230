"""Ways to spread the model over GPUs, what stands against each, and what each GPU then holds.

Tensor parallelism (TP) cuts every layer into as many parts, by heads and by columns; pipeline parallelism (PP) gives
each stage some of the layers; expert parallelism (EP) gives each GPU whole experts instead of a slice of every one. With
data parallelism (DP) and EP together, each group of TP GPUs holds the dense part and all GPUs share one set of experts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from model_service.arctic.config import ArcticConfig
from model_service.arctic.sizes import kv_bytes_per_token, stored_bytes
from model_service.arctic.tensors import Kind, TensorSpec, layer_specs, tensor_specs
from model_service.gpus import Gpu

GPUS_A_NODE = 8
USABLE = 0.9  # of a GPU's memory: vLLM's own default
WORKSPACE_BYTES = 2 * 10**9  # activations, CUDA graphs, communication buffers: an estimate, not measured
WHOLE = frozenset({Kind.NORM, Kind.ROUTER})  # kept whole on every GPU


@dataclass(frozen=True)
class Layout:
    """How many GPUs share a layer, how many stages share the layers, how many copies of the dense part; and of experts
    a slice each or whole ones."""

    tp: int = 1
    pp: int = 1
    dp: int = 1
    ep: bool = False

    @property
    def gpus(self) -> int:
        """All of them."""
        return self.tp * self.pp * self.dp

    def __str__(self) -> str:
        parts = [f"TP{self.tp}"] + [f"{name}{n}" for name, n in (("PP", self.pp), ("DP", self.dp)) if n > 1]
        return " x ".join(parts) + (f" + EP{self.tp * self.dp}" if self.ep else "")


@dataclass(frozen=True)
class Load:
    """What the fullest GPU of a layout holds, in bytes; kv_tokens is how many positions of all sequences fit besides."""

    weight_bytes: int
    kv_bytes_per_token: int
    kv_room_bytes: int

    @property
    def kv_tokens(self) -> int:
        """0 if not even the weights fit."""
        return max(0, self.kv_room_bytes) // self.kv_bytes_per_token


def layouts(gpus: int) -> Iterator[Layout]:
    """Every way to use just that many GPUs, possible or not; the ones that communicate least between nodes first."""
    for tp in sorted((tp for tp in range(1, gpus + 1) if gpus % tp == 0), reverse=True):
        rest = gpus // tp
        yield Layout(tp, pp=rest)
        if tp > 1:
            yield Layout(tp, pp=rest, ep=True)
        if rest > 1:
            yield Layout(tp, dp=rest, ep=True)


def obstacle(config: ArcticConfig, layout: Layout) -> str:
    """Why the model cannot be spread so; empty if it can."""
    tp, heads, kv_heads = layout.tp, config.num_attention_heads, config.num_key_value_heads
    if heads % tp:
        return f"{heads} attention heads cannot be split among {tp}"
    if kv_heads % tp and tp % kv_heads:
        return f"{kv_heads} KV heads can be neither split among {tp} nor repeated to it"
    if config.hidden_size % tp:
        return f"the residual MLP's width {config.hidden_size} cannot be split among {tp}"
    if not layout.ep and config.intermediate_size % tp:
        return f"an expert's width {config.intermediate_size} cannot be split among {tp}"
    if layout.ep and config.num_local_experts % (tp * layout.dp):
        return f"{config.num_local_experts} experts cannot be shared evenly by {tp * layout.dp}"
    if layout.pp > config.num_hidden_layers:
        return f"{config.num_hidden_layers} layers are fewer than {layout.pp} stages"
    return ""


def load(config: ArcticConfig, layout: Layout, gpu: Gpu, storage: str) -> Load:
    """What the fullest GPU holds with weights stored as one of `sizes.STORAGES` and a bf16 KV cache."""
    layer_count = -(-config.num_hidden_layers // layout.pp)
    heaviest = max(range(config.num_hidden_layers), key=lambda layer: _layer_bytes(config, layer, layout, storage))
    ends = [spec for spec in tensor_specs(config) if spec.kind in (Kind.EMBEDDING, Kind.HEAD)]
    at_ends = [_share_bytes(config, spec, layout, storage) for spec in ends]
    weights = layer_count * _layer_bytes(config, heaviest, layout, storage)
    weights += sum(at_ends) if layout.pp == 1 else max(at_ends)
    kv = (
        kv_bytes_per_token(config)
        * layer_count
        // config.num_hidden_layers
        // min(layout.tp, config.num_key_value_heads)
    )
    return Load(weights, kv, int(USABLE * gpu.memory_bytes) - weights - WORKSPACE_BYTES)


def _layer_bytes(config: ArcticConfig, layer: int, layout: Layout, storage: str) -> int:
    return sum(_share_bytes(config, spec, layout, storage) for spec in layer_specs(config, layer))


def _share_bytes(config: ArcticConfig, spec: TensorSpec, layout: Layout, storage: str) -> int:
    """A tensor's part on one GPU; experts, of which a GPU may hold some whole, on average."""
    if spec.kind in WHOLE:
        return stored_bytes(spec, storage)
    parts = layout.tp
    if spec.kind == Kind.EXPERT and layout.ep:
        parts = layout.tp * layout.dp
    if spec.kind == Kind.ATTENTION and spec.shape[0] < config.hidden_size:  # K and V: no fewer than a head each
        parts = min(parts, config.num_key_value_heads)
    return -(-stored_bytes(spec, storage) // parts)
