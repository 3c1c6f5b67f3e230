"""vLLM for real, on the CPU: random checkpoints in, greedy tokens and whole distributions out, beside our torch model's."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.model_service.serving.vllm.engines import Engine, Text

MAIN = "from tests.model_service.serving.vllm.engines import main; main()"
ROOT = Path(__file__).parents[4]
SECONDS = 900.0  # a busy machine is no reason to fail; a quiet one takes a tenth

RunEngines = Callable[..., list[list[list[Text]]]]


@pytest.fixture(scope="session", autouse=True)
def _vllm() -> None:
    pytest.importorskip("vllm", reason="these tests need vLLM: `make venv-vllm` installs it for the CPU")


@pytest.fixture(scope="session")
def run_engines(tmp_path_factory: pytest.TempPathFactory) -> RunEngines:
    """The texts of some engines that run one after the other in one new process; workers: how many each of them has."""

    def run(engines: Sequence[Engine], workers: int = 1) -> list[list[list[Text]]]:
        folder = tmp_path_factory.mktemp("engines")
        (folder / "job").write_bytes(pickle.dumps(engines))
        command = [sys.executable, "-c", MAIN, str(folder / "job"), str(folder / "results")]
        done = subprocess.run(
            command, env=environment(workers), cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
        return pickle.loads((folder / "results").read_bytes())

    return run


def environment(workers: int = 1) -> dict[str, str]:
    """One core for each of two workers; everything on loopback; a small cache."""
    several = {"VLLM_CPU_OMP_THREADS_BIND": "0|1"} if workers > 1 and (os.cpu_count() or 1) > 1 else {}
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0" if workers == 1 else "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_HOST_IP": "127.0.0.1",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive",
        **several,
    }


def prompts(*lengths: int, vocab: int = 310, seed: int = 0) -> tuple[tuple[int, ...], ...]:
    """Random ones of these lengths."""
    rng = np.random.default_rng(seed)
    return tuple(tuple(rng.integers(0, vocab, length).tolist()) for length in lengths)


def torch_logprobs(checkpoint: Path, text: Text, dtype: str | None = None) -> np.ndarray:
    """[tokens, V]: what our torch model says at each place of the text that vLLM wrote; dtype: if not the stored one."""
    import torch

    from model_service.checkpoints.load import load_model

    model = load_model(checkpoint, dtype=getattr(torch, dtype) if dtype else None)
    logits = model.logits(text.prompt + text.ids)  # [T, V]
    return logits.log_softmax(-1)[len(text.prompt) - 1 : -1].double().numpy()  # [tokens, V]


def assert_same(checkpoint: Path, texts: Sequence[Text], tolerance: float = 1e-4) -> None:
    """Our torch model would have chosen the same tokens, and its whole distribution is the same at each of them."""
    for text in texts:
        ours = torch_logprobs(checkpoint, text)
        assert tuple(ours.argmax(-1).tolist()) == text.ids
        assert np.abs(ours - text.logprobs).max() < tolerance
