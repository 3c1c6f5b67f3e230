"""Everything about Arctic that needs a GPU, in one go: python -m pytest tests/gpu -s

Our torch model against itself on the CPU in fp32, in bf16 and FP8; vLLM eager against compiled (no speed counts before
these agree), FP8 serialized and made while loading; then the bench, which prints bytes per second beside a device copy's.
Where there is no GPU, or no vLLM for one, each part is skipped with that reason.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'arctic-copilot[arctic]'")
if not torch.cuda.is_available():
    pytest.skip("needs a GPU that torch can use", allow_module_level=True)

from tests.model_service.arctic.random_checkpoint import write_checkpoint  # noqa: E402

ROOT = Path(__file__).parents[2]
SHAPE: dict[str, Any] = {
    "num_hidden_layers": 6,
    "hidden_size": 512,
    "intermediate_size": 256,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_local_experts": 16,
}
IDS = list(range(5, 69))
# Medians over the positions of the largest difference of a log-probability. bf16 keeps 8 bits, FP8 4, and a router that
# all but ties may choose another expert: single positions differ by much more.
BF16_TOLERANCE, FP8_TOLERANCE = 0.15, 1.0
# vLLM's compiled and eager kernels round differently in bf16, and no more.
COMPILE_TOLERANCE = 0.15


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("arctic"), dtype="bfloat16", **SHAPE)


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    from model_service.checkpoints.quantize import quantize

    out = tmp_path_factory.mktemp("fp8") / "checkpoint"
    quantize(checkpoint, out)
    return out


def logprobs(checkpoint: Path, dtype: Any, device: str, ids: list[int] = IDS) -> np.ndarray:
    """[T, V] of our torch model."""
    from model_service.checkpoints.load import load_model

    return load_model(checkpoint, dtype=dtype, device=device).logits(ids).log_softmax(-1).double().cpu().numpy()


def median_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.median(np.abs(ours - theirs).max(-1)))


def test_fp32_on_the_gpu_is_fp32_on_the_cpu(checkpoint: Path) -> None:
    exact = logprobs(checkpoint, torch.float32, "cpu")
    assert np.abs(logprobs(checkpoint, torch.float32, "cuda") - exact).max() < 1e-3


def test_bf16_on_the_gpu(checkpoint: Path) -> None:
    exact = logprobs(checkpoint, torch.float32, "cpu")
    assert median_difference(logprobs(checkpoint, torch.bfloat16, "cuda"), exact) < BF16_TOLERANCE


def test_fp8_on_the_gpu(checkpoint: Path, quantized: Path) -> None:
    exact = logprobs(checkpoint, torch.float32, "cpu")
    assert median_difference(logprobs(quantized, torch.bfloat16, "cuda"), exact) < FP8_TOLERANCE


@pytest.fixture(scope="module")
def vllm_texts(checkpoint: Path, quantized: Path) -> dict[str, Any]:
    """What vLLM writes: eager, compiled, FP8 as stored, FP8 made while loading. Each in a process of its own."""
    import pickle
    import tempfile

    pytest.importorskip("vllm", reason="needs vLLM with GPU kernels: pip install 'vllm==0.32.*'")
    from vllm.platforms import current_platform

    if current_platform.is_cpu():
        pytest.skip("this vLLM is built for the CPU")
    from tests.model_service.serving.vllm.engines import Engine, Round

    ways: dict[str, tuple[Path, dict[str, Any]]] = {
        "eager": (checkpoint, {}),
        "compiled": (checkpoint, {"enforce_eager": False}),
        "serialized": (quantized, {}),
        "online": (checkpoint, {"quantization": "fp8_per_channel"}),
    }
    texts = {}
    for name, (model, options) in ways.items():
        folder = Path(tempfile.mkdtemp())
        engine = Engine(model, (Round((tuple(IDS),)),), {"dtype": "bfloat16", "gpu_memory_utilization": 0.5} | options)
        (folder / "job").write_bytes(pickle.dumps([engine]))
        command = [sys.executable, "-c", "from tests.model_service.serving.vllm.engines import main; main()"]
        subprocess.run([*command, str(folder / "job"), str(folder / "results")], cwd=ROOT, check=True)
        texts[name] = pickle.loads((folder / "results").read_bytes())[0][0][0]
    return texts


@pytest.mark.parametrize(
    ("way", "tolerance"),
    [("eager", BF16_TOLERANCE), ("compiled", BF16_TOLERANCE), ("serialized", FP8_TOLERANCE), ("online", FP8_TOLERANCE)],
)
def test_vllm_agrees_with_our_torch_model(
    way: str, tolerance: float, checkpoint: Path, vllm_texts: dict[str, Any]
) -> None:
    text = vllm_texts[way]
    ours = logprobs(checkpoint, torch.float32, "cpu", [*text.prompt, *text.ids])[len(text.prompt) - 1 : -1]
    assert median_difference(ours, text.logprobs) < tolerance


def test_compiled_and_eager_agree_on_six_layers(vllm_texts: dict[str, Any]) -> None:
    eager, compiled = vllm_texts["eager"], vllm_texts["compiled"]
    same = next((n for n, pair in enumerate(zip(eager.ids, compiled.ids, strict=True)) if pair[0] != pair[1]), 15) + 1
    assert median_difference(eager.logprobs[:same], compiled.logprobs[:same]) < COMPILE_TOLERANCE


def test_the_bench_runs(capfd: pytest.CaptureFixture[str]) -> None:
    with capfd.disabled():
        subprocess.run([sys.executable, "-m", "model_service", "bench", "--device", "cuda"], cwd=ROOT, check=True)
