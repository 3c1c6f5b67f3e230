"""How many key/value heads a checkpoint really has: its K says so, whatever its config.json does. Imports no torch.

The first release stored each KV head once for every head that reads it (56 instead of 8) and its config said so; copies of
it exist with only one of the two mended. Who takes the config at its word then reads the wrong rows: vLLM cuts K and V to
the rows it expects and says nothing.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from model_service.arctic.config import ArcticConfig, read_config
from model_service.arctic.tensors import INDEX, LONE_FILE

FIRST_KEY = "model.layers.0.self_attn.k_proj.weight"
HEADER_AT_MOST = 2**27  # bytes; one of the real shards has some 50 KB


def read_stored_config(directory: Path) -> ArcticConfig:
    """`read_config` with the KV heads that are stored; as config.json says where no weights are. Raises CheckpointError."""
    config = read_config(directory)
    shape = _stored_shape(directory)
    return config if shape is None else with_stored_heads(config, shape)


def with_stored_heads(config: ArcticConfig, first_key: tuple[int, ...]) -> ArcticConfig:
    """The config with as many KV heads as the first layer's K, of this shape, has rows for, if either layout has as many."""
    if len(first_key) != 2 or first_key[0] % config.head_dim:
        return config
    heads = first_key[0] // config.head_dim
    is_one_expanded = config.num_attention_heads in (heads, config.num_key_value_heads)
    fits = is_one_expanded and heads > 0 and config.num_attention_heads % heads == 0
    return replace(config, num_key_value_heads=heads) if fits else config


def _stored_shape(directory: Path) -> tuple[int, ...] | None:
    """The shape of the first layer's K, from one file's header; None if it cannot be read. What is broken is told on loading."""
    try:
        found = _header(directory / _file_of_key(directory))[FIRST_KEY]["shape"]
        return tuple(int(side) for side in found)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _file_of_key(directory: Path) -> str:
    index = directory / INDEX
    if not index.exists():
        return LONE_FILE
    return str(json.loads(index.read_text(encoding="utf-8"))["weight_map"][FIRST_KEY])


def _header(path: Path) -> Any:
    """The JSON at the beginning of a safetensors file: its length in eight bytes, then itself."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > HEADER_AT_MOST:
            raise ValueError("no safetensors file")
        return json.loads(file.read(length))
