"""`python -m model_service logits` on checkpoints nobody chose: shapes, layouts and dtypes drawn at random, against NumPy.

The bar is 1e-3 of the largest logit; single precision leaves about 1e-6, so 1e-5 is asked.
"""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the Arctic model needs torch: `make venv-vllm` installs it")

from model_service.__main__ import main  # noqa: E402
from tests.model_service.arctic import plain_arctic  # noqa: E402
from tests.model_service.arctic.random_checkpoint import random_tensors, write_checkpoint  # noqa: E402

TOLERANCE = 1e-5


def drawn(seed: int) -> dict[str, Any]:
    """Arguments of `write_checkpoint`: heads of 2 to 64, groups of up to 7, up to 128 experts and 9 layers, all that is optional."""
    draw = random.Random(seed)
    kv_heads, group, size = draw.choice((1, 2, 3)), draw.choice((1, 2, 3, 7)), draw.choice((2, 6, 16, 64))
    experts = draw.choice((1, 3, 8, 128))
    shards = draw.choice((1, 2, 5))
    return {
        "seed": seed,
        "dtype": draw.choice(("float32", "bfloat16", "float16")),
        "shards": shards,
        "index": shards > 1,
        "expanded_kv": draw.random() < 0.3,
        "vocab_size": draw.choice((7, 100, 321)),
        "hidden_size": kv_heads * group * size,
        "num_attention_heads": kv_heads * group,
        "num_key_value_heads": kv_heads,
        "intermediate_size": draw.choice((1, 5, 24, 40)),
        "num_hidden_layers": draw.choice((1, 2, 3, 9)) if experts < 128 else 2,
        "num_local_experts": experts,
        "num_experts_per_tok": draw.randint(1, min(experts, 5)),
        "moe_layer_frequency": draw.choice((1, 1, 2)),
        "parallel_attn_mlp_res": draw.random() < 0.8,
        "tie_word_embeddings": draw.random() < 0.3,
        "rope_theta": draw.choice((10000, 1e6, 500.0)),
        "rms_norm_eps": draw.choice((1e-5, 1e-6, 1e-2)),
    }


@pytest.mark.parametrize("seed", range(24))
def test_logits_are_the_formulas(seed: int, tmp_path: Path) -> None:
    shape = drawn(seed)
    checkpoint = write_checkpoint(tmp_path / "checkpoint", **shape)
    config = json.loads((checkpoint / "config.json").read_text()) | {
        "num_key_value_heads": shape["num_key_value_heads"]
    }
    ids = [random.Random(seed).randrange(shape["vocab_size"]) for _ in range(1 + seed)]
    out = tmp_path / "logits.npy"
    assert main(["logits", "--checkpoint", str(checkpoint), "--ids", ",".join(map(str, ids)), "--out", str(out)]) == 0
    dtype = getattr(torch, shape["dtype"])
    stored = {
        name: torch.from_numpy(t).to(dtype).double().numpy() for name, t in random_tensors(config, seed=seed).items()
    }
    expected = plain_arctic.logits(stored, config, ids)
    assert np.abs(np.load(out) - expected).max() < TOLERANCE * np.abs(expected).max()
