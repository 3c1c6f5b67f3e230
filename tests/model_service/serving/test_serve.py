import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from model_service.arctic.config import ArcticConfig, read_config
from model_service.checkpoints.stored_heads import read_stored_config
from model_service.errors import CheckpointError, LoadError, ModelServiceError, RequestError
from model_service.gpus import find_gpu
from model_service.hardware import read_line
from model_service.serving.plan import Hardware, Plan, Wish, plan
from model_service.serving.serve import find_hardware, find_python, require_vllm, serve
from tests.model_service.arctic.random_checkpoint import RELEASED


@pytest.fixture
def released(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(RELEASED))
    return tmp_path


@pytest.fixture
def config(released: Path) -> ArcticConfig:
    return read_config(released)


def planned(config: ArcticConfig, gpus: int, gpu: str, nodes: int | None = None, **wish: object) -> Plan:
    return plan(Wish(Path("arctic"), **wish), config, find_hardware(gpus, gpu, nodes))  # type: ignore[arg-type]


def value(plan: Plan, flag: str) -> str:
    return plan.arguments[plan.arguments.index(flag) + 1]


def test_eight_h100_share_each_layer_in_fp8(config: ArcticConfig) -> None:
    chosen = planned(config, 8, "H100")
    assert str(chosen.layout) == "TP8"
    assert value(chosen, "--tensor-parallel-size") == "8"
    assert value(chosen, "--quantization") == "fp8_per_channel"
    assert json.loads(value(chosen, "--structured-outputs-config")) == {"backend": "guidance"}
    assert "--enable-prefix-caching" in chosen.arguments
    assert chosen.held is not None
    assert 59e9 < chosen.held.weight_bytes < 61e9


def test_two_nodes_are_pipeline_stages_on_ray(config: ArcticConfig) -> None:
    chosen = planned(config, 16, "H100")
    assert str(chosen.layout) == "TP8 x PP2"
    assert value(chosen, "--distributed-executor-backend") == "ray"


def test_sixteen_cannot_share_56_heads(config: ArcticConfig) -> None:
    with pytest.raises(RequestError, match="TP16: 56 attention heads cannot be split among 16"):
        planned(config, 16, "H100", tp=16)


@pytest.mark.parametrize("gpu", ["A100-40", "L40S", "L4"])
def test_eight_small_gpus_have_too_little_memory(config: ArcticConfig, gpu: str) -> None:
    with pytest.raises(RequestError, match=r"memory: .* GB of weights a GPU leave"):
        planned(config, 8, gpu)


def test_bf16_does_not_fit_where_fp8_does(config: ArcticConfig) -> None:
    with pytest.raises(RequestError, match=r"957\.2 GB of bfloat16"):
        planned(config, 8, "H100", quantization="none")
    assert planned(config, 16, "H100", quantization="none").storage == "bfloat16"


def test_tensor_parallelism_stays_within_a_node(config: ArcticConfig) -> None:
    with pytest.raises(RequestError, match="a node has 4 GPUs, and TP stays within a node"):
        planned(config, 8, "H200", nodes=2, tp=8)


def test_a_quantized_checkpoint_needs_no_flag(released: Path) -> None:
    quantized = RELEASED | {"quantization_config": {"quant_method": "compressed-tensors"}}
    (released / "config.json").write_text(json.dumps(quantized))
    chosen = planned(read_config(released), 8, "H100")
    assert "--quantization" not in chosen.arguments
    assert "as the checkpoint has them" in chosen.how_stored


def test_whole_experts_and_drafts_on_wish(config: ArcticConfig) -> None:
    chosen = planned(config, 8, "H200", ep=True, speculation="suffix")
    assert "--enable-expert-parallel" in chosen.arguments
    assert json.loads(value(chosen, "--speculative-config")) == {"method": "suffix"}


def test_a_context_beyond_the_model_is_refused(config: ArcticConfig) -> None:
    with pytest.raises(RequestError, match="more than the model's 4,096"):
        planned(config, 8, "H100", max_model_len=8192)


def test_the_whole_model_does_not_fit_a_small_machine(config: ArcticConfig) -> None:
    with pytest.raises(RequestError, match=r"957\.2 GB and 20\.0 GB of memory are free"):
        plan(Wish(Path("arctic")), config, Hardware(0, None, 1, 20 * 10**9))


def test_the_driver_names_memory_and_fp8() -> None:
    assert not read_line("NVIDIA A100-SXM4-80GB, 81920, 8.0").has_fp8
    assert read_line("NVIDIA L40S, 46068, 8.9").has_fp8


def test_an_unknown_gpu_is_answered_with_those_there_are() -> None:
    with pytest.raises(RequestError, match="No GPU is known as 'H9000'"):
        find_gpu("H9000")


def test_a_plan_for_absent_gpus_is_printed_but_not_run(
    released: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no driver's tool
    lines: list[str] = []
    with pytest.raises(RequestError, match="no GPU to run that plan on"):
        serve(
            Wish(released), find_hardware(8, "H100", None), python=Path("/bin/sh"), dry_run=False, on_line=lines.append
        )
    assert "Layout    TP8" in lines


def test_a_python_without_vllm_is_named(tmp_path: Path) -> None:
    stand_in = tmp_path / "python"
    stand_in.write_text("#!/bin/sh\n")
    stand_in.chmod(0o755)
    with pytest.raises(LoadError, match="has no vLLM"):
        require_vllm(stand_in)


@pytest.mark.parametrize(
    ("says", "problem"),
    [("0.28.0 True", "plugin knows vLLM 0.32 or 0.33"), ("0.32.0 False", "plugin is not installed")],
)
def test_another_vllm_or_one_without_the_plugin_is_refused(tmp_path: Path, says: str, problem: str) -> None:
    stand_in = tmp_path / "python"
    stand_in.write_text(f"#!/bin/sh\necho {says}\n")
    stand_in.chmod(0o755)
    with pytest.raises(LoadError, match=problem):
        require_vllm(stand_in)


def test_a_python_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="not a Python that can be run"):
        find_python(tmp_path / "nowhere", required=True)


def test_a_directory_without_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json"):
        serve(Wish(tmp_path), find_hardware(8, "H100", None), python=None, dry_run=True, on_line=print)


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["serve", *arguments])
    return done.exit_code, done.output


def test_the_command_prints_the_plan(released: Path) -> None:
    arguments = ("--model", "arctic", "--checkpoint", str(released), "--gpus", "8", "--gpu", "H100", "--dry-run")
    code, printed = run(*arguments)
    assert code == 0
    assert "Layout    TP8" in printed
    assert "vllm.entrypoints.openai.api_server" in printed


def test_the_command_ends_with_1_where_it_cannot_work_and_2_on_wrong_usage(released: Path) -> None:
    code, printed = run("--model", "arctic", "--checkpoint", str(released), "--gpus", "8", "--gpu", "L4", "--dry-run")
    assert (code, "cannot serve this model" in printed) == (1, True)
    assert run("--model", "arctic")[0] == 2
    assert run("--checkpoint", str(released))[0] == 2


@pytest.mark.parametrize(("told", "stored", "rows"), [(8, 56, 7168), (56, 8, 1024)])
def test_the_kv_heads_that_are_stored_are_planned_with_and_told_to_vllm(
    released: Path, told: int, stored: int, rows: int
) -> None:
    """The release's copies with only config.json or only the weights mended; vLLM itself would read the wrong rows."""
    (released / "config.json").write_text(json.dumps(RELEASED | {"num_key_value_heads": told}))
    write_header(released / "model.safetensors", {"model.layers.0.self_attn.k_proj.weight": [rows, 7168]})
    code, printed = run("--model", "arctic", "--checkpoint", str(released), "--gpus", "8", "--gpu", "H100", "--dry-run")
    assert code == 0
    assert f"56 attention heads, {stored} for keys and values" in printed
    assert f"""--hf-overrides '{{"num_key_value_heads": {stored}}}'""" in printed


def write_header(path: Path, shapes: dict[str, list[int]]) -> None:
    """A safetensors file's beginning, which is all that is read of it."""
    text = json.dumps(
        {name: {"dtype": "BF16", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()}
    )
    path.write_bytes(len(text).to_bytes(8, "little") + text.encode())


@pytest.mark.parametrize("content", [b"", b"no header", b"\x02\0\0\0\0\0\0\0{}", b"\xff" * 16])
def test_weights_that_cannot_be_read_leave_the_plan_to_config_json(released: Path, content: bytes) -> None:
    (released / "model.safetensors").write_bytes(content)
    assert read_stored_config(released) == read_config(released)


def test_every_refusal_says_what_to_do(config: ArcticConfig) -> None:
    with pytest.raises(ModelServiceError) as caught:
        planned(config, 8, "L4")
    assert "FP8 on 8 GPUs of 80 GB" in caught.value.hint
