"""How large a model is and what one token of it costs to make, from its config alone."""

from collections import Counter
from dataclasses import dataclass

from model_service.arctic.config import ArcticConfig
from model_service.arctic.tensors import QUANTIZED, Kind, TensorSpec, tensor_specs

STORAGES = ("float32", "bfloat16", "fp8")  # fp8: codes and a scale a row where it may be, bfloat16 elsewhere
SCALE_BYTES = 4


@dataclass(frozen=True)
class Sizes:
    """Parameters: all of them, those that one token uses, and those outside the experts."""

    total: int
    active: int
    dense: int


def sizes(config: ArcticConfig) -> Sizes:
    """478.585B, 17.319B and 9.997B for the released config."""
    by_kind: Counter[Kind] = Counter()
    for spec in tensor_specs(config):
        by_kind[spec.kind] += spec.size
    total = by_kind.total()
    experts = by_kind[Kind.EXPERT]
    dense = total - experts
    return Sizes(total, dense + experts * config.num_experts_per_tok // config.num_local_experts, dense)


def stored_bytes(spec: TensorSpec, storage: str) -> int:
    """What a tensor takes in one of STORAGES."""
    if storage == "float32":
        return 4 * spec.size
    if storage == "fp8" and spec.kind in QUANTIZED:
        return spec.size + SCALE_BYTES * spec.shape[0]
    return 2 * spec.size


def total_bytes(config: ArcticConfig, storage: str) -> int:
    """All weights."""
    return sum(stored_bytes(spec, storage) for spec in tensor_specs(config))


def bytes_per_token(config: ArcticConfig, storage: str) -> int:
    """Weights read for one token of one sequence: all but the experts not chosen and the rows of embeddings not meant."""
    read = 0.0
    for spec in tensor_specs(config):
        share = 1.0
        if spec.kind == Kind.EXPERT:
            share = config.num_experts_per_tok / config.num_local_experts
        elif spec.kind == Kind.EMBEDDING and not config.tie_word_embeddings:
            share = 1 / config.vocab_size
        read += share * stored_bytes(spec, storage)
    return round(read)


def kv_bytes_per_token(config: ArcticConfig, value_bytes: int = 2) -> int:
    """Keys and values of one position in all layers: 143,360 for the released config in bf16."""
    return 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * value_bytes
