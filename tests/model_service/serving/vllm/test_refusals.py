"""What the plugin refuses, in words, before or while vLLM starts; and that registering it wakes no GPU."""

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from model_service.serving.plugin import is_supported, unsupported_message
from tests.model_service.arctic.random_checkpoint import RELEASED, SMALL, random_tensors, write_checkpoint, write_shards
from tests.model_service.serving.vllm.conftest import ROOT, environment

EXPERT = "model.layers.1.block_sparse_moe.experts.5"
START = """
import json, sys
from vllm import LLM
for options in json.loads(sys.argv[1]):
    try:
        LLM(skip_tokenizer_init=True, dtype="float32", max_model_len=64, **options)
        print("RAN")
    except Exception as error:
        print("REFUSED", repr(str(error)))
"""
REGISTER = """
import sys, torch
from model_service.serving.plugin import register
register(); register()
print(torch.cuda.is_initialized(), "model_service.serving.arctic_model" in sys.modules)
"""
ANOTHER = """
import vllm
vllm.__version__ = "0.28.0"
from model_service.serving.plugin import register
register()
from vllm import ModelRegistry
print("ArcticForCausalLM" in ModelRegistry.get_supported_archs())
"""


def python(script: str, *arguments: str) -> tuple[str, str]:
    """stdout and stderr."""
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(
        command, env=environment(), cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What vLLM says to each attempt, all made in one process."""
    good = write_checkpoint(tmp_path_factory.mktemp("good"))
    odd = write_checkpoint(tmp_path_factory.mktemp("odd"))
    config = json.loads((odd / "config.json").read_text())
    (odd / "config.json").write_text(json.dumps(config | {"num_experts_per_tok": 9}))
    gap = write_checkpoint(tmp_path_factory.mktemp("gap"))
    tensors = random_tensors(RELEASED | SMALL)
    write_shards(gap, {name: weight for name, weight in tensors.items() if name != f"{EXPERT}.w3.weight"})
    spoiled = write_checkpoint(tmp_path_factory.mktemp("spoiled"))
    tensors[f"{EXPERT}.w2.weight"][7, 7] = np.nan
    write_shards(spoiled, tensors)
    expanded = write_checkpoint(tmp_path_factory.mktemp("expanded"), expanded_kv=True)
    (expanded / "config.json").write_text(json.dumps(config))  # mended, and the weights are not
    attempts: dict[str, dict[str, Any]] = {
        "compiled": {"model": str(good)},
        "expert lora": {"model": str(good), "enforce_eager": True, "enable_lora": True},
        "odd config": {"model": str(odd), "enforce_eager": True},
        "missing expert": {"model": str(gap), "enforce_eager": True},
        "NaN": {"model": str(spoiled), "enforce_eager": True},
        "expanded KV, config mended": {"model": str(expanded), "enforce_eager": True},
        "the same, and told so": {
            "model": str(expanded),
            "enforce_eager": True,
            "max_num_seqs": 1,
            "hf_overrides": {"num_key_value_heads": 4},
        },
        "three ranks": {"model": str(good), "enforce_eager": True, "tensor_parallel_size": 3},
        "long context": {
            "model": str(good),
            "enforce_eager": True,
            "max_num_seqs": 1,
            "hf_overrides": {"max_position_embeddings": 32},
        },
    }
    answers, _ = python(START, json.dumps(list(attempts.values())))
    said = [line for line in answers.splitlines() if line.startswith(("RAN", "REFUSED"))]
    return dict(zip(attempts, said, strict=True))


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        ("compiled", "Pass --enforce-eager"),
        ("expert lora", "--lora-target-modules qkv_proj o_proj w13 w2"),
        ("odd config", "9 experts a token are asked of 8"),
        ("missing expert", f"lacks 1 experts' tensors, such as {EXPERT}.w3.weight"),
        ("NaN", "routed_experts.w2_weight holds values that are not finite numbers"),
        (
            "expanded KV, config mended",
            "model.layers.0.self_attn.k_proj.weight is [128, 128], where config.json makes it [64",
        ),
        ("three ranks", "must be divisible by tensor parallel size (3)"),
        ("long context", "max_model_len"),
    ],
)
def test_it_is_refused_in_words(attempt: str, words: str, refused: dict[str, str]) -> None:
    assert refused[attempt].startswith("REFUSED")
    assert words in refused[attempt]


def test_vllm_runs_the_kv_heads_that_serve_tells_it(refused: dict[str, str]) -> None:
    assert refused["the same, and told so"] == "RAN"


def test_registering_twice_touches_no_gpu_and_imports_no_layer() -> None:
    assert python(REGISTER)[0].split() == ["False", "False"]


def test_on_another_vllm_nothing_is_registered_and_the_log_says_why() -> None:
    out, log = python(ANOTHER)
    assert out.split() == ["False"]
    assert unsupported_message("0.28.0") in log


@pytest.mark.parametrize(
    ("version", "known"), [("0.32.0", True), ("0.33.1+cu129", True), ("0.3.2", False), ("1.32", False)]
)
def test_versions(version: str, known: bool) -> None:
    assert is_supported(version) == known
