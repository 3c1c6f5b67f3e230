"""A checkpoint of our `quantize`, loaded by vLLM as serialized FP8, as far as a CPU goes: every tensor in its place.

vLLM has FP8 kernels for experts on GPUs only, so it stops where it would arrange the weights for one. What it holds just
before is looked at here: codes times scales are the weights that were quantized, and what must stay bf16 or fp32 did.
"""

import pickle
import subprocess
import sys

import numpy as np
import pytest

from tests.model_service.arctic.random_checkpoint import RELEASED, SMALL, random_tensors, write_checkpoint
from tests.model_service.serving.vllm.conftest import ROOT, environment

LOOK = """
import pickle, sys
import torch
from pathlib import Path
from vllm import LLM
from vllm.model_executor.model_loader import base_loader

class Seen(Exception):
    pass

def look(model, *_):
    held = {name: (str(weight.dtype), weight.detach().float().numpy()) for name, weight in model.named_parameters()}
    Path(sys.argv[2]).write_bytes(pickle.dumps(held))
    raise Seen

base_loader.process_weights_after_loading = look
try:
    LLM(model=sys.argv[1], skip_tokenizer_init=True, dtype="bfloat16", max_model_len=64, enforce_eager=True)
except Seen:
    pass
"""
TOLERANCE = 2**-4  # e4m3 has three mantissa bits: half a step is 1/16 of a value, at most
LAYER = "model.layers.1"


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, np.ndarray]]:
    """dtype and values of each of vLLM's parameters."""
    from model_service.checkpoints.quantize import quantize

    folder = tmp_path_factory.mktemp("fp8")
    quantize(write_checkpoint(folder / "bf16", dtype="bfloat16"), folder / "fp8")
    command = [sys.executable, "-c", LOOK, str(folder / "fp8"), str(folder / "held")]
    done = subprocess.run(
        command, env=environment(), cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return pickle.loads((folder / "held").read_bytes())


@pytest.fixture(scope="module")
def original() -> dict[str, np.ndarray]:
    return random_tensors(RELEASED | SMALL)


def assert_near(codes: np.ndarray, scales: np.ndarray, weights: np.ndarray) -> None:
    smallest = np.abs(weights).max(-1, keepdims=True) * 2**-9  # below the smallest normal code, steps are even
    assert (np.abs(codes * scales - weights) <= TOLERANCE * np.abs(weights) + smallest).all()


@pytest.mark.parametrize(
    ("held_as", "parts"),
    [
        ("self_attn.qkv_proj", ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]),
        ("self_attn.o_proj", ["self_attn.o_proj"]),
        ("residual_mlp.w13", ["residual_mlp.w1", "residual_mlp.w3"]),
        ("residual_mlp.w2", ["residual_mlp.w2"]),
    ],
)
def test_attention_and_residual_mlp_are_codes_with_a_scale_a_row(
    held_as: str, parts: list[str], held: dict[str, tuple[str, np.ndarray]], original: dict[str, np.ndarray]
) -> None:
    dtype, codes = held[f"{LAYER}.{held_as}.weight"]
    assert dtype == "torch.float8_e4m3fn"
    weights = np.concatenate([original[f"{LAYER}.{part}.weight"] for part in parts])
    assert_near(codes, held[f"{LAYER}.{held_as}.weight_scale"][1], weights)


@pytest.mark.parametrize(("held_as", "parts"), [("w13", ["w1", "w3"]), ("w2", ["w2"])])
def test_each_expert_is_in_its_place(
    held_as: str, parts: list[str], held: dict[str, tuple[str, np.ndarray]], original: dict[str, np.ndarray]
) -> None:
    at = f"{LAYER}.block_sparse_moe.experts"
    dtype, codes = held[f"{at}.routed_experts.{held_as}_weight"]
    scales = held[f"{at}.routed_experts.{held_as}_weight_scale"][1]
    assert dtype == "torch.float8_e4m3fn"
    for expert in range(SMALL["num_local_experts"]):
        weights = np.concatenate([original[f"{at}.{expert}.{part}.weight"] for part in parts])
        assert_near(codes[expert], scales[expert], weights)


def test_router_embeddings_and_head_are_not_quantized(held: dict[str, tuple[str, np.ndarray]]) -> None:
    names = {f"{LAYER}.block_sparse_moe.gate.weight", "model.embed_tokens.weight", "lm_head.weight"}
    assert {held[name][0] for name in names} <= {"torch.bfloat16", "torch.float32"}
