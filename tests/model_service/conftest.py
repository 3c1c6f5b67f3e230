"""Random checkpoints for the tests of the model; each is written once a run."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.model_service.arctic.random_checkpoint import write_checkpoint

MakeCheckpoint = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Models this small gain nothing from a second one, and where the other cores are busy it waits for them."""
    with contextlib.suppress(ModuleNotFoundError):
        import torch

        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def make_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> MakeCheckpoint:
    """`write_checkpoint` without the directory; the same arguments give the same directory, so don't write into it."""
    pytest.importorskip("torch", reason="the Arctic model needs torch: `make venv-vllm` installs it")
    pytest.importorskip("safetensors", reason="the Arctic model needs safetensors: `make venv-vllm` installs it")
    made: dict[str, Path] = {}

    def make(**options: Any) -> Path:
        key = repr(sorted(options.items()))
        if key not in made:
            made[key] = write_checkpoint(tmp_path_factory.mktemp("arctic"), **options)
        return made[key]

    return make
