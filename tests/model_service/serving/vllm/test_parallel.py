"""Several workers as real processes, over gloo on loopback: each way of spreading the model gives the same distributions."""

from pathlib import Path
from typing import Any

import pytest

from tests.model_service.arctic.random_checkpoint import write_checkpoint
from tests.model_service.serving.vllm.conftest import RunEngines, assert_same, prompts
from tests.model_service.serving.vllm.engines import Engine, Round

WAYS: dict[str, dict[str, Any]] = {
    "TP2": {"tensor_parallel_size": 2},
    "PP2": {"pipeline_parallel_size": 2},
    "EP2": {"tensor_parallel_size": 2, "enable_expert_parallel": True},
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three layers, so that the pipeline's stages are uneven as in the released model (18 and 17)."""
    return write_checkpoint(tmp_path_factory.mktemp("arctic"), num_hidden_layers=3, num_local_experts=16, seed=3)


@pytest.mark.parametrize("way", WAYS)
def test_two_workers_agree_with_our_torch_model(way: str, checkpoint: Path, run_engines: RunEngines) -> None:
    ((written,),) = run_engines([Engine(checkpoint, (Round(prompts(7, 1, 40)),), WAYS[way])], workers=2)
    assert_same(checkpoint, written)
