"""Sizes, memory and layouts from the config alone, against the figures published or worked out by hand."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from model_service.arctic.config import ArcticConfig, parse_config
from model_service.arctic.layouts import Layout, layouts, load, obstacle
from model_service.arctic.sizes import bytes_per_token, kv_bytes_per_token, sizes, total_bytes
from model_service.commands.info import describe, fitting
from model_service.errors import RequestError
from model_service.gpus import GPUS, find_gpu
from tests.model_service.arctic.random_checkpoint import RELEASED, SMALL


@pytest.fixture(scope="module")
def released() -> ArcticConfig:
    return parse_config(RELEASED)


def test_the_released_model_is_480b_with_17b_active(released: ArcticConfig) -> None:
    count = sizes(released)
    assert [round(n / 1e9, 3) for n in (count.total, count.active, count.dense)] == [478.585, 17.319, 9.997]


def test_its_weights_and_cache_take_what_was_published(released: ArcticConfig) -> None:
    assert round(total_bytes(released, "bfloat16") / 1e9, 1) == 957.2
    assert round(total_bytes(released, "fp8") / 1e9) == 479
    assert kv_bytes_per_token(released) == 143_360


def test_a_token_reads_17_gigabytes_of_fp8(released: ArcticConfig) -> None:
    """17.09B active parameters outside the embeddings; head and router stay two bytes each, scales add little."""
    assert bytes_per_token(released, "fp8") == pytest.approx(17.09e9 + 0.229e9 + 0.032e9, rel=2e-3)
    assert bytes_per_token(released, "bfloat16") == pytest.approx(2 * 17.09e9, rel=1e-3)


def test_every_second_layer_dense_counts_experts_only_where_they_are() -> None:
    count = sizes(parse_config(RELEASED | SMALL | {"moe_layer_frequency": 2}))
    expert = 3 * 96 * 128
    assert count.total - count.active == 6 * expert


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        (Layout(8), ""),
        (Layout(8, pp=2), ""),
        (Layout(8, ep=True), ""),
        (Layout(8, dp=2, ep=True), ""),
        (Layout(16), "56 attention heads cannot be split among 16"),
        (Layout(3), "56 attention heads"),
        (Layout(7), "8 KV heads"),
        (Layout(1, pp=36), "35 layers are fewer than 36 stages"),
        (Layout(1, dp=24, ep=True), "128 experts cannot be shared evenly by 24"),
    ],
)
def test_impossible_layouts_say_why(released: ArcticConfig, layout: Layout, reason: str) -> None:
    assert obstacle(released, layout).startswith(reason)
    assert bool(obstacle(released, layout)) == bool(reason)


@pytest.mark.parametrize(
    ("gpus", "name", "storage", "does_fit"),
    [
        (8, "H100", "fp8", True),
        (8, "A100-80", "fp8", True),
        (8, "H100", "bfloat16", False),
        (8, "A100-40", "fp8", False),
        (8, "L40S", "fp8", False),
        (4, "H100", "fp8", False),
        (16, "H100", "bfloat16", True),
        (8, "H200", "bfloat16", True),
        (8, "B200", "bfloat16", True),
    ],
)
def test_what_fits(released: ArcticConfig, gpus: int, name: str, storage: str, does_fit: bool) -> None:
    """8 x 141 GB hold the 957 GB of bf16 with little to spare; 8 x 48 do not hold 479."""
    assert bool(fitting(released, gpus, find_gpu(name), storage)) is does_fit


def test_a_tp8_rank_holds_an_eighth_and_room_for_half_a_million_tokens(released: ArcticConfig) -> None:
    held = load(released, Layout(8), find_gpu("H100"), "fp8")
    assert held.weight_bytes / 1e9 == pytest.approx(479.4 / 8, rel=0.01)
    assert held.kv_bytes_per_token == 17_920
    assert 500_000 < held.kv_tokens < 650_000


def test_all_ranks_together_hold_the_model_and_what_is_repeated(released: ArcticConfig) -> None:
    total, repeated = total_bytes(released, "bfloat16"), 2 * (35 * (128 * 7168 + 3 * 7168))
    held = load(released, Layout(8), find_gpu("H100"), "bfloat16").weight_bytes
    assert 8 * held == pytest.approx(total + 7 * repeated, rel=1e-5)


def test_the_fuller_of_two_stages_has_18_layers(released: ArcticConfig) -> None:
    one, two = (load(released, Layout(8, pp=pp), find_gpu("H100"), "fp8") for pp in (1, 2))
    assert two.weight_bytes / one.weight_bytes == pytest.approx(18 / 35, rel=0.01)
    assert two.kv_bytes_per_token == one.kv_bytes_per_token * 18 // 35


def test_experts_are_shared_by_all_gpus_of_dp_and_ep(released: ArcticConfig) -> None:
    apart, shared = (
        load(released, layout, find_gpu("H100"), "fp8") for layout in (Layout(8), Layout(8, dp=2, ep=True))
    )
    assert shared.weight_bytes < 0.55 * apart.weight_bytes


def test_every_layout_uses_all_gpus() -> None:
    assert all(layout.gpus == 24 for layout in layouts(24))
    assert [str(layout) for layout in layouts(2)] == ["TP2", "TP2 + EP2", "TP1 x PP2", "TP1 x DP2 + EP2"]


@pytest.mark.parametrize(
    ("name", "found"), [("h100", "H100"), ("NVIDIA H200", "H200"), ("a100", "A100-80"), ("l40s", "L40S")]
)
def test_gpus_are_found_by_any_spelling(name: str, found: str) -> None:
    assert find_gpu(name) is GPUS[found]


def test_an_unknown_gpu_is_refused_with_those_there_are() -> None:
    with pytest.raises(RequestError) as caught:
        find_gpu("TPU")
    assert "H100" in caught.value.hint


def test_the_text_says_all_of_it(released: ArcticConfig) -> None:
    text = "\n".join(describe(released, 16, find_gpu("H100")))
    for part in (
        "478.585B total, 17.319B active, 9.997B dense",
        "143,360 bytes",
        "TP8 x PP2",
        "56 attention heads",
        "on TP8",
    ):
        assert part in text


def test_info_needs_neither_torch_nor_weights(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(RELEASED))
    code = "import sys; sys.modules['torch'] = None; from model_service.__main__ import main; sys.exit(main())"
    run = subprocess.run(
        [sys.executable, "-c", code, "info", "--checkpoint", tmp_path], capture_output=True, text=True, check=True
    )
    assert "478.585B total" in run.stdout
