"""quantize(): a checkpoint in FP8 that vLLM and our model load. dequantize(): back to plain weights, from any FP8 we read.

The stored form is compressed-tensors' `float-quantized`: X.weight holds e4m3fn codes, X.weight_scale fp32 [out, 1] beside
it, and config.json says "one scale a channel, activations one scale a token as they come". Quantized are the matrices of
attention, residual MLP and experts; everything else keeps its bytes.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model_service.arctic import fp8
from model_service.arctic.config import ArcticConfig, read_config
from model_service.arctic.tensors import QUANTIZED, tensor_specs
from model_service.checkpoints.convert import Job, Plan, write
from model_service.checkpoints.safetensors_file import Spec
from model_service.checkpoints.stored_heads import FIRST_KEY, with_stored_heads
from model_service.checkpoints.tensor_stream import SCALE, CheckpointStream, TensorStream, open_checkpoint
from model_service.errors import CheckpointError

QUANTIZATION_CONFIG: dict[str, Any] = {
    "quant_method": "compressed-tensors",
    "format": "float-quantized",
    "quantization_status": "compressed",
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {"num_bits": 8, "type": "float", "strategy": "channel", "symmetric": True, "dynamic": False},
            "input_activations": {
                "num_bits": 8,
                "type": "float",
                "strategy": "token",
                "symmetric": True,
                "dynamic": True,
            },
        }
    },
    "ignore": ["lm_head", "re:.*block_sparse_moe\\.gate$"],
}


def quantize(directory: Path, out: Path) -> Path:
    """The directory out: the checkpoint with its large matrices in FP8, from plain or DeepSpeed-FP8 weights.

    Needs the memory of a few blocks of rows, the disk of the result. Goes on where an earlier run was stopped.
    Raises CheckpointError (already quantized, cut short, not finite, not Arctic's tensors) or NoSpaceError.
    """
    source = open_checkpoint(directory)
    if source.storage == "fp8":
        raise CheckpointError(
            f"{directory} is in FP8 already.", "Nothing is to be done; `dequantize` makes it plain again."
        )
    config = checked_config(source)
    quantized = {spec.name for spec in tensor_specs(config) if spec.kind in QUANTIZED}
    files = {
        name: [quantized_job(stream) if stream.spec.name in quantized else plain_job(stream) for stream in streams]
        for name, streams in source.files.items()
    }
    changes = {"quantization_config": QUANTIZATION_CONFIG, "num_key_value_heads": config.num_key_value_heads}
    return write(Plan("quantize", files, changes), source, out)


def dequantize(directory: Path, out: Path, dtype: torch.dtype = torch.bfloat16) -> Path:
    """The directory out: the checkpoint's FP8 weights as dtype, the rest as it is. Memory, resuming, errors as above."""
    source = open_checkpoint(directory, dtype)
    if source.storage == "plain":
        raise CheckpointError(f"{directory} holds no FP8 weights.", "Nothing is to be done.")
    config = checked_config(source)
    files = {name: [plain_job(stream) for stream in streams] for name, streams in source.files.items()}
    name = str(dtype).removeprefix("torch.")
    changes = {"quantization_config": None, "torch_dtype": name, "num_key_value_heads": config.num_key_value_heads}
    return write(Plan(f"dequantize to {name}", files, changes), source, out)


def checked_config(source: CheckpointStream) -> ArcticConfig:
    """The config, once it is sure that the tensors are those of the model it describes."""
    streams = source.by_name
    config = read_config(source.directory)
    if FIRST_KEY in streams:
        config = with_stored_heads(config, streams[FIRST_KEY].spec.shape)
    expected = {spec.name: spec.shape for spec in tensor_specs(config)}
    found = {name: stream.spec.shape for name, stream in streams.items() if not _is_spare(name, config)}
    wrong = [f"{name} is missing" for name in expected if name not in found]
    wrong += [f"{name} is unknown" for name in found if name not in expected]
    wrong += [
        f"{name} is {list(found[name])}, not {list(shape)}"
        for name, shape in expected.items()
        if found.get(name, shape) != shape
    ]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise CheckpointError(
            f"{source.directory}: {'; '.join(wrong[:5])}{more}.", "Does config.json belong to the weights?"
        )
    return config


def _is_spare(name: str, config: ArcticConfig) -> bool:
    """Whether the tensor is one that older libraries stored for nothing: a table of angles, or a tied head."""
    return name.endswith("rotary_emb.inv_freq") or (config.tie_word_embeddings and name == "lm_head.weight")


def plain_job(stream: TensorStream) -> Job:
    """The tensor as it comes, looked through for values that are no numbers."""
    return Job((stream.spec,), lambda: ((block,) for block in finite_blocks(stream)))


def finite_blocks(stream: TensorStream) -> Iterator[Tensor]:
    """The stream's blocks. Raises CheckpointError at one with a value that is no finite number."""
    for block in stream.blocks():
        if not bool(block.abs().amax().isfinite() if block.numel() else True):
            raise _not_finite(stream.spec)
        yield block


def quantized_job(stream: TensorStream) -> Job:
    """The tensor as codes and scales."""
    spec = stream.spec
    codes = Spec(spec.name, fp8.DTYPE, spec.shape)
    scale = Spec(spec.name + SCALE, torch.float32, (spec.shape[0], 1))

    def blocks() -> Iterator[tuple[Tensor, ...]]:
        for block in stream.blocks():
            pair = fp8.quantize(block)
            if not bool(pair[1].isfinite().all()):
                raise _not_finite(spec)
            yield pair

    return Job((codes, scale), blocks)


def _not_finite(spec: Spec) -> CheckpointError:
    return CheckpointError(
        f"{spec.name} holds values that are no finite numbers.", "Fetch the checkpoint's file again."
    )
