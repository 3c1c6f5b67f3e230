"""The torch model against a plain NumPy one that shares no code with it: the whole distribution, not only the best token."""

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the Arctic model needs torch: `make venv-vllm` installs it")

from model_service.arctic.model import Arctic  # noqa: E402
from model_service.checkpoints.load import load_model  # noqa: E402
from tests.model_service.arctic import plain_arctic  # noqa: E402
from tests.model_service.arctic.random_checkpoint import random_tensors  # noqa: E402
from tests.model_service.conftest import MakeCheckpoint  # noqa: E402

# Single precision against double over a few layers: 1e-5 is usual, 1e-4 leaves room, a wrong model is off by 0.1 or more.
TOLERANCE = 1e-4
TOKENS = 20

SHAPES: dict[str, dict[str, Any]] = {
    "small": {},
    "five layers": {"num_hidden_layers": 5, "seed": 1},
    "one KV head": {"num_key_value_heads": 1, "seed": 2},
    "a KV head each": {"num_key_value_heads": 4, "seed": 3},
    "128 experts": {"num_local_experts": 128, "intermediate_size": 32, "seed": 4},
    "top-1": {"num_experts_per_tok": 1, "seed": 5},
    "top-4": {"num_experts_per_tok": 4, "seed": 6},
    "every second layer dense": {"moe_layer_frequency": 2, "num_hidden_layers": 4, "seed": 7},
    "no residual MLP": {"parallel_attn_mlp_res": False, "seed": 8},
    "tied embeddings": {"tie_word_embeddings": True, "seed": 9},
    "odd sizes": {"hidden_size": 72, "num_attention_heads": 6, "num_key_value_heads": 3, "intermediate_size": 37},
    "another theta and eps": {"rope_theta": 123.0, "rms_norm_eps": 0.3, "seed": 11},
    "lone file": {"shards": 1, "index": False, "seed": 12},
    "expanded K and V": {"expanded_kv": True, "seed": 13},
}


def some_ids(vocab: int, count: int = TOKENS, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(0, vocab, count).tolist()


def oracle(
    checkpoint: Path, options: dict[str, Any], ids: list[int], mutation: plain_arctic.Mutation = ""
) -> np.ndarray:
    """Logprobs [T, V] of the plain model with the same weights, as they were before any K/V was expanded."""
    config = json.loads((checkpoint / "config.json").read_text())
    if options.get("expanded_kv"):
        config["num_key_value_heads"] = 2
    tensors = random_tensors(config, seed=options.get("seed", 0))
    return plain_arctic.logprobs(plain_arctic.logits(tensors, config, ids, mutation))


def ours(model: Arctic, ids: list[int]) -> np.ndarray:
    logprobs: np.ndarray = model.logits(ids).log_softmax(-1).numpy()
    return logprobs


@pytest.mark.parametrize("name", SHAPES)
def test_the_whole_distribution_is_the_plain_models(make_checkpoint: MakeCheckpoint, name: str) -> None:
    checkpoint = make_checkpoint(**SHAPES[name])
    ids = some_ids(320)
    difference = ours(load_model(checkpoint), ids) - oracle(checkpoint, SHAPES[name], ids)
    assert np.abs(difference).max() < TOLERANCE


@pytest.mark.parametrize("mutation", [name for name in get_args(plain_arctic.Mutation) if name])
def test_a_wrong_model_would_be_seen(make_checkpoint: MakeCheckpoint, mutation: plain_arctic.Mutation) -> None:
    checkpoint = make_checkpoint()
    ids = some_ids(320)
    difference = ours(load_model(checkpoint), ids) - oracle(checkpoint, {}, ids, mutation)
    assert np.abs(difference).max() > 1000 * TOLERANCE


@pytest.mark.parametrize("pieces", [[1] * TOKENS, [7, 1, 12], [19, 1]])
def test_pieces_through_the_cache_are_the_whole(make_checkpoint: MakeCheckpoint, pieces: list[int]) -> None:
    model = load_model(make_checkpoint(num_hidden_layers=5, seed=1))
    ids = torch.tensor([some_ids(320)])
    cache = model.new_cache(batch=1, capacity=TOKENS)
    with torch.inference_mode():
        cached = torch.cat([model.head(model(piece, cache)) for piece in ids.split(pieces, dim=1)], dim=1)
    torch.testing.assert_close(cached[0], model.logits(ids[0].tolist()), atol=TOLERANCE, rtol=0)


def test_rows_of_unequal_length_do_not_see_each_other(make_checkpoint: MakeCheckpoint) -> None:
    model = load_model(make_checkpoint())
    prompts = [some_ids(320, length, seed=length) for length in (1, 9, 16)]
    cache = model.new_cache(batch=3, capacity=TOKENS)
    with torch.inference_mode():
        for row, prompt in enumerate(prompts):
            alone = model.new_cache(batch=1, capacity=len(prompt))
            model(torch.tensor([prompt]), alone)
            cache.put(row, alone)
        batched = model.head(model(torch.tensor([[5], [6], [7]]), cache))[:, 0]
    expected = torch.stack([model.logits([*prompt, new])[-1] for prompt, new in zip(prompts, (5, 6, 7), strict=True)])
    torch.testing.assert_close(batched, expected, atol=TOLERANCE, rtol=0)


def test_the_last_positions_are_right(make_checkpoint: MakeCheckpoint) -> None:
    """4096 tokens of a model small enough for the plain one, whose angles are in double precision: ours are in single, as
    the reference has them, and off by up to 4096 * 2^-24 turns."""
    options = {"num_hidden_layers": 1, "hidden_size": 32, "intermediate_size": 16, "num_local_experts": 4, "seed": 21}
    checkpoint = make_checkpoint(**options)
    ids = some_ids(320, 4096)
    difference = np.abs(ours(load_model(checkpoint), ids) - oracle(checkpoint, options, ids))
    assert difference[-64:].max() < 10 * TOLERANCE


@pytest.mark.parametrize(("dtype", "tolerance"), [("bfloat16", 0.3), ("float16", 0.04)])
def test_half_precision_stays_near(make_checkpoint: MakeCheckpoint, dtype: str, tolerance: float) -> None:
    """Sums of some hundred terms with 8 or 11 bits: the worst logprob of 6,400 strays by some hundredths to tenths."""
    model = load_model(make_checkpoint(dtype=dtype))
    ids = some_ids(320)
    exact = load_model(make_checkpoint(dtype=dtype), dtype=torch.float32)
    assert (model.dtype, exact.dtype) == (getattr(torch, dtype), torch.float32)
    assert np.abs(ours(model, ids) - ours(exact, ids)).max() < tolerance


def test_bf16_weights_computed_in_fp32_are_exact(make_checkpoint: MakeCheckpoint) -> None:
    options = {"dtype": "bfloat16", "seed": 14}
    checkpoint = make_checkpoint(**options)
    config = json.loads((checkpoint / "config.json").read_text())
    rounded = {
        name: torch.from_numpy(tensor).bfloat16().float().numpy()
        for name, tensor in random_tensors(config, seed=14).items()
    }
    ids = some_ids(320)
    expected = plain_arctic.logprobs(plain_arctic.logits(rounded, config, ids))
    assert np.abs(ours(load_model(checkpoint, dtype=torch.float32), ids) - expected).max() < TOLERANCE
