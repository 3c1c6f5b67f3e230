"""The GPU bench at a very small size on the CPU: it runs, counts the bytes it reads, and says where it cannot run."""

import pytest

torch = pytest.importorskip("torch", reason="the Arctic model needs torch: `make venv-vllm` installs it")

from model_service.arctic.fp8 import is_finite  # noqa: E402
from model_service.bench.slice import Shape, Step, bench_slice, line, measure, random_matrix  # noqa: E402
from model_service.bench.slice import _random_layer as random_layer  # noqa: E402
from model_service.errors import RequestError  # noqa: E402

TINY = Shape(layers=2, hidden=64, qkv=48, attention=32, residual=8, expert=16, experts=4)


def test_it_runs_at_each_batch_size(capsys: pytest.CaptureFixture[str]) -> None:
    lines = bench_slice("cpu", TINY, (1, 8), rounds=3)
    assert capsys.readouterr().out.strip().splitlines() == lines
    assert [text.split(":")[0] for text in lines[1:]] == ["batch 1", "batch 8"]


def test_one_token_reads_two_experts_a_layer() -> None:
    layers = [random_layer(TINY, "cpu") for _ in range(2)]
    dense = (48 + 64) * 4 + 48 * 64 + 64 * 32 + 3 * 8 * 64 + (8 + 8 + 64) * 4
    expert = 3 * 16 * 64 + (16 + 16 + 64) * 4
    assert measure(layers, TINY, "cpu", 1, rounds=1).weight_bytes == 2 * (dense + 2 * expert)


def test_a_rank_of_the_real_model_reads_two_gigabytes_a_token() -> None:
    shape = Shape()
    rows = shape.qkv + shape.attention + 3 * shape.residual + 3 * shape.top_k * shape.expert
    assert shape.layers * shape.hidden * rows == pytest.approx((17.09e9 - 0.261e9) / 8, rel=0.01)


def test_random_bytes_are_numbers_that_keep_an_inputs_size() -> None:
    matrix = random_matrix(256, 512)
    assert is_finite(matrix.codes)
    assert 0.1 < float(matrix(torch.randn(4, 512)).std()) < 10


def test_the_projection_adds_seventy_all_reduces() -> None:
    assert "1,000 tokens/s (published: 70+)" in line(Step(1, 0.0003, 10**9), Shape(), 1e12)


def test_without_a_gpu_it_says_so() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(RequestError, match="no CUDA GPU"):
        bench_slice("cuda")
