"""Every tensor of a checkpoint: its name, shape and kind, from the config alone. Imports no torch."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from model_service.arctic.config import ArcticConfig


class Kind(StrEnum):
    """What a tensor is part of. The kinds in QUANTIZED may be stored in FP8."""

    EMBEDDING = "embedding"
    NORM = "norm"
    ATTENTION = "attention"
    RESIDUAL = "residual MLP"
    DENSE = "dense MLP"  # in the place of experts, in layers that have none
    ROUTER = "router"
    EXPERT = "expert"
    HEAD = "head"


INDEX = "model.safetensors.index.json"  # says which file holds which tensor
LONE_FILE = "model.safetensors"  # instead of an index, where one file holds all
QUANTIZED = frozenset({Kind.ATTENTION, Kind.RESIDUAL, Kind.DENSE, Kind.EXPERT})


@dataclass(frozen=True)
class TensorSpec:
    """One tensor; weights are [out, in], norms [hidden_size]."""

    name: str
    shape: tuple[int, ...]
    kind: Kind

    @property
    def size(self) -> int:
        """Values in it."""
        return math.prod(self.shape)


def tensor_specs(config: ArcticConfig) -> Iterator[TensorSpec]:
    """All tensors, layer by layer; 13,828 in the released checkpoint."""
    hidden, vocab = config.hidden_size, config.vocab_size
    yield TensorSpec("model.embed_tokens.weight", (vocab, hidden), Kind.EMBEDDING)
    for layer in range(config.num_hidden_layers):
        yield from layer_specs(config, layer)
    yield TensorSpec("model.norm.weight", (hidden,), Kind.NORM)
    if not config.tie_word_embeddings:
        yield TensorSpec("lm_head.weight", (vocab, hidden), Kind.HEAD)


def layer_specs(config: ArcticConfig, layer: int) -> Iterator[TensorSpec]:
    """The tensors of one layer: 395 in the released checkpoint."""
    at, hidden, inner = f"model.layers.{layer}", config.hidden_size, config.intermediate_size
    kv = config.num_key_value_heads * config.head_dim
    for name, rows in {"q": hidden, "k": kv, "v": kv, "o": hidden}.items():
        yield TensorSpec(f"{at}.self_attn.{name}_proj.weight", (rows, hidden), Kind.ATTENTION)
    yield TensorSpec(f"{at}.input_layernorm.weight", (hidden,), Kind.NORM)
    yield TensorSpec(f"{at}.post_attention_layernorm.weight", (hidden,), Kind.NORM)
    if config.has_residual_mlp(layer):
        yield TensorSpec(f"{at}.residual_layernorm.weight", (hidden,), Kind.NORM)
        yield from _mlp_specs(f"{at}.residual_mlp", hidden, hidden, Kind.RESIDUAL)
    if not config.is_moe_layer(layer):
        yield from _mlp_specs(f"{at}.block_sparse_moe.mlp", hidden, inner, Kind.DENSE)
        return
    yield TensorSpec(f"{at}.block_sparse_moe.gate.weight", (config.num_local_experts, hidden), Kind.ROUTER)
    for expert in range(config.num_local_experts):
        yield from _mlp_specs(f"{at}.block_sparse_moe.experts.{expert}", hidden, inner, Kind.EXPERT)


def _mlp_specs(at: str, hidden: int, inner: int, kind: Kind) -> Iterator[TensorSpec]:
    for name, shape in {"w1": (inner, hidden), "w2": (hidden, inner), "w3": (inner, hidden)}.items():
        yield TensorSpec(f"{at}.{name}.weight", shape, kind)
