"""Arctic without its residual MLP is a Mixtral: the same weights through transformers' own model, which is not ours.

What Arctic adds (the residual MLP, and the experts reading the layer's input) is checked against the plain model and
llama.cpp; attention, rotations, routing and experts here against an implementation that many depend on.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the Arctic model needs torch: `make venv-vllm` installs it")
transformers = pytest.importorskip("transformers", reason="the oracle is transformers: `make venv-vllm` installs it")

from model_service.checkpoints.load import load_model  # noqa: E402
from tests.model_service.arctic.random_checkpoint import random_tensors  # noqa: E402
from tests.model_service.conftest import MakeCheckpoint  # noqa: E402


def mixtral(checkpoint: Path, seed: int) -> Any:
    """transformers' Mixtral with the checkpoint's weights; it stacks experts, and w1 and w3 on each other."""
    config = json.loads((checkpoint / "config.json").read_text())
    sizes = {
        key: config[key] for key in config if key.startswith(("num_", "hidden_", "intermediate_", "vocab_", "max_pos"))
    }
    sizes |= {
        "rms_norm_eps": config["rms_norm_eps"],
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    }
    model = transformers.MixtralForCausalLM(transformers.MixtralConfig(**sizes, sliding_window=None)).float().eval()
    tensors = {name: torch.from_numpy(tensor) for name, tensor in random_tensors(config, seed=seed).items()}
    model.load_state_dict(_stacked(tensors, config["num_local_experts"]), strict=True)
    return model


def _stacked(tensors: dict[str, Any], experts: int) -> dict[str, Any]:
    stacked = {name.replace("block_sparse_moe", "mlp"): t for name, t in tensors.items() if ".experts." not in name}
    for at in {match[1] for name in tensors if (match := re.match(r"(.*)\.experts\.", name))}:
        w1, w2, w3 = (
            torch.stack([tensors[f"{at}.experts.{expert}.{w}.weight"] for expert in range(experts)])
            for w in ("w1", "w2", "w3")
        )
        to = at.replace("block_sparse_moe", "mlp")
        stacked |= {f"{to}.experts.gate_up_proj": torch.cat((w1, w3), dim=1), f"{to}.experts.down_proj": w2}
    return stacked


@pytest.mark.parametrize(
    "options",
    [
        {"seed": 30},
        {"seed": 31, "num_hidden_layers": 5, "num_key_value_heads": 1},
        {"seed": 32, "num_local_experts": 128, "intermediate_size": 32},
    ],
)
def test_without_the_residual_mlp_it_is_mixtral(make_checkpoint: MakeCheckpoint, options: dict[str, Any]) -> None:
    checkpoint = make_checkpoint(parallel_attn_mlp_res=False, use_residual=False, **options)
    ids = np.random.default_rng(0).integers(0, 320, 40).tolist()
    with torch.inference_mode():
        theirs = mixtral(checkpoint, options["seed"])(torch.tensor([ids])).logits[0].log_softmax(-1)
    torch.testing.assert_close(load_model(checkpoint).logits(ids).log_softmax(-1), theirs, atol=1e-4, rtol=0)
