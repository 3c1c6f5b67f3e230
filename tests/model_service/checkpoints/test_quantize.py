"""`quantize` and `dequantize` on real files: what is written, what is refused, and what a killed run leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="the Arctic model needs torch: `make venv-vllm` installs it")

from safetensors.torch import load_file, save_file  # noqa: E402

from model_service.arctic import fp8  # noqa: E402
from model_service.checkpoints import convert  # noqa: E402
from model_service.checkpoints.quantize import QUANTIZATION_CONFIG, dequantize, quantize  # noqa: E402
from model_service.errors import CheckpointError, NoSpaceError  # noqa: E402
from tests.model_service.arctic.random_checkpoint import write_checkpoint  # noqa: E402

MakeCheckpoint = Callable[..., Path]
FULL_PRECISION = ("embed_tokens", "lm_head", "norm", "gate.")


def tensors_of(directory: Path) -> "dict[str, torch.Tensor]":
    return {name: tensor for path in directory.glob("*.safetensors") for name, tensor in load_file(path).items()}


def bytes_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_matrices_become_codes_with_a_scale_a_row_and_the_rest_keeps_its_bytes(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    plain = tensors_of(make_checkpoint(dtype="bfloat16"))
    written = tensors_of(quantize(make_checkpoint(dtype="bfloat16"), tmp_path / "fp8"))
    for name, weight in plain.items():
        if any(kind in name for kind in FULL_PRECISION):
            assert torch.equal(written.pop(name), weight), name
        else:
            codes, scale = written.pop(name), written.pop(name + "_scale")
            assert (codes.dtype, scale.dtype, scale.shape) == (fp8.DTYPE, torch.float32, (weight.shape[0], 1)), name
            error = (codes.float() * scale - weight.float()).norm() / weight.float().norm()
            assert float(error) < 0.03, name
    assert not written


def test_the_index_names_every_tensor_and_the_config_says_how_they_are_stored(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    source = make_checkpoint(dtype="bfloat16")
    out = quantize(source, tmp_path / "fp8")
    index = json.loads((out / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"]) == set(tensors_of(out))
    config = json.loads((out / "config.json").read_text())
    assert config.pop("quantization_config") == QUANTIZATION_CONFIG
    assert config == json.loads((source / "config.json").read_text())


def test_tokenizer_files_come_along_and_code_does_not(tmp_path: Path) -> None:
    source = write_checkpoint(tmp_path / "plain")
    (source / "tokenizer.json").write_text("{}")
    (source / "modeling_arctic.py").write_text("raise SystemExit")
    out = quantize(source, tmp_path / "fp8")
    assert (out / "tokenizer.json").exists()
    assert not (out / "modeling_arctic.py").exists()
    assert not (tmp_path / "fp8.partial").exists()


def test_dequantize_gives_exactly_what_the_codes_stand_for(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    out = quantize(make_checkpoint(), tmp_path / "fp8")
    codes = tensors_of(out)
    plain = tensors_of(dequantize(out, tmp_path / "plain", torch.float32))
    assert set(plain) == {name for name in codes if not name.endswith("_scale")}
    for name, weight in plain.items():
        stands_for = codes[name].float() * codes[name + "_scale"] if codes[name].dtype == fp8.DTYPE else codes[name]
        assert torch.equal(weight, stands_for), name
    assert "quantization_config" not in json.loads((tmp_path / "plain" / "config.json").read_text())


def test_kv_heads_that_config_json_does_not_know_are_told_by_the_new_one(tmp_path: Path) -> None:
    """The first release's weights with a mended config.json, or the reverse; vLLM would read the wrong rows of K and V."""
    directory = write_checkpoint(tmp_path / "old", expanded_kv=True)
    keys = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(keys | {"num_key_value_heads": 2}))
    fp8 = quantize(directory, tmp_path / "fp8")
    plain = dequantize(fp8, tmp_path / "plain")
    assert [json.loads((out / "config.json").read_text())["num_key_value_heads"] for out in (fp8, plain)] == [4, 4]


def test_a_lone_file_without_an_index_is_quantized(tmp_path: Path) -> None:
    source = write_checkpoint(tmp_path / "plain", shards=1, index=False)
    assert (quantize(source, tmp_path / "fp8") / "model.safetensors").exists()


# One program for the runs that are measured or killed: arguments are source, out, and seconds to wait at each file.
CHILD = """
import resource, sys, time
from pathlib import Path
from model_service.checkpoints import convert
from model_service.checkpoints.quantize import quantize
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
write_job = convert._write_job
def slow(*arguments):
    time.sleep(float(sys.argv[3]))
    write_job(*arguments)
convert._write_job = slow
quantize(Path(sys.argv[1]), Path(sys.argv[2]))
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def child(source: Path, out: Path, wait_seconds: float = 0.0) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", CHILD, str(source), str(out), str(wait_seconds)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_a_killed_run_goes_on_and_writes_the_same_bytes(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    source = make_checkpoint(dtype="bfloat16", shards=4)
    expected = bytes_of(quantize(source, tmp_path / "once"))
    run = child(source, tmp_path / "fp8", wait_seconds=0.02)
    partial = tmp_path / "fp8.partial"
    until = time.monotonic() + 60
    while not list(partial.glob("*.safetensors")) and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    finished = {path.name: path.stat().st_mtime_ns for path in partial.glob("*.safetensors")}
    assert 0 < len(finished) < 4
    assert not (tmp_path / "fp8").exists()
    out = quantize(source, tmp_path / "fp8")
    assert bytes_of(out) == expected
    assert {name: (out / name).stat().st_mtime_ns for name in finished} == finished


def test_memory_stays_below_one_shard(tmp_path: Path) -> None:
    shape = {"hidden_size": 1024, "intermediate_size": 2048, "num_local_experts": 8, "num_hidden_layers": 2}
    source = write_checkpoint(tmp_path / "plain", shards=2, **shape)
    shard = max(path.stat().st_size for path in source.glob("*.safetensors"))
    output, errors = (run := child(source, tmp_path / "fp8")).communicate()
    assert run.returncode == 0, errors
    before, peak = (int(kilobytes) * 1024 for kilobytes in output.split())
    assert shard > 200e6
    assert peak - before < shard


def test_another_checkpoint_cannot_go_on_where_one_was_begun(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    partial = tmp_path / "fp8.partial"
    partial.mkdir()
    (partial / ".plan").write_text("of another run")
    with pytest.raises(CheckpointError, match="begun from another checkpoint"):
        quantize(make_checkpoint(), tmp_path / "fp8")


def test_two_runs_do_not_write_the_same_directory(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    run = child(make_checkpoint(), tmp_path / "fp8", wait_seconds=30)
    try:
        until = time.monotonic() + 60
        while not list((tmp_path / "fp8.partial").glob("*.tmp")) and time.monotonic() < until:
            time.sleep(0.01)
        with pytest.raises(CheckpointError, match="Another run is writing"):
            quantize(make_checkpoint(), tmp_path / "fp8")
    finally:
        run.kill()
        run.communicate()


def test_what_exists_is_not_overwritten(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="exists already"):
        quantize(make_checkpoint(), tmp_path)


def test_fp8_is_not_quantized_again_nor_plain_weights_dequantized(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    out = quantize(make_checkpoint(), tmp_path / "fp8")
    with pytest.raises(CheckpointError, match="in FP8 already"):
        quantize(out, tmp_path / "again")
    with pytest.raises(CheckpointError, match="holds no FP8 weights"):
        dequantize(make_checkpoint(), tmp_path / "plain")


def test_a_shard_cut_short_is_named(tmp_path: Path) -> None:
    source = write_checkpoint(tmp_path / "plain")
    shard = source / "model-00002-of-00003.safetensors"
    os.truncate(shard, shard.stat().st_size - 1)
    with pytest.raises(CheckpointError, match=r"model-00002-of-00003\.safetensors is cut short"):
        quantize(source, tmp_path / "fp8")
    assert not (tmp_path / "fp8.partial").exists()


@pytest.mark.parametrize("name", ["model.layers.0.self_attn.q_proj.weight", "model.norm.weight"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_named(tmp_path: Path, name: str, value: float) -> None:
    source = write_checkpoint(tmp_path / "plain", shards=1, index=False)
    tensors = load_file(source / "model.safetensors")
    tensors[name].view(-1)[7] = value
    save_file(tensors, source / "model.safetensors")
    with pytest.raises(CheckpointError, match=f"{name} holds values that are no finite numbers"):
        quantize(source, tmp_path / "fp8")
    assert not (tmp_path / "fp8").exists()


def test_missing_unknown_and_misshapen_tensors_are_named(tmp_path: Path) -> None:
    source = write_checkpoint(tmp_path / "plain", shards=1, index=False)
    tensors = load_file(source / "model.safetensors")
    del tensors["model.norm.weight"]
    tensors["model.extra.weight"] = torch.zeros(2)
    tensors["lm_head.weight"] = torch.zeros(3, 128)
    save_file(tensors, source / "model.safetensors")
    with pytest.raises(CheckpointError) as caught:
        quantize(source, tmp_path / "fp8")
    for part in (
        "norm.weight is missing",
        "model.extra.weight is unknown",
        r"lm_head.weight is [3, 128], not [320, 128]",
    ):
        assert part in caught.value.message


def test_missing_files_and_a_missing_index_are_named(tmp_path: Path) -> None:
    source = write_checkpoint(tmp_path / "plain")
    (source / "model-00003-of-00003.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"lacks model-00003-of-00003\.safetensors"):
        quantize(source, tmp_path / "fp8")
    (source / "model.safetensors.index.json").unlink()
    with pytest.raises(CheckpointError, match=r"2 safetensors files but no model\.safetensors\.index\.json"):
        quantize(source, tmp_path / "fp8")


def test_a_full_disk_is_said_before_anything_is_written(
    make_checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert.shutil, "disk_usage", lambda path: SimpleNamespace(free=10_000_000))
    with pytest.raises(NoSpaceError, match=r"0\.0 GB free; 0\.1 GB are needed"):
        quantize(make_checkpoint(), tmp_path / "fp8")
    assert not list((tmp_path / "fp8.partial").glob("*.safetensors*"))
