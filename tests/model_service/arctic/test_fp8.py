"""FP8 against plain arithmetic: what rounding may cost, that nothing else is lost, and both ways to multiply."""

import pytest

torch = pytest.importorskip(
    "torch", reason="torch is not installed here; `make venv-vllm` makes an environment that has it"
)

from model_service.arctic import fp8  # noqa: E402


def rows(count: int = 48, width: int = 1024, seed: int = 0) -> "torch.Tensor":
    """Rows of very different size, as output channels are."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, width, generator=generator) * torch.logspace(-6, 3, count)[:, None]


def test_every_code_is_widened_exactly() -> None:
    codes = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn)
    number = ~codes.float().isnan()
    assert torch.equal(fp8.widen(codes)[number] * 256, codes.float()[number])


def test_each_value_is_within_a_sixteenth_and_the_whole_within_three_percent() -> None:
    # Rounding to nearest with three mantissa bits: half a step is 1/16 of the smallest value of its power of two.
    # Under 2^-6 codes the step stays 2^-9, half of that in units of the row's scale.
    weight = rows()
    codes, scale = fp8.quantize(weight)
    error = (fp8.dequantize(codes, scale) - weight).abs()
    assert codes.dtype == torch.float8_e4m3fn
    assert scale.shape == (48, 1)
    assert bool((error <= torch.maximum(weight.abs() / 16, scale / 1024) * 1.0001).all())
    assert 0.02 < float(error.norm() / weight.norm()) < 0.03


def test_the_largest_value_of_a_row_takes_the_largest_code() -> None:
    codes, _ = fp8.quantize(rows())
    assert bool((codes.float().abs().amax(dim=1) == 448).all())


def test_rows_of_zeros_and_of_tiny_values_stay_finite() -> None:
    weight = torch.stack([torch.zeros(32), torch.full((32,), 1e-42), torch.full((32,), 3e38)])
    codes, scale = fp8.quantize(weight)
    assert fp8.is_finite(codes)
    assert float(scale[0]) == 1.0
    assert bool(fp8.dequantize(codes, scale).isfinite().all())
    assert torch.allclose(fp8.dequantize(codes, scale)[2], weight[2], rtol=1e-6)


def test_a_value_that_is_no_number_shows_in_the_codes() -> None:
    weight = rows()
    weight[3, 5] = float("nan")
    codes, _ = fp8.quantize(weight)
    assert not fp8.is_finite(codes)
    assert fp8.is_finite(fp8.quantize(rows())[0])


def test_codes_times_scales_give_back_the_same_codes() -> None:
    codes, scale = fp8.quantize(rows())
    again, scale_again = fp8.quantize(fp8.dequantize(codes, scale))
    assert torch.equal(codes.view(torch.uint8), again.view(torch.uint8))
    assert torch.allclose(scale, scale_again, rtol=1e-6)


@pytest.mark.parametrize(("tokens", "out", "width"), [(1, 48, 1024), (7, 33, 40), (3, 1500, 4864), (0, 16, 16)])
def test_the_block_product_is_the_product_with_the_dequantized_weight(tokens: int, out: int, width: int) -> None:
    # Only the order of fp32 additions differs: a few thousand of them leave about 1e-6.
    codes, scale = fp8.quantize(rows(out, width))
    x = torch.randn(tokens, width, generator=torch.Generator().manual_seed(1))
    expected = (x.double() @ fp8.dequantize(codes, scale).double().t()).float()
    found = fp8.linear(x, codes, scale)
    assert found.shape == (tokens, out)
    assert torch.allclose(found, expected, rtol=1e-4, atol=float(expected.abs().max()) * 1e-5 if tokens else 0)


def test_bfloat16_activations_come_back_as_bfloat16() -> None:
    codes, scale = fp8.quantize(rows())
    x = torch.randn(2, 1024).bfloat16()
    found = fp8.linear(x, codes, scale)
    assert found.dtype == torch.bfloat16
    assert torch.allclose(found.float(), fp8.linear(x.float(), codes, scale), rtol=2**-7)


def test_the_tensor_core_call_agrees_with_the_block_product() -> None:
    # The same call a GPU gets, in torch's CPU emulation. Activations are rounded too, which costs 2.6% of the whole
    # (single outputs in which terms cancel cost more), and the result is bfloat16.
    codes, scale = fp8.quantize(torch.randn(48, 256, generator=torch.Generator().manual_seed(3)))
    x = torch.randn(5, 256, generator=torch.Generator().manual_seed(2))
    try:
        found = fp8._linear_tensor_cores(x, codes, scale)
    except (RuntimeError, NotImplementedError) as error:
        pytest.skip(f"this torch has no row-wise _scaled_mm without a GPU: {str(error)[:120]}")
    expected = fp8._linear_blocks(x, codes, scale)
    assert 0.01 < float((found - expected).norm() / expected.norm()) < 0.035
