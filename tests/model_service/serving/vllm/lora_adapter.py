"""A random LoRA adapter in PEFT's layout on attention and residual MLP, and the same change merged into a checkpoint."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.model_service.arctic.random_checkpoint import shapes, write_json, write_shards

MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "w1", "w2", "w3")
RANK, ALPHA = 8, 16


def write_adapter(directory: Path, checkpoint: Path, seed: int = 9) -> Path:
    """The directory, now holding adapter_config.json and adapter_model.safetensors."""
    import torch
    from safetensors.torch import save_file

    rng, tensors = np.random.default_rng(seed), {}
    for name, (rows, columns) in _adapted(checkpoint):
        at = f"base_model.model.{name}"
        tensors[f"{at}.lora_A.weight"] = torch.from_numpy(rng.standard_normal((RANK, columns), dtype=np.float32) / 16)
        tensors[f"{at}.lora_B.weight"] = torch.from_numpy(rng.standard_normal((rows, RANK), dtype=np.float32) / 16)
    save_file(tensors, directory / "adapter_model.safetensors")
    about = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "target_modules": list(MODULES), "bias": "none"}
    write_json(directory / "adapter_config.json", about)
    return directory


def merged_checkpoint(directory: Path, checkpoint: Path, adapter: Path) -> Path:
    """The directory, now holding the checkpoint with W + alpha / r * B A for W."""
    from safetensors.numpy import load_file

    deltas = load_file(adapter / "adapter_model.safetensors")
    tensors = {name: weight for file in checkpoint.glob("*.safetensors") for name, weight in load_file(file).items()}
    for name, _ in _adapted(checkpoint):
        a, b = (deltas[f"base_model.model.{name}.lora_{part}.weight"] for part in "AB")
        tensors[f"{name}.weight"] = tensors[f"{name}.weight"] + ALPHA / RANK * b @ a
    write_json(directory / "config.json", _config(checkpoint))
    write_shards(directory, tensors)
    return directory


def _adapted(checkpoint: Path) -> list[tuple[str, tuple[int, ...]]]:
    names = [(name.removesuffix(".weight"), shape) for name, shape in shapes(_config(checkpoint))]
    return [(name, shape) for name, shape in names if name.endswith(MODULES) and ".experts." not in name]


def _config(checkpoint: Path) -> dict[str, Any]:
    return json.loads((checkpoint / "config.json").read_text())
