"""The C product with FP8 rows: exact for every code, the same as torch's way, and never needed."""

import ctypes
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the Arctic model needs torch: `make venv-vllm` installs it")

from model_service.arctic import fp8, fp8_kernel  # noqa: E402
from model_service.checkpoints.load import load_model  # noqa: E402
from model_service.checkpoints.quantize import quantize  # noqa: E402
from tests.model_service.conftest import MakeCheckpoint  # noqa: E402


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    fp8_kernel.product.cache_clear()
    yield
    fp8_kernel.product.cache_clear()


def built() -> fp8_kernel.Product:
    found = fp8_kernel.product()
    if found is None:
        pytest.skip("there is no C compiler here, or the processor has no F16C")
    return found


def test_every_code_is_widened_exactly() -> None:
    """Each of the 254 that are numbers, at each place of a group of 32 and in the columns left over."""
    codes = torch.tensor([code for code in range(256) if code & 0x7F != 0x7F], dtype=torch.uint8)
    codes = codes.view(torch.float8_e4m3fn)[:, None].expand(254, 37)  # [254, 37]
    assert torch.equal(built()(torch.eye(37), codes, torch.ones(254, 1)), codes.float().t())


@pytest.mark.parametrize(("tokens", "out", "width"), [(1, 1, 1), (1, 48, 1024), (4, 7, 31), (3, 1500, 4864)])
@pytest.mark.parametrize("threads", [1, 2])
def test_it_is_the_product(tokens: int, out: int, width: int, threads: int) -> None:
    generator, before = torch.Generator().manual_seed(1), torch.get_num_threads()
    codes = torch.randn(out, width, generator=generator).to(torch.float8_e4m3fn)
    x = torch.randn(tokens, width, generator=generator)
    torch.set_num_threads(threads)
    scale = torch.rand(out, 1, generator=generator)
    found = built()(x, codes, scale)
    torch.set_num_threads(before)
    expected = x.double() @ (codes.double() * scale).t()
    assert (found - expected).abs().max() < 1e-5 * (x.abs().double() @ codes.double().abs().t()).max()


def test_what_is_not_contiguous_is_read_rightly() -> None:
    x, codes = torch.randn(64, 2).t(), torch.randn(64, 8).to(torch.float8_e4m3fn).t()
    torch.testing.assert_close(built()(x, codes, torch.ones(8, 1)), x @ codes.float().t())


def test_a_model_says_the_same_with_and_without_it(
    make_checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(quantize(make_checkpoint(), tmp_path / "fp8"), dtype=torch.float32)
    built()
    with_c = model.logits([3, 1, 4])
    monkeypatch.setattr(fp8, "FEW_TOKENS", 0)
    torch.testing.assert_close(model.logits([3, 1, 4]), with_c, rtol=0, atol=1e-4)


def test_without_a_compiler_torch_does_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fp8_kernel.product() is None
    codes, scale = fp8.quantize(torch.randn(8, 16))
    torch.testing.assert_close(fp8.linear(torch.eye(16), codes, scale).t(), fp8.dequantize(codes, scale))


@pytest.mark.parametrize("says", ["exit 1", "echo; touch no-such-file"])
def test_a_compiler_that_fails_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text(f"#!/bin/sh\n{says}\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("ARCTIC_COPILOT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fp8_kernel.product() is None


def test_it_is_built_once_into_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    built()
    monkeypatch.setenv("ARCTIC_COPILOT_CACHE_DIR", str(tmp_path))
    compiler = shutil.which("cc") or "gcc"
    first = fp8_kernel._built(compiler, fp8_kernel.PLAIN)
    made = first.stat().st_mtime_ns
    assert fp8_kernel._built(compiler, fp8_kernel.PLAIN) == first
    assert (first.stat().st_mtime_ns, list(first.parent.iterdir())) == (made, [first])
    assert ctypes.CDLL(str(first)).arctic_fp8_rows
