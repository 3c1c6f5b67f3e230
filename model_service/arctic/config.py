"""ArcticConfig: a checkpoint's config.json, its own field names, checked once.

A key that is absent takes the value of the released checkpoint, not the class default of `configuration_arctic.py`, which
is a Mixtral shape that no Arctic has. The sizes have no default. What this code cannot compute is refused, not ignored.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from model_service.errors import CheckpointError

SIZES = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "num_local_experts",
    "num_experts_per_tok",
)
STORED_DTYPES = ("bfloat16", "float16", "float32")
# Keys that would change the network, and the values under which they don't.
UNSUPPORTED = {
    "hidden_act": ("silu",),
    "attention_bias": (False, None),
    "sliding_window": (None,),
    "rope_scaling": (None,),
}


@dataclass(frozen=True)
class ArcticConfig:
    """The network's shape. Raises CheckpointError if the numbers cannot be one."""

    vocab_size: int
    hidden_size: int  # also the width of the residual MLP, which has no key of its own
    intermediate_size: int  # of one expert, and of the MLP of a layer without experts
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    num_local_experts: int
    num_experts_per_tok: int
    max_position_embeddings: int = 4096
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-5
    moe_layer_frequency: int = 1  # layer i has experts if (i + 1) % this == 0: all 35 of the released one
    parallel_attn_mlp_res: bool = True  # the residual MLP, and the MoE reading the layer's input
    tie_word_embeddings: bool = False
    bos_token_id: int | None = None
    eos_token_id: int | tuple[int, ...] | None = None
    torch_dtype: str = "bfloat16"
    quantization_config: dict[str, Any] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        for name in (*SIZES, "max_position_embeddings", "moe_layer_frequency"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise _wrong(f"{name} is {value!r}, not a whole number above 0")
        if not _is_number(self.rms_norm_eps) or self.rms_norm_eps < 0:
            raise _wrong(f"rms_norm_eps is {self.rms_norm_eps!r}, not a number")
        if self.torch_dtype not in STORED_DTYPES:
            raise _wrong(f"torch_dtype is {self.torch_dtype!r}, not one of {', '.join(STORED_DTYPES)}")
        if not isinstance(self.quantization_config, dict | None):
            raise _wrong(f"quantization_config is {self.quantization_config!r}, not an object")
        if self.hidden_size % self.num_attention_heads or self.head_dim % 2:
            raise _wrong(
                f"hidden_size {self.hidden_size} over {self.num_attention_heads} attention heads is no even head size"
            )
        if self.num_attention_heads % self.num_key_value_heads:
            raise _wrong(f"{self.num_attention_heads} attention heads cannot share {self.num_key_value_heads} KV heads")
        if self.num_experts_per_tok > self.num_local_experts:
            raise _wrong(f"{self.num_experts_per_tok} experts a token are asked of {self.num_local_experts}")

    @property
    def head_dim(self) -> int:
        """128 in the released checkpoint."""
        return self.hidden_size // self.num_attention_heads

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """The ids that end a text; empty if the config names none."""
        if self.eos_token_id is None:
            return ()
        return (self.eos_token_id,) if isinstance(self.eos_token_id, int) else self.eos_token_id

    def is_moe_layer(self, layer: int) -> bool:
        """Does layer 0, 1, ... have experts?"""
        return (layer + 1) % self.moe_layer_frequency == 0

    def has_residual_mlp(self, layer: int) -> bool:
        """Does the layer have the residual MLP? Only one with experts can."""
        return self.parallel_attn_mlp_res and self.is_moe_layer(layer)


def read_config(directory: Path) -> ArcticConfig:
    """The config of a checkpoint directory. Raises CheckpointError if it is missing, broken or not Arctic's."""
    path = directory / "config.json"
    try:
        keys = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(
            f"Cannot read {path}: {error.strerror}.", "Give the directory of a checkpoint: it holds a config.json."
        ) from error
    except ValueError as error:
        raise CheckpointError(f"{path} is not JSON: {error}.", "Fetch it again.") from error
    if not isinstance(keys, dict):
        raise CheckpointError(f"{path} holds no JSON object.", "Fetch it again.")
    try:
        return parse_config(keys)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error.message}", error.hint) from error


def parse_config(keys: dict[str, Any]) -> ArcticConfig:
    """The config in a config.json's object; keys that don't concern the network are left aside."""
    _refuse_others(keys)
    keys = keys | {"num_key_value_heads": keys.get("num_key_value_heads") or keys.get("num_attention_heads")}
    missing = [name for name in SIZES if keys.get(name) is None]
    if missing:
        raise _wrong(f"it lacks {', '.join(missing)}")
    known = {name: keys[name] for name in ArcticConfig.__dataclass_fields__ if keys.get(name) is not None}
    known |= {"rope_theta": _rope_theta(keys), "parallel_attn_mlp_res": _is_parallel(keys)}
    known["torch_dtype"] = str(keys.get("torch_dtype") or keys.get("dtype") or "bfloat16").removeprefix("torch.")
    return ArcticConfig(**known | _special_ids(keys))


def _special_ids(keys: dict[str, Any]) -> dict[str, Any]:
    """`bos_token_id` and `eos_token_id`; newer configs may give several that end a text, in a list."""
    eos = keys.get("eos_token_id")
    ids = {"bos_token_id": keys.get("bos_token_id"), "eos_token_id": tuple(eos) if isinstance(eos, list) else eos}
    for name, value in ids.items():
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None and (isinstance(one, bool) or not isinstance(one, int)):
                raise _wrong(f"{name} is {value!r}, not a token id")
    return ids


def _refuse_others(keys: dict[str, Any]) -> None:
    kind = keys.get("model_type", "arctic")
    if kind != "arctic":
        raise _wrong(f"model_type is {kind!r}, not 'arctic'")
    for name, allowed in UNSUPPORTED.items():
        if name in keys and keys[name] not in allowed:
            raise _wrong(f"{name} {keys[name]!r} is not supported")
    hidden, heads, size = (keys.get(name) for name in ("hidden_size", "num_attention_heads", "head_dim"))
    if isinstance(hidden, int) and isinstance(heads, int) and isinstance(size, int) and hidden != heads * size:
        raise _wrong(f"head_dim {size} times {heads} heads is not hidden_size {hidden}")


def _rope_theta(keys: dict[str, Any]) -> float:
    """`rope_theta`, or as newer libraries write it `rope_parameters.rope_theta`."""
    rope = keys.get("rope_parameters") or {}
    if not isinstance(rope, dict):
        raise _wrong(f"rope_parameters is {rope!r}, not an object")
    if rope.get("rope_type", "default") != "default":
        raise _wrong(f"rope_parameters of type {rope['rope_type']!r} are not supported")
    theta = keys.get("rope_theta", rope.get("rope_theta", 10000.0))
    if not _is_number(theta) or theta <= 0:
        raise _wrong(f"rope_theta is {theta!r}, not a number above 0")
    return float(theta)


def _is_parallel(keys: dict[str, Any]) -> bool:
    """The Hugging Face code reads `parallel_attn_mlp_res`, vLLM's `use_residual`: the released config has both."""
    return bool(keys.get("parallel_attn_mlp_res", keys.get("use_residual", True)))


def _is_number(value: Any) -> TypeGuard[float]:
    """Neither a bool, nor one of the NaN and Infinity that Python's JSON reads."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _wrong(what: str) -> CheckpointError:
    return CheckpointError(f"This is no Arctic config: {what}.", "Compare it with Snowflake/snowflake-arctic-instruct.")
