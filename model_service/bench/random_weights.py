"""A checkpoint of random weights in the released layout, for measuring: speed does not ask what the weights say."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model_service.arctic.config import parse_config
from model_service.arctic.tensors import INDEX, TensorSpec, tensor_specs
from model_service.checkpoints.safetensors_file import SafetensorsWriter, Spec, row_ranges

TENSORS_A_FILE = 400

# About a fifteenth of the real one in width and a quarter in depth, as many experts: 2.3B parameters, 0.1B active.
MIDDLE_SIZE = {
    "architectures": ["ArcticForCausalLM"],
    "model_type": "arctic",
    "vocab_size": 32000,
    "hidden_size": 1024,
    "intermediate_size": 704,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "num_local_experts": 128,
    "num_experts_per_tok": 2,
    "max_position_embeddings": 4096,
    "rope_theta": 10000,
    "rms_norm_eps": 1e-5,
    "parallel_attn_mlp_res": True,
    "use_residual": True,
    "moe_layer_frequency": 1,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}


def write_random_checkpoint(directory: Path, keys: Mapping[str, Any] = MIDDLE_SIZE, seed: int = 0) -> Path:
    """The directory, now with a bfloat16 checkpoint of that config.json; one that is there is left as it is."""
    if (directory / "config.json").exists():
        return directory
    directory.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    specs = list(tensor_specs(parse_config(dict(keys))))
    weight_map: dict[str, str] = {}
    for at in range(0, len(specs), TENSORS_A_FILE):
        name = f"model-{at // TENSORS_A_FILE + 1:05}.safetensors"
        _write_file(directory / name, specs[at : at + TENSORS_A_FILE], generator)
        weight_map |= dict.fromkeys((spec.name for spec in specs[at : at + TENSORS_A_FILE]), name)
    (directory / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    (directory / "config.json").write_text(json.dumps(dict(keys), indent=2))  # last: it says that all is there
    return directory


def _write_file(path: Path, specs: list[TensorSpec], generator: torch.Generator) -> None:
    stored = [Spec(spec.name, torch.bfloat16, spec.shape) for spec in specs]
    with SafetensorsWriter(path, stored) as writer:
        for spec in stored:
            first = 0
            for rows in _random_rows(spec, generator):
                writer.put(spec, first, rows)
                first += len(rows)


def _random_rows(spec: Spec, generator: torch.Generator) -> Iterator[Tensor]:
    """Norms are ones; a matrix keeps the size of what it multiplies."""
    for first, last in row_ranges(spec):
        shape = (last - first, *spec.shape[1:])
        if len(shape) == 1:
            yield torch.ones(shape, dtype=spec.dtype)
        else:
            yield (torch.randn(shape, generator=generator) / shape[1] ** 0.5).to(spec.dtype)
