"""A checkpoint of any of our three storage formats as a stream of plain tensors, block of rows by block of rows.

Quantizing, dequantizing and exporting all start here and never ask how the weights were stored: as they are (bfloat16,
float16, float32), as FP8 codes with scales beside them (compressed-tensors), or as DeepSpeed's FP8 by rank.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from model_service.arctic import fp8
from model_service.arctic.config import read_config
from model_service.arctic.tensors import INDEX, LONE_FILE
from model_service.checkpoints import sharded_state
from model_service.checkpoints.safetensors_file import Spec, StoredTensor, read_header, row_ranges
from model_service.errors import CheckpointError

SCALE = "_scale"  # compressed-tensors: X.weight beside X.weight_scale
PLAIN_DTYPES = (torch.bfloat16, torch.float16, torch.float32)


@dataclass(frozen=True)
class TensorStream:
    """One tensor: what it is, and its rows in order, a new pass at every call of `blocks`."""

    spec: Spec
    blocks: Callable[[], Iterator[Tensor]]


@dataclass(frozen=True)
class CheckpointStream:
    """All tensors by the file they belong in, and how they were stored."""

    directory: Path
    storage: str  # "plain", "fp8" or "deepspeed-fp8"
    files: Mapping[str, tuple[TensorStream, ...]]
    source_paths: tuple[Path, ...]

    @property
    def by_name(self) -> dict[str, TensorStream]:
        """Every tensor by its Hugging Face name."""
        return {stream.spec.name: stream for streams in self.files.values() for stream in streams}


def open_checkpoint(directory: Path, dtype: torch.dtype = torch.bfloat16) -> CheckpointStream:
    """The checkpoint's tensors; what is stored as FP8 is decoded to dtype, the rest keeps its own.

    Reads headers only. Raises CheckpointError for what is missing, cut short or of a kind we don't know.
    """
    if not directory.is_dir():
        raise CheckpointError(f"{directory} is not a directory.", "Give the directory of a checkpoint.")
    if sharded_state.is_sharded(directory):
        return _open_deepspeed(directory, dtype)
    paths = weight_files(directory)
    stored = {tensor.spec.name: tensor for path in paths for tensor in read_header(path)}
    is_fp8 = any(tensor.spec.dtype == fp8.DTYPE for tensor in stored.values())
    files = {path.name: tuple(_streams(path, stored, dtype)) for path in paths}
    return CheckpointStream(directory, "fp8" if is_fp8 else "plain", files, paths)


def weight_files(directory: Path) -> tuple[Path, ...]:
    """The safetensors files the index names, or the lone file; each is there and holds what the index says."""
    index = directory / INDEX
    if index.exists():
        return _indexed_files(index)
    if (directory / LONE_FILE).exists():
        return (directory / LONE_FILE,)
    if sharded_state.is_sharded(directory):
        raise CheckpointError(
            f"{directory} holds Snowflake's files by rank, which only `quantize` and `dequantize` read.",
            f"Make a checkpoint of them: python -m model_service quantize --checkpoint {directory} --out DIR",
        )
    found = sorted(directory.glob("*.safetensors"))
    missing = f"it has {len(found)} safetensors files but no {INDEX}" if found else "it holds no safetensors files"
    raise CheckpointError(f"{directory} is no checkpoint: {missing}.", "Fetch the missing files.")


def _indexed_files(index: Path) -> tuple[Path, ...]:
    try:
        weight_map = dict(json.loads(index.read_text(encoding="utf-8"))["weight_map"])
        paths = tuple(index.parent / name for name in sorted(set(weight_map.values())))
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{index} has no readable weight_map.", "Fetch it again.") from error
    gone = [path.name for path in paths if not path.exists()]
    if gone:
        raise CheckpointError(f"{index.parent} lacks {_few(gone)}, which the index names.", "Fetch the missing files.")
    held = {(tensor.spec.name, path.name) for path in paths for tensor in read_header(path)}
    absent = [name for name, file in weight_map.items() if (name, file) not in held]
    if absent:
        raise CheckpointError(
            f"{index.parent}: the files lack {_few(absent)}, which the index names.", "Fetch them again."
        )
    return paths


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _streams(path: Path, stored: Mapping[str, StoredTensor], dtype: torch.dtype) -> Iterator[TensorStream]:
    for tensor in (tensor for tensor in stored.values() if tensor.path == path):
        name = tensor.spec.name
        if tensor.spec.dtype == fp8.DTYPE:
            yield _decoded(tensor, stored.get(name + SCALE), dtype)
        elif name.endswith(".weight" + SCALE):
            continue  # read with its codes
        elif tensor.spec.dtype in PLAIN_DTYPES:
            yield TensorStream(tensor.spec, tensor.blocks)
        else:
            raise CheckpointError(
                f"{path.name}: {name} is stored as {tensor.spec.dtype}, which is no dtype of an Arctic checkpoint.",
                "Weights are bfloat16, float16, float32, or float8_e4m3fn with a scale beside it.",
            )


def _decoded(codes: StoredTensor, scale: StoredTensor | None, dtype: torch.dtype) -> TensorStream:
    """A weight [out, in] from codes and scales: [out, 1], one for all, or anything that can be seen as either."""
    spec = Spec(codes.spec.name, dtype, codes.spec.shape)
    if scale is None:
        raise CheckpointError(
            f"{codes.path.name}: {spec.name} is FP8 but no {spec.name}{SCALE} is there.",
            "Only one scale a row or a tensor can be read, not blocks (weight_scale_inv).",
        )
    values = scale.rows(0, scale.spec.row_count).float().reshape(-1, 1)  # [out, 1] or [1, 1]
    if len(spec.shape) != 2 or values.shape[0] not in (1, spec.shape[0]):
        raise CheckpointError(
            f"{scale.path.name}: {scale.spec.name} {list(scale.spec.shape)} fits no weight {list(spec.shape)}.",
            "Only one scale a row or a tensor can be read.",
        )

    def blocks() -> Iterator[Tensor]:
        for first, last in row_ranges(codes.spec):
            block = codes.rows(first, last)
            if not fp8.is_finite(block):
                raise CheckpointError(
                    f"{codes.path.name}: {spec.name} holds codes that are no numbers.", "Fetch it again."
                )
            yield fp8.dequantize(block, values[first:last] if len(values) > 1 else values, dtype)

    return TensorStream(spec, blocks)


def _open_deepspeed(directory: Path, dtype: torch.dtype) -> CheckpointStream:
    ranks = sharded_state.open_ranks(directory)
    pieces = sharded_state.merged(ranks, read_config(directory), dtype)
    streams = [TensorStream(spec, blocks) for spec, blocks in pieces]
    return CheckpointStream(directory, "deepspeed-fp8", grouped(streams), sharded_state.rank_files(directory))


def grouped(streams: list[TensorStream], limit_bytes: int = 5 * 10**9) -> dict[str, tuple[TensorStream, ...]]:
    """The streams in files of about limit_bytes, in order, named as Hugging Face does."""
    groups: list[list[TensorStream]] = [[]]
    filled = 0
    for stream in streams:
        if groups[-1] and filled + stream.spec.nbytes > limit_bytes:
            groups.append([])
            filled = 0
        groups[-1].append(stream)
        filled += stream.spec.nbytes
    return {f"model-{at:05}-of-{len(groups):05}.safetensors": tuple(group) for at, group in enumerate(groups, 1)}
