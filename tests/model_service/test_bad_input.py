"""What a user may hand over by mistake, through the commands: one line that names it and says what to do, exit code 1."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the Arctic model needs torch: `make venv-vllm` installs it")

from safetensors.torch import load_file, save_file  # noqa: E402

from model_service.__main__ import main  # noqa: E402
from model_service.checkpoints.quantize import quantize  # noqa: E402
from model_service.errors import CheckpointError  # noqa: E402
from model_service.serving.serve import require_whole  # noqa: E402
from tests.model_service.conftest import MakeCheckpoint  # noqa: E402

ROOT = Path(__file__).parents[2]
SHARD, INDEX = "model-00002-of-00003.safetensors", "model.safetensors.index.json"
EXPERT = "model.layers.0.block_sparse_moe.experts.3.w2.weight"
COMMANDS: dict[str, tuple[str, ...]] = {
    "check": (),
    "logits": ("--ids", "1,2", "--out", "logits.npy"),
    "generate": ("--ids", "1,2", "--max-new-tokens", "2"),
    "quantize": ("--out", "fp8"),
    "export-gguf": ("--out", "model.gguf", "--without-tokenizer"),
}
WEIGHTS_READ = ("logits", "generate", "quantize", "export-gguf")
Damage = Callable[[Path], object]


def bytes_of(change: Callable[[bytes], bytes], name: str = SHARD) -> Damage:
    return lambda directory: (directory / name).write_bytes(change((directory / name).read_bytes()))


def tensor(change: Callable[[Any], Any], name: str = EXPERT) -> Damage:
    def damage(directory: Path) -> None:
        file = directory / json.loads((directory / INDEX).read_text())["weight_map"][name]
        tensors = load_file(file)
        save_file(tensors | {name: change(tensors[name])}, file)

    return damage


def header(**keys: Any) -> Damage:
    """Keys of the shard's first entry, changed."""

    def change(content: bytes) -> bytes:
        length = int.from_bytes(content[:8], "little")
        entries = json.loads(content[8 : 8 + length])
        entries[next(name for name in entries if name != "__metadata__")].update(keys)
        text = json.dumps(entries).encode()
        return len(text).to_bytes(8, "little") + text + content[8 + length :]

    return bytes_of(change)


def config(**keys: Any) -> Damage:
    def change(content: bytes) -> bytes:
        return json.dumps({k: v for k, v in (json.loads(content) | keys).items() if v is not ...}).encode()

    return bytes_of(change, "config.json")


def index(text: str) -> Damage:
    return lambda directory: (directory / INDEX).write_text(text)


def spoiled(value: float) -> Callable[[Any], Any]:
    def change(weight: Any) -> Any:
        weight.view(-1)[5] = value
        return weight

    return change


DAMAGES: dict[str, tuple[Damage, str]] = {
    "a shard cut by a byte": (bytes_of(lambda content: content[:-1]), f"{SHARD} is cut short"),
    "a shard cut in its header": (bytes_of(lambda content: content[:100]), f"{SHARD} is cut short"),
    "an empty shard": (bytes_of(lambda content: b""), f"{SHARD} is cut short"),
    "a page instead of a shard": (bytes_of(lambda content: b"<html>404</html>"), f"{SHARD} is not a safetensors file"),
    "what Git leaves": (bytes_of(lambda content: b"version https://git-lfs.github.com/spec/v1"), "git lfs pull"),
    "bytes after the last tensor": (bytes_of(lambda content: content + b"12345678"), "8 bytes longer"),
    "a shard that is a directory": (lambda d: ((d / SHARD).unlink(), (d / SHARD).mkdir()), "Is a directory"),
    "a missing shard": (lambda d: (d / SHARD).unlink(), f"lacks {SHARD}"),
    "a missing index": (lambda d: (d / INDEX).unlink(), f"3 safetensors files but no {INDEX}"),
    "an index that is no JSON": (index("{"), "no readable weight_map"),
    "an index of numbers": (index('{"weight_map": {"a": 1}}'), "no readable weight_map"),
    "an empty index": (index('{"weight_map": {}}'), "model.embed_tokens.weight"),
    "whole numbers": (tensor(lambda weight: weight.long()), f"{EXPERT} is"),
    "double precision": (tensor(lambda weight: weight.double()), f"{EXPERT} is"),
    "FP8 of the other kind": (tensor(lambda weight: weight.to(torch.float8_e5m2)), f"{EXPERT} is"),
    "FP8 without scales": (tensor(lambda weight: weight.to(torch.float8_e4m3fn)), f"{EXPERT}_scale"),
    "a tensor of another shape": (tensor(lambda weight: weight[:-1].clone()), f"{EXPERT} is [127, 96], not [128, 96]"),
    "a header's odd dtype": (header(dtype="F4"), f"{SHARD}: the header's entry for"),
    "a header's odd shape": (header(shape=["a"]), f"{SHARD}: the header's entry for"),
    "a header's negative shape": (header(shape=[-1, -128]), f"{SHARD}: the header's entry for"),
    "a header's odd place": (header(data_offsets=[8, 65544]), SHARD),
    "no config": (lambda d: (d / "config.json").unlink(), "Cannot read"),
    "a config that is no JSON": (bytes_of(lambda content: content[:50], "config.json"), "config.json is not JSON"),
    "another model's config": (config(model_type="mixtral"), "model_type is 'mixtral'"),
    "a config without layers": (config(num_hidden_layers=...), "it lacks num_hidden_layers"),
    "a config of text": (config(hidden_size="128"), "hidden_size is '128'"),
    "heads that don't fit": (config(num_attention_heads=3), "over 3 attention heads"),
    "KV heads that don't fit": (config(num_key_value_heads=3), "4 attention heads cannot share 3 KV heads"),
    "a theta that is no number": (config(rope_theta=float("nan")), "rope_theta is nan"),
    "an epsilon that is no number": (config(rms_norm_eps=float("nan")), "rms_norm_eps is nan"),
    "rope parameters in a list": (config(rope_parameters=[1]), "rope_parameters is [1]"),
    "a dtype nobody stores": (config(torch_dtype="int4"), "torch_dtype is 'int4'"),
    "a quantization that is no object": (config(quantization_config="fp8"), "quantization_config is 'fp8'"),
    "another vocabulary": (config(vocab_size=999), "[320, 128], not [999, 128]"),
}
VALUES: dict[str, tuple[Damage, str]] = {
    "NaN in an expert": (tensor(spoiled(float("nan"))), f"{EXPERT} holds values"),
    "infinity in the embeddings": (
        tensor(spoiled(float("inf")), "model.embed_tokens.weight"),
        "model.embed_tokens.weight",
    ),
    "NaN in a norm": (tensor(spoiled(float("nan")), "model.norm.weight"), "model.norm.weight holds values"),
}


@pytest.mark.parametrize(
    ("command", "damage"),
    [(c, d) for d in DAMAGES for c in COMMANDS] + [(c, d) for d in VALUES for c in WEIGHTS_READ],
)
def test_a_damaged_checkpoint_is_one_line_and_exit_code_1(
    command: str,
    damage: str,
    make_checkpoint: MakeCheckpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copy = Path(shutil.copytree(make_checkpoint(), tmp_path / "copy"))
    spoil, words = (DAMAGES | VALUES)[damage]
    spoil(copy)
    assert_refused(command, copy, words, tmp_path, monkeypatch, capsys)


def assert_refused(
    command: str,
    checkpoint: Path,
    words: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    assert main([command, "--checkpoint", str(checkpoint), *COMMANDS[command]]) == 1
    printed = capsys.readouterr()
    last = printed.err.splitlines()[-1]  # a progress bar may come before it
    assert words in last
    assert last.endswith((".", "?"))
    assert printed.out == ""
    assert not {"logits.npy", "fp8", "model.gguf"} & {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("command", ["logits", "dequantize"])
def test_fp8_codes_and_scales_that_are_no_numbers_are_found(
    command: str, make_checkpoint: MakeCheckpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = quantize(make_checkpoint(), tmp_path / "whole")
    for number, name in enumerate((EXPERT, f"{EXPERT}_scale")):
        copy = Path(shutil.copytree(whole, tmp_path / f"copy{number}"))
        tensor(spoiled(float("nan")), name)(copy)
        out = "--out", str(tmp_path / f"out{number}")
        assert main([command, "--checkpoint", str(copy), *out, *(("--ids", "1") if command == "logits" else ())]) == 1
        assert EXPERT in capsys.readouterr().err.splitlines()[-1]


def test_a_whole_checkpoint_is_said_to_be(make_checkpoint: MakeCheckpoint, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--checkpoint", str(make_checkpoint())]) == 0
    assert capsys.readouterr().out.startswith("73 tensors in 3 files: whole")


def test_serve_says_it_before_vllm_starts(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    require_whole(Path(sys.executable), make_checkpoint())
    copy = Path(shutil.copytree(make_checkpoint(), tmp_path / "copy"))
    DAMAGES["a shard cut by a byte"][0](copy)
    with pytest.raises(CheckpointError, match=f"{SHARD} is cut short"):
        require_whole(Path(sys.executable), copy)


def test_a_user_sees_one_line_and_no_traceback(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(make_checkpoint(), tmp_path / "copy"))
    DAMAGES["a shard cut by a byte"][0](copy)
    command = [
        sys.executable,
        "-m",
        "model_service",
        "logits",
        "--checkpoint",
        str(copy),
        "--ids",
        "1",
        "--out",
        "x.npy",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == f"{copy / SHARD} is cut short: it ends before its last tensor. Fetch or copy this file again.\n"
    )
