"""A random Arctic checkpoint on disk in the released layout: config.json, shards, index. The tests' only source of models.

The names and shapes are written out here once more, from the layout's description and not from the product's code, so
that a wrong name there cannot pass. The weights are scaled so that each part of a layer matters: norms differ from 1,
routers decide, and no branch drowns another.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

# config.json of Snowflake/snowflake-arctic-instruct, as released (after the GQA fix).
RELEASED = {
    "architectures": ["ArcticForCausalLM"],
    "attention_dropout": 0,
    "bos_token_id": 31998,
    "enable_expert_tensor_parallelism": False,
    "eos_token_id": 31999,
    "hidden_act": "silu",
    "hidden_size": 7168,
    "initializer_range": 0.02,
    "intermediate_size": 4864,
    "max_position_embeddings": 4096,
    "max_sequence_length": 4096,
    "model_type": "arctic",
    "moe_eval_capacity_factor": 1,
    "moe_layer_frequency": 1,
    "moe_min_capacity": 0,
    "moe_token_dropping": True,
    "moe_train_capacity_factor": 1,
    "num_attention_heads": 56,
    "num_experts_per_tok": 2,
    "num_hidden_layers": 35,
    "num_key_value_heads": 8,
    "num_local_experts": 128,
    "parallel_attn_mlp_res": True,
    "quantization": None,
    "rms_norm_eps": 1e-05,
    "rope_theta": 10000,
    "router_aux_loss_coef": 0.001,
    "sliding_window": None,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "use_residual": True,
    "vocab_size": 32000,
}

# Small, yet with everything the real one has; vLLM on CPU wants hidden sizes in 32s and heads of 32 or more.
SMALL = {
    "vocab_size": 320,
    "hidden_size": 128,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
    "bos_token_id": 318,
    "eos_token_id": 319,
}


def write_checkpoint(
    directory: Path,
    *,
    seed: int = 0,
    dtype: str = "float32",
    shards: int = 3,
    index: bool = True,
    expanded_kv: bool = False,
    **keys: Any,
) -> Path:
    """The directory, now holding a random checkpoint.

    keys: of config.json, over SMALL and RELEASED. dtype: "float32", "bfloat16" or "float16", as stored.
    shards: files the tensors are spread over; 1 and index=False gives a lone model.safetensors.
    expanded_kv: K and V rows repeated for every attention head, and a config that says so, as the first release had it.
    """
    config = RELEASED | SMALL | keys | {"torch_dtype": dtype}
    tensors = random_tensors(config, seed=seed)
    if expanded_kv:
        tensors, config = expand_kv(tensors, config)
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "config.json", config)
    write_shards(directory, tensors, dtype=dtype, shards=shards, index=index)
    return directory


def random_tensors(config: Mapping[str, Any], *, seed: int = 0) -> dict[str, np.ndarray]:
    """Every tensor of the checkpoint by its name, fp32; the same for the same seed and shape."""
    rng = np.random.default_rng(seed)
    return {name: _random(rng, name, shape) for name, shape in shapes(config)}


def shapes(config: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Each tensor's name and shape, in the order of the layers."""
    hidden, vocab = config["hidden_size"], config["vocab_size"]
    yield "model.embed_tokens.weight", (vocab, hidden)
    for layer in range(config["num_hidden_layers"]):
        yield from _layer_shapes(config, layer)
    yield "model.norm.weight", (hidden,)
    if not config["tie_word_embeddings"]:
        yield "lm_head.weight", (vocab, hidden)


def _layer_shapes(config: Mapping[str, Any], layer: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, at = config["hidden_size"], f"model.layers.{layer}"
    kv = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    has_experts = (layer + 1) % config["moe_layer_frequency"] == 0
    for name, rows in {"q": hidden, "k": kv, "v": kv, "o": hidden}.items():
        yield f"{at}.self_attn.{name}_proj.weight", (rows, hidden)
    yield f"{at}.input_layernorm.weight", (hidden,)
    yield f"{at}.post_attention_layernorm.weight", (hidden,)
    if has_experts and config["parallel_attn_mlp_res"]:
        yield f"{at}.residual_layernorm.weight", (hidden,)
        yield from _mlp_shapes(f"{at}.residual_mlp", hidden, hidden)
    if not has_experts:
        yield from _mlp_shapes(f"{at}.block_sparse_moe.mlp", hidden, config["intermediate_size"])
        return
    yield f"{at}.block_sparse_moe.gate.weight", (config["num_local_experts"], hidden)
    for expert in range(config["num_local_experts"]):
        yield from _mlp_shapes(f"{at}.block_sparse_moe.experts.{expert}", hidden, config["intermediate_size"])


def _mlp_shapes(at: str, hidden: int, inner: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{at}.w1.weight", (inner, hidden)
    yield f"{at}.w2.weight", (hidden, inner)
    yield f"{at}.w3.weight", (inner, hidden)


def _random(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    noise = rng.standard_normal(shape, dtype=np.float32)
    if len(shape) == 1:
        return 1 + 0.3 * noise
    if name == "model.embed_tokens.weight":
        return noise
    gain = 2.0 if ".gate." in name or name.startswith("lm_head") else 1.0
    return gain * noise / np.float32(shape[1] ** 0.5)


def expand_kv(
    tensors: Mapping[str, np.ndarray], config: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The same model with each KV head stored once for every attention head that reads it."""
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    expanded = dict(tensors)
    for name, tensor in tensors.items():
        if name.endswith((".k_proj.weight", ".v_proj.weight")):
            by_head = tensor.reshape(kv_heads, -1, config["hidden_size"])
            expanded[name] = by_head.repeat(heads // kv_heads, axis=0).reshape(-1, config["hidden_size"])
    return expanded, {**config, "num_key_value_heads": heads}


def write_shards(
    directory: Path, tensors: Mapping[str, np.ndarray], *, dtype: str = "float32", shards: int = 3, index: bool = True
) -> None:
    """The tensors in `shards` safetensors files of about the same count, and the index over them."""
    names, weight_map = list(tensors), {}
    for number in range(shards):
        file = f"model-{number + 1:05}-of-{shards:05}.safetensors" if index else "model.safetensors"
        part = names[len(names) * number // shards : len(names) * (number + 1) // shards]
        _save({name: tensors[name] for name in part}, directory / file, dtype)
        weight_map |= dict.fromkeys(part, file)
    if index:
        total = sum(tensor.size for tensor in tensors.values()) * (4 if dtype == "float32" else 2)
        about = {"metadata": {"total_size": total}, "weight_map": weight_map}
        write_json(directory / "model.safetensors.index.json", about)


def _save(tensors: Mapping[str, np.ndarray], path: Path, dtype: str) -> None:
    import torch
    from safetensors.torch import save_file

    as_stored = {
        name: torch.from_numpy(np.ascontiguousarray(tensor)).to(getattr(torch, dtype))
        for name, tensor in tensors.items()
    }
    save_file(as_stored, path, metadata={"format": "pt"})


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2))
