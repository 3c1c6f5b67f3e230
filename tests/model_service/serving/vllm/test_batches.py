"""Batches, prefix cache, chunked prefill, adapters: what a server does all the time must not change a number."""

from pathlib import Path

import numpy as np
import pytest

from tests.model_service.arctic.random_checkpoint import write_checkpoint
from tests.model_service.serving.vllm.conftest import RunEngines, assert_same, prompts, torch_logprobs
from tests.model_service.serving.vllm.engines import Engine, Round, Text
from tests.model_service.serving.vllm.lora_adapter import merged_checkpoint, write_adapter

LORA_MODULES = ["qkv_proj", "o_proj", "w13", "w2"]
LONG, OTHER = prompts(200, 90, seed=1)
UNEQUAL = Round(prompts(1, 150, 7, 33, 2, 64, seed=2))
SAME_START = Round((LONG, (*LONG[:128], *OTHER), OTHER), tokens=8)
TO_THE_END = Round(prompts(4080, seed=3))  # and 16 new tokens: every position there is
MIXED = prompts(7, 12, 40, 9, seed=4)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("arctic"), num_hidden_layers=3, seed=5)


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    return write_adapter(tmp_path_factory.mktemp("adapter"), checkpoint)


@pytest.fixture(scope="module")
def written(checkpoint: Path, adapter: Path, run_engines: RunEngines) -> list[list[list[Text]]]:
    """Of an engine that cuts long prompts into pieces of 32 and keeps prefixes, one with an adapter, one with all of the context."""
    pieces = {"max_num_batched_tokens": 32, "enable_chunked_prefill": True}
    cached = {"enable_prefix_caching": True, "block_size": 32}
    lora = {"enable_lora": True, "max_lora_rank": 8, "lora_target_modules": LORA_MODULES}
    mixed = Round(MIXED, lora=str(adapter), mixed=True)
    return run_engines(
        [
            Engine(checkpoint, (UNEQUAL, SAME_START, SAME_START), pieces | cached | {"max_model_len": 320}),
            Engine(checkpoint, (mixed,), lora),
            Engine(checkpoint, (TO_THE_END,), {"max_model_len": 4096, "max_num_seqs": 1}),
        ]
    )


def test_prompts_of_unequal_length_in_pieces_of_32(checkpoint: Path, written: list[list[list[Text]]]) -> None:
    assert_same(checkpoint, written[0][0])


def test_a_prefix_found_in_the_cache_changes_nothing(checkpoint: Path, written: list[list[list[Text]]]) -> None:
    first, second = written[0][1], written[0][2]
    assert [text.cached for text in second] == [192, 192, 64]  # whole blocks of 32, and never the last token
    assert_same(checkpoint, first)
    assert_same(checkpoint, second)


def test_the_last_of_4096_positions(checkpoint: Path, written: list[list[list[Text]]]) -> None:
    """Angles of 4,096 radians are off by 2e-4 in single precision, and vLLM finds them in its own way."""
    assert_same(checkpoint, written[2][0], tolerance=1e-3)


def test_an_adapter_on_attention_and_residual_mlp_acts_as_if_merged(
    checkpoint: Path, adapter: Path, written: list[list[list[Text]]], tmp_path: Path
) -> None:
    merged = merged_checkpoint(tmp_path, checkpoint, adapter)
    texts = written[1][0]
    assert_same(merged, texts[::2])
    assert_same(checkpoint, texts[1::2])  # in the same batch, without the adapter


def test_the_adapter_is_not_without_effect(checkpoint: Path, written: list[list[list[Text]]]) -> None:
    text = written[1][0][0]
    assert np.abs(torch_logprobs(checkpoint, text) - text.logprobs).max() > 0.1
