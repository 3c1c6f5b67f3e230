"""DeepSpeed's FP8 decoded: against an encoder and a splitter written here from the format's description.

The encoder is plain arithmetic on single numbers (frexp), nothing like the decoder's bit shifts; the splitter lays
tensors out as vLLM's ranks had them. The released files themselves are 460 GB and were never read by this code.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the Arctic model needs torch: `make venv-vllm` installs it")

from safetensors.torch import load_file, save_file  # noqa: E402

from model_service.checkpoints.deepspeed_fp8 import decode  # noqa: E402
from model_service.checkpoints.quantize import dequantize, quantize  # noqa: E402
from model_service.errors import CheckpointError  # noqa: E402
from tests.model_service.arctic.random_checkpoint import write_checkpoint  # noqa: E402

MakeCheckpoint = Callable[..., Path]
GROUP = 32
QUANTIZED = ("qkv_proj", "o_proj", "gate", "ws", "w2s")  # residual MLP, embeddings, head and norms were not


def byte_of(value: float) -> int:
    """One value, already over its group's scale, to the nearest code, as the CUDA kernel chooses it."""
    sign = 0x80 if math.copysign(1, value) < 0 else 0
    if value == 0:
        return sign | 0x40
    fraction, exponent = math.frexp(abs(value))  # fraction in [0.5, 1)
    eighths, exponent = math.floor(fraction * 16 + 0.5), exponent - 1  # halves go up
    if eighths == 16:
        eighths, exponent = 8, exponent + 1
    if exponent < -6:
        eighths, exponent = 8, -6
    return sign | (exponent + 7) << 3 | (eighths - 8)


def meaning(code: int) -> float:
    """What a code stands for, by the description."""
    return (-1 if code & 0x80 else 1) * 2.0 ** ((code >> 3 & 15) - 7) * (1 + (code & 7) / 8)


def encode(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stored bytes uint8 [groups, GROUP + 4] of a weight, and the fp32 weight they stand for."""
    groups = weight.astype(np.float32).reshape(-1, GROUP)
    scale = (np.abs(groups).max(axis=1, keepdims=True) / np.float32(480)).astype(np.float32)
    codes = np.array([[byte_of(float(value)) for value in row] for row in groups / scale], dtype=np.uint8)
    stands_for = np.array([[meaning(int(code)) for code in row] for row in codes], dtype=np.float32) * scale
    return np.hstack([codes, scale.view(np.uint8)]), stands_for.reshape(weight.shape)


def test_every_code_means_what_the_description_says() -> None:
    codes = np.arange(256, dtype=np.uint8).reshape(8, 32)
    scales = np.linspace(1e-3, 2, 8, dtype=np.float32)[:, None]
    found = decode(torch.from_numpy(np.hstack([codes, scales.view(np.uint8)])))
    expected = np.array([[meaning(int(code)) for code in row] for row in codes], dtype=np.float32) * scales
    assert np.array_equal(found.numpy(), expected)


def test_the_codes_that_differ_from_e4m3fn() -> None:
    codes = torch.tensor([[0x7F, 0xFF, 0x40, 0xC0, 0x08, 0x00]], dtype=torch.uint8)
    one = torch.ones(1, 1).view(torch.uint8)
    assert decode(torch.cat([codes, one], dim=1)).tolist() == [[480, -480, 2, -2, 2**-6, 2**-7]]


def test_a_round_trip_is_within_a_sixteenth_and_keeps_the_largest_value() -> None:
    weight = np.random.default_rng(0).standard_normal((4, GROUP)).astype(np.float32)
    stored, stands_for = encode(weight)
    assert np.array_equal(decode(torch.from_numpy(stored)).numpy(), stands_for)
    largest = np.abs(weight).max(axis=1, keepdims=True)
    assert (np.abs(stands_for - weight) <= np.maximum(np.abs(weight) / 16, largest / 480 * 2**-6) * 1.0001).all()
    assert (stored[:, :GROUP] & 0x7F == 0x7F).any(axis=1).all()


def split(directory: Path, out: Path, ranks: int, parts: int = 2) -> "dict[str, torch.Tensor]":
    """Write the checkpoint by rank under vLLM's names; return what decoding must give, bfloat16."""
    config = json.loads((directory / "config.json").read_text())
    weights = {
        name: tensor.numpy() for path in directory.glob("*.safetensors") for name, tensor in load_file(path).items()
    }
    out.mkdir()
    (out / "config.json").write_text(json.dumps(config))
    (out / "quant_config.json").write_text(json.dumps({"bits": 8, "group_size": GROUP}))
    expected = {name: tensor.copy() for name, tensor in weights.items()}
    for rank in range(ranks):
        views = {name: rank_view(name, tensor, rank, ranks, config) for name, tensor in expected.items()}
        stored = {}
        for name, sources in fused(config).items():
            pieces = [views[source] for source in sources]
            joined = np.concatenate(pieces, axis=0) if len(pieces) > 1 else pieces[0]
            if name.split(".")[-1 if name.endswith("s") else -2] not in QUANTIZED:
                stored[name] = torch.from_numpy(joined.copy()).bfloat16()
                continue
            codes, stands_for = encode(joined)
            stored[name] = torch.from_numpy(codes.view(np.int8))
            first = 0
            for source, piece in zip(sources, pieces, strict=True):  # views of `expected`: write what it stands for
                rank_view(source, expected[source], rank, ranks, config)[...] = stands_for[first : first + len(piece)]
                first += len(piece)
        names = list(stored)
        for part in range(parts):
            chosen = {name: stored[name] for name in names[part::parts]}
            save_file(chosen, out / f"model-rank-{rank}-part-{part}.safetensors")
    return {name: torch.from_numpy(tensor).bfloat16() for name, tensor in expected.items()}


def rank_view(name: str, tensor: np.ndarray, rank: int, ranks: int, config: dict[str, int]) -> np.ndarray:
    """The part of a Hugging Face tensor that a rank has."""
    if tensor.ndim == 1 or ".gate." in name:
        return tensor
    axis = 1 if "o_proj" in name or ".w2." in name else 0
    size = tensor.shape[axis] // ranks
    at = rank * size
    if ("k_proj" in name or "v_proj" in name) and config["num_key_value_heads"] < ranks:
        size = config["hidden_size"] // config["num_attention_heads"]
        at = rank * config["num_key_value_heads"] // ranks * size
    return tensor[:, at : at + size] if axis else tensor[at : at + size]


def fused(config: dict[str, int]) -> dict[str, list[str]]:
    """vLLM's names, and the Hugging Face tensors one below the other in each."""
    names = {name: [name] for name in ("model.embed_tokens.weight", "model.norm.weight", "lm_head.weight")}
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        experts = [f"{at}.block_sparse_moe.experts.{expert}" for expert in range(config["num_local_experts"])]
        names[f"{at}.self_attn.qkv_proj.weight"] = [f"{at}.self_attn.{name}_proj.weight" for name in "qkv"]
        names[f"{at}.residual_mlp.w13.weight"] = [f"{at}.residual_mlp.{name}.weight" for name in ("w1", "w3")]
        names[f"{at}.block_sparse_moe.ws"] = [f"{one}.{name}.weight" for one in experts for name in ("w1", "w3")]
        names[f"{at}.block_sparse_moe.w2s"] = [f"{one}.w2.weight" for one in experts]
        same = "self_attn.o_proj residual_mlp.w2 block_sparse_moe.gate input_layernorm post_attention_layernorm"
        for name in [*same.split(), "residual_layernorm"]:
            names[f"{at}.{name}.weight"] = [f"{at}.{name}.weight"]
    return names


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> "tuple[Path, dict[str, torch.Tensor]]":
    """A random model as the released files lie: two ranks, two parts, and rows (48 wide) that end within groups."""
    directory = tmp_path_factory.mktemp("deepspeed")
    plain = write_checkpoint(directory / "plain", num_local_experts=4, num_hidden_layers=1, dtype="float32")
    return directory / "ranks", split(plain, directory / "ranks", ranks=2)


def tensors_of(directory: Path) -> "dict[str, torch.Tensor]":
    return {name: tensor for path in directory.glob("*.safetensors") for name, tensor in load_file(path).items()}


def test_the_ranks_are_joined_to_the_tensors_they_were_cut_from(
    released: "tuple[Path, dict[str, torch.Tensor]]", tmp_path: Path
) -> None:
    directory, expected = released
    found = tensors_of(dequantize(directory, tmp_path / "plain"))
    assert set(found) == set(expected)
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name


def test_four_ranks_that_share_two_heads_are_joined(tmp_path: Path) -> None:
    plain = write_checkpoint(tmp_path / "plain", num_local_experts=2, num_hidden_layers=1, dtype="float32")
    # Each rank quantized its copy of a KV head alone, with groups of its own rows: all copies stand for the same.
    expected = split(plain, tmp_path / "ranks", ranks=4)
    found = tensors_of(dequantize(tmp_path / "ranks", tmp_path / "joined"))
    for name, tensor in expected.items():
        close = torch.allclose(found[name].float(), tensor.float(), rtol=1 / 16) if "_proj" in name else False
        assert close or torch.equal(found[name], tensor), name


def test_the_released_files_become_our_fp8_and_run(
    released: "tuple[Path, dict[str, torch.Tensor]]", tmp_path: Path
) -> None:
    from model_service.checkpoints.load import load_model

    directory, _ = released
    exact = load_model(dequantize(directory, tmp_path / "plain"), dtype=torch.float32)
    ours = load_model(quantize(directory, tmp_path / "fp8"), dtype=torch.float32)
    apart = (ours.logits([1, 2, 3]) - exact.logits([1, 2, 3])).norm() / exact.logits([1, 2, 3]).norm()
    assert 0 < float(apart) < 0.1


def test_a_rank_that_is_missing_is_told(released: "tuple[Path, dict[str, torch.Tensor]]", tmp_path: Path) -> None:
    for path in released[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "model-rank-0-part-1.safetensors").unlink()
    with pytest.raises(CheckpointError, match="rank"):
        dequantize(tmp_path, tmp_path / "plain")
    (tmp_path / "model-rank-0-part-0.safetensors").unlink()
    with pytest.raises(CheckpointError, match="lacks files of rank 0"):
        dequantize(tmp_path, tmp_path / "plain")


def test_a_config_of_another_model_is_told(released: "tuple[Path, dict[str, torch.Tensor]]", tmp_path: Path) -> None:
    for path in released[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"hidden_size": 256}))
    with pytest.raises(CheckpointError, match=r"Does config\.json|is no \d+ x 256") as caught:
        dequantize(tmp_path, tmp_path / "plain")
    assert "qkv_proj" in caught.value.message or "embed_tokens" in caught.value.message
