"""Loading: the layouts there are, FP8, memory; and every way a checkpoint can be wrong, each a message that names it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the Arctic model needs torch: `make venv-vllm` installs it")

from safetensors.torch import load_file, save_file  # noqa: E402

from model_service.arctic import fp8  # noqa: E402
from model_service.arctic.config import read_config  # noqa: E402
from model_service.arctic.tensors import QUANTIZED, tensor_specs  # noqa: E402
from model_service.checkpoints.load import load_model  # noqa: E402
from model_service.errors import CheckpointError  # noqa: E402
from tests.model_service.arctic.random_checkpoint import RELEASED, SMALL, random_tensors, shapes, write_checkpoint  # noqa: E402
from tests.model_service.conftest import MakeCheckpoint  # noqa: E402

IDS = [1, 2, 3, 50, 51]
FIRST, SECOND = "model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors"
GATE = "model.layers.0.block_sparse_moe.gate.weight"
EXPERT = "model.layers.0.block_sparse_moe.experts.3.w2.weight"


@pytest.fixture
def copy(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> Path:
    """A checkpoint to damage."""
    return Path(shutil.copytree(make_checkpoint(), tmp_path / "copy"))


def change(checkpoint: Path, name: str, to: Callable[[Any], Any]) -> None:
    """Rewrite the file that holds the tensor with another one in its place, or with none if `to` gives None."""
    file = checkpoint / json.loads((checkpoint / "model.safetensors.index.json").read_text())["weight_map"][name]
    tensors = load_file(file)
    tensors[name] = to(tensors[name])
    save_file({key: value for key, value in tensors.items() if value is not None}, file)


def change_index(checkpoint: Path, edit: Callable[[dict[str, str]], None]) -> None:
    path = checkpoint / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    edit(index["weight_map"])
    path.write_text(json.dumps(index))


@pytest.mark.parametrize(
    "keys", [{}, {"moe_layer_frequency": 2}, {"parallel_attn_mlp_res": False}, {"tie_word_embeddings": True}]
)
def test_the_expected_tensors_are_those_of_the_layout(keys: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(RELEASED | SMALL | keys))
    expected = [(spec.name, spec.shape) for spec in tensor_specs(read_config(tmp_path))]
    assert sorted(expected) == sorted(shapes(RELEASED | SMALL | keys))


def test_the_released_checkpoint_has_13828_tensors(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(RELEASED))
    assert len(list(tensor_specs(read_config(tmp_path)))) == 13828


@pytest.mark.parametrize("told", [4, 2])
def test_kv_heads_are_as_many_as_are_stored(make_checkpoint: MakeCheckpoint, tmp_path: Path, told: int) -> None:
    """Both layouts of the release, whether or not the config was mended with the weights."""
    grouped, expanded = make_checkpoint(), Path(shutil.copytree(make_checkpoint(expanded_kv=True), tmp_path / "x"))
    config = json.loads((expanded / "config.json").read_text())
    (expanded / "config.json").write_text(json.dumps(config | {"num_key_value_heads": told}))
    model = load_model(expanded)
    assert model.config.num_key_value_heads == 4
    torch.testing.assert_close(model.logits(IDS), load_model(grouped).logits(IDS))


def test_a_config_that_was_not_mended_with_its_weights_is(copy: Path, make_checkpoint: MakeCheckpoint) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"num_key_value_heads": 4}))
    torch.testing.assert_close(load_model(copy).logits(IDS), load_model(make_checkpoint()).logits(IDS))


def test_kv_heads_that_neither_layout_has_are_misshapen(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"num_key_value_heads": 1}))
    assert "model.layers.0.self_attn.k_proj.weight is [64, 128], not [32, 128]" in refusal(copy)


def test_tables_of_older_libraries_are_left_aside(copy: Path) -> None:
    name = "model.layers.0.self_attn.rotary_emb.inv_freq"
    save_file({name: torch.ones(16)}, copy / "extra.safetensors")
    change_index(copy, lambda weights: weights.update({name: "extra.safetensors"}))
    load_model(copy)


def quantized(directory: Path, *, scale_shape: tuple[int, ...] | None = None, **options: Any) -> Path:
    """A checkpoint whose projections are FP8 codes with scales beside them."""
    write_checkpoint(directory, shards=1, **options)
    kinds = {spec.name: spec.kind for spec in tensor_specs(read_config(directory))}
    tensors = load_file(directory / "model-00001-of-00001.safetensors")
    for name in [name for name, kind in kinds.items() if kind in QUANTIZED]:
        tensors[name], scale = fp8.quantize(tensors[name])
        tensors[name + "_scale"] = scale if scale_shape is None else scale.reshape(scale_shape)
    save_file(tensors, directory / "model.safetensors")
    for stale in ("model-00001-of-00001.safetensors", "model.safetensors.index.json"):
        (directory / stale).unlink()
    return directory


def test_fp8_codes_are_computed_with(tmp_path: Path, make_checkpoint: MakeCheckpoint) -> None:
    """A weight strays by 2.6% of itself on average, so logprobs by tenths; a scale left out would be off by a hundredfold."""
    model = load_model(quantized(tmp_path / "fp8"))
    assert model.model.layers[0].block_sparse_moe.experts[3].w2.weight.dtype == torch.float8_e4m3fn
    difference = model.logits(IDS).log_softmax(-1) - load_model(make_checkpoint()).logits(IDS).log_softmax(-1)
    assert 1e-3 < difference.abs().max() < 1.0
    assert difference.abs().mean() < 0.15


def test_fp8_is_the_model_of_its_dequantized_weights(tmp_path: Path) -> None:
    model = load_model(quantized(tmp_path / "fp8"))
    wide = load_model(tmp_path / "fp8")
    for module in wide.modules():
        if getattr(module, "weight_scale", None) is not None:
            module.weight = torch.nn.Parameter(fp8.dequantize(module.weight, module.weight_scale), requires_grad=False)
            module.weight_scale = None
    torch.testing.assert_close(model.logits(IDS), wide.logits(IDS), atol=1e-4, rtol=0)


CHILD = """
import sys, torch
from pathlib import Path
from model_service.checkpoints.load import load_model
def own():
    lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(lines["RssAnon"].split()[0]) * 1024
torch.set_num_threads(1)
before = own()
model = load_model(Path(sys.argv[1]), dtype=torch.float32)
model.logits([1, 2, 3])
print(own() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_weights_are_mapped_and_not_copied(tmp_path: Path) -> None:
    """Even where they are computed wider than stored, and although every value is checked."""
    checkpoint = write_checkpoint(
        tmp_path, hidden_size=256, intermediate_size=256, num_local_experts=64, dtype="bfloat16"
    )
    size = sum(file.stat().st_size for file in checkpoint.glob("*.safetensors"))
    run = subprocess.run([sys.executable, "-c", CHILD, checkpoint], capture_output=True, text=True, check=True)
    assert size > 50e6
    assert int(run.stdout) < 0.5 * size


def refusal(checkpoint: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_model(checkpoint)
    assert caught.value.hint
    return caught.value.message


def test_missing_unknown_and_misshapen_tensors_are_named_together(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3, "intermediate_size": 64}))
    message = refusal(copy)
    assert "missing: model.layers.2.self_attn.q_proj.weight" in message
    assert "misshapen: model.layers.0.block_sparse_moe.experts.0.w1.weight is [96, 128], not [64, 128]" in message
    (copy / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 1}))
    assert "unknown: model.layers.1." in refusal(copy)


def test_a_truncated_shard_is_named(copy: Path) -> None:
    content = (copy / SECOND).read_bytes()
    (copy / SECOND).write_bytes(content[:-1000])
    assert SECOND in refusal(copy)
    (copy / SECOND).write_bytes(content[:5])
    assert SECOND in refusal(copy)
    (copy / SECOND).write_bytes(b"")
    assert SECOND in refusal(copy)


def test_a_missing_shard_is_named(copy: Path) -> None:
    (copy / SECOND).unlink()
    assert SECOND in refusal(copy)


def test_a_missing_index_is_named(copy: Path) -> None:
    (copy / "model.safetensors.index.json").unlink()
    assert "model.safetensors.index.json" in refusal(copy)


def test_a_broken_index_is_named(copy: Path) -> None:
    (copy / "model.safetensors.index.json").write_text("{")
    assert "model.safetensors.index.json" in refusal(copy)


def test_a_tensor_that_is_not_where_the_index_says_is_named(copy: Path) -> None:
    change_index(copy, lambda weights: weights.update({"lm_head.weight": FIRST}))
    assert "lm_head.weight" in refusal(copy)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", [GATE, EXPERT, "model.norm.weight"])
def test_values_that_are_no_numbers_are_found(copy: Path, name: str, value: float) -> None:
    def spoil(tensor: Any) -> Any:
        tensor.view(-1)[7] = value
        return tensor

    change(copy, name, spoil)
    assert name in refusal(copy)
    load_model(copy, check_values=False)


@pytest.mark.parametrize("dtype", ["int64", "float8_e5m2", "uint8"])
def test_a_wrong_dtype_is_named(copy: Path, dtype: str) -> None:
    change(copy, EXPERT, lambda tensor: tensor.to(getattr(torch, dtype)))
    message = refusal(copy)
    assert f"{EXPERT} is {dtype}" in message


def test_fp8_without_scales_is_named(copy: Path) -> None:
    change(copy, EXPERT, lambda tensor: tensor.to(torch.float8_e4m3fn))
    assert f"{EXPERT} is FP8 without {EXPERT}_scale" in refusal(copy)


def test_an_fp8_router_is_named(copy: Path) -> None:
    change(copy, GATE, lambda tensor: tensor.to(torch.float8_e4m3fn))
    assert f"{GATE} is float8_e4m3fn" in refusal(copy)


def test_a_scale_of_another_shape_is_named(tmp_path: Path) -> None:
    quantized(tmp_path / "fp8")
    tensors = load_file(tmp_path / "fp8" / "model.safetensors")
    tensors[EXPERT + "_scale"] = torch.ones(3, 1)
    save_file(tensors, tmp_path / "fp8" / "model.safetensors")
    assert f"{EXPERT}_scale" in refusal(tmp_path / "fp8")


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "no" / "config.json") in refusal(tmp_path / "no")


def test_progress_reaches_the_end(make_checkpoint: MakeCheckpoint) -> None:
    seen: list[tuple[int, int]] = []
    load_model(make_checkpoint(), on_progress=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == list(range(1, seen[0][1] + 1))


def test_the_factory_is_the_same_for_the_same_seed() -> None:
    first, second, other = (random_tensors(RELEASED | SMALL, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first[GATE], second[GATE])
    assert not np.array_equal(first[GATE], other[GATE])
