"""Arctic once more, in NumPy and as plainly as can be: the oracle of the parity tests.

Written from the description of the network, not from the product's code, and built differently: one sequence, no cache,
no grouping of tokens, einsum over heads and over all experts, rotations as complex numbers. The `Mutation` arguments
break one thing each; a test that a mutant passes proves nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

Tensors = Mapping[str, np.ndarray]
Mutation = Literal["", "moe reads a", "norms swapped", "top-1", "no renormalisation", "no mask", "no residual"]


def logits(tensors: Tensors, config: Mapping[str, Any], ids: Sequence[int], mutation: Mutation = "") -> np.ndarray:
    """[T, V] in double precision."""
    x = tensors["model.embed_tokens.weight"][list(ids)].astype(np.float64)
    for layer in range(config["num_hidden_layers"]):
        x = _layer(_Part(tensors, f"model.layers.{layer}."), config, layer, x, mutation)
    head = "model.embed_tokens.weight" if config["tie_word_embeddings"] else "lm_head.weight"
    return _norm(x, tensors["model.norm.weight"], config) @ tensors[head].astype(np.float64).T


def logprobs(logits: np.ndarray) -> np.ndarray:
    """Of [T, V], over V."""
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


class _Part:
    """The tensors whose names begin alike, in double precision."""

    def __init__(self, tensors: Tensors, prefix: str) -> None:
        self.tensors, self.prefix = tensors, prefix

    def __getitem__(self, name: str) -> np.ndarray:
        return self.tensors[f"{self.prefix}{name}.weight"].astype(np.float64)


def _layer(part: _Part, config: Mapping[str, Any], layer: int, x: np.ndarray, mutation: Mutation) -> np.ndarray:
    has_experts = (layer + 1) % config["moe_layer_frequency"] == 0
    a = x + _attention(part, config, _norm(x, part["input_layernorm"], config), mutation)
    feed = _experts if has_experts else _dense
    if not (has_experts and config["parallel_attn_mlp_res"]):
        return a + feed(part, config, _norm(a, part["post_attention_layernorm"], config), mutation)
    names = ["residual_layernorm", "post_attention_layernorm"]
    if mutation == "norms swapped":
        names.reverse()
    r = _mlp(_norm(a, part[names[0]], config), *(part[f"residual_mlp.w{i}"] for i in (1, 2, 3)))
    source = a if mutation == "moe reads a" else x
    m = feed(part, config, _norm(source, part[names[1]], config), mutation)
    return a + m if mutation == "no residual" else a + r + m


def _norm(x: np.ndarray, weight: np.ndarray, config: Mapping[str, Any]) -> np.ndarray:
    return weight * x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + config["rms_norm_eps"])


def _mlp(x: np.ndarray, w1: np.ndarray, w2: np.ndarray, w3: np.ndarray) -> np.ndarray:
    gate = x @ w1.T
    return (gate / (1 + np.exp(-gate)) * (x @ w3.T)) @ w2.T


def _attention(part: _Part, config: Mapping[str, Any], x: np.ndarray, mutation: Mutation) -> np.ndarray:
    length, hidden = x.shape
    heads, size = config["num_attention_heads"], hidden // config["num_attention_heads"]
    q, k, v = ((x @ part[f"self_attn.{n}_proj"].T).reshape(length, -1, size) for n in "qkv")
    q, k = _turned(q, config["rope_theta"]), _turned(k, config["rope_theta"])
    shared_by = heads // k.shape[1]
    scores = np.einsum("qgsd,kgd->gsqk", q.reshape(length, -1, shared_by, size), k) / np.sqrt(size)
    if mutation != "no mask":
        scores = np.where(np.tri(length, dtype=bool), scores, -np.inf)
    weights = np.exp(logprobs(scores.reshape(-1, length))).reshape(scores.shape)
    return np.einsum("gsqk,kgd->qgsd", weights, v).reshape(length, hidden) @ part["self_attn.o_proj"].T


def _turned(x: np.ndarray, theta: float) -> np.ndarray:
    """x [T, heads, d]: (x[i], x[i + d/2]) is a complex number, times e^(i * position * theta^(-2i/d))."""
    half = x.shape[-1] // 2
    points = x[..., :half] + 1j * x[..., half:]
    speeds = theta ** (-np.arange(half) / half)
    turned = points * np.exp(1j * np.arange(len(x))[:, None, None] * speeds)
    return np.concatenate((turned.real, turned.imag), axis=-1)


def _experts(part: _Part, config: Mapping[str, Any], x: np.ndarray, mutation: Mutation) -> np.ndarray:
    """Every expert on every token; the ones not chosen count for nothing."""
    trust = np.exp(logprobs(x @ part["block_sparse_moe.gate"].T))
    top_k = 1 if mutation == "top-1" else config["num_experts_per_tok"]
    least = np.sort(trust, axis=-1)[:, -top_k][:, None]
    trust = np.where(trust >= least, trust, 0)
    if top_k > 1 and mutation != "no renormalisation":
        trust = trust / trust.sum(-1, keepdims=True)
    total = np.zeros_like(x)
    for expert in range(trust.shape[1]):
        weights = (part[f"block_sparse_moe.experts.{expert}.w{i}"] for i in (1, 2, 3))
        total += trust[:, expert : expert + 1] * _mlp(x, *weights)
    return total


def _dense(part: _Part, config: Mapping[str, Any], x: np.ndarray, mutation: Mutation) -> np.ndarray:
    return _mlp(x, *(part[f"block_sparse_moe.mlp.w{i}"] for i in (1, 2, 3)))
