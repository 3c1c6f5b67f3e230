"""A checkpoint directory -> the model: names and shapes checked together, weights mapped from their files.

On a CPU a weight is a view of the mapped file, read when it is used and dropped by the system when memory is short: a
checkpoint larger than memory loads, slowly. On a GPU it is copied there, one tensor at a time. A weight that the model
computes wider (bf16 in fp32) is widened where it is used, so its stored form is all there ever is of it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

from model_service.arctic import fp8
from model_service.arctic.config import ArcticConfig, read_config
from model_service.arctic.model import Arctic
from model_service.arctic.tensors import QUANTIZED, TensorSpec, tensor_specs
from model_service.checkpoints.safetensors_file import StoredTensor, read_header
from model_service.checkpoints.stored_heads import FIRST_KEY, with_stored_heads
from model_service.checkpoints.tensor_stream import PLAIN_DTYPES, SCALE, weight_files
from model_service.errors import CheckpointError

NAMED_AT_MOST = 6  # of each sort, in an error

OnProgress = Callable[[int, int], None]  # tensors done, tensors in all


def load_model(
    directory: Path,
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    check_values: bool = True,
    on_progress: OnProgress | None = None,
) -> Arctic:
    """The model of a checkpoint, ready to run.

    dtype: what it computes in; else that of its embeddings. check_values: read every weight once and refuse one that is
    not a finite number. Raises CheckpointError naming what is missing, unknown, misshapen, damaged.
    """
    config, stored = open_whole(directory)
    model = Arctic(config, dtype or stored["model.embed_tokens.weight"].spec.dtype)
    wanted = {spec.name for spec in tensor_specs(config)}
    for done, (name, weight) in enumerate(_weights(stored, wanted, check_values), 1):
        _place(model, name, weight.to(device))
        if on_progress:
            on_progress(done, len(wanted))
    return model.eval()


def open_whole(directory: Path) -> tuple[ArcticConfig, dict[str, StoredTensor]]:
    """The config, with the KV heads that are stored, and every tensor, once both are sure to belong together.

    Reads config.json, the index and the files' headers; of the weights nothing. Raises CheckpointError.
    """
    config = read_config(directory)
    stored = {tensor.spec.name: tensor for path in weight_files(directory) for tensor in read_header(path)}
    if FIRST_KEY in stored:
        config = with_stored_heads(config, stored[FIRST_KEY].spec.shape)
    require_matching(directory, config, stored)
    return config, stored


def require_matching(directory: Path, config: ArcticConfig, stored: Mapping[str, StoredTensor]) -> None:
    """Nothing, if the stored tensors are just those of the config. Else one CheckpointError that names them."""
    specs = {spec.name: spec for spec in tensor_specs(config)}
    found = {
        "missing": [name for name in specs if name not in stored],
        "unknown": [name for name in stored if not _is_known(name, specs)],
        "misshapen": [_misshapen(stored[name], spec) for name, spec in specs.items() if name in stored],
        "of a wrong dtype": [_wrong_dtype(stored, name, spec) for name, spec in specs.items() if name in stored],
    }
    problems = [
        f"{len(names)} {what}: {_few(names)}" for what, given in found.items() if (names := list(filter(None, given)))
    ]
    if problems:
        raise CheckpointError(
            f"{directory} is not the checkpoint its config.json describes. Tensors " + "; ".join(problems) + ".",
            "Fetch the checkpoint again, or compare its config.json with the one it was published with.",
        )


def _is_known(name: str, specs: Mapping[str, TensorSpec]) -> bool:
    """Is it a weight, the scale of one, or a table that older versions of a library stored beside the weights?"""
    weight = name.removesuffix(SCALE)
    is_scale = weight != name and weight in specs and specs[weight].kind in QUANTIZED
    return name in specs or is_scale or name.endswith("rotary_emb.inv_freq") or name == "lm_head.weight"


def _misshapen(tensor: StoredTensor, spec: TensorSpec) -> str:
    """How the tensor differs from what it should be; empty if it doesn't."""
    if tensor.spec.shape == spec.shape:
        return ""
    return f"{spec.name} is {list(tensor.spec.shape)}, not {list(spec.shape)}"


def _wrong_dtype(stored: Mapping[str, StoredTensor], name: str, spec: TensorSpec) -> str:
    """Why the tensor's dtype cannot be computed with; empty if it can."""
    dtype = stored[name].spec.dtype
    if dtype in PLAIN_DTYPES:
        return ""
    if dtype != fp8.DTYPE or spec.kind not in QUANTIZED:
        return f"{name} is {str(dtype).removeprefix('torch.')}"
    scale = stored.get(name + SCALE)
    if scale is None:
        return f"{name} is FP8 without {name + SCALE}"
    rows = scale.spec.row_count
    is_fit = (
        scale.spec.dtype in PLAIN_DTYPES
        and rows in (1, spec.shape[0])
        and scale.spec.nbytes == rows * scale.spec.dtype.itemsize
    )
    return "" if is_fit else f"{name + SCALE} is {scale.spec.dtype} {list(scale.spec.shape)}"


def _few(names: list[str]) -> str:
    more = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True)
class Weight:
    """A weight as stored, and the scales [out, 1] fp32 if it is codes."""

    values: Tensor
    scale: Tensor | None

    def to(self, device: torch.device | str) -> "Weight":
        return Weight(self.values.to(device), None if self.scale is None else self.scale.to(device))


def _weights(stored: Mapping[str, StoredTensor], wanted: set[str], check_values: bool) -> Iterator[tuple[str, Weight]]:
    """Each wanted weight, file by file, so that no more than one is opened anew at a time."""
    for path in sorted({tensor.path for tensor in stored.values()}):
        with safe_open(path, framework="pt") as file:
            for name in sorted(name for name in wanted if stored[name].path == path):
                weight = Weight(file.get_tensor(name), _scale(stored, name))
                if check_values:
                    _require_numbers(path, name, weight)
                yield name, weight


def _scale(stored: Mapping[str, StoredTensor], name: str) -> Tensor | None:
    """The scales [out, 1] of FP8 codes, which may be in another file; None for a plain weight."""
    if stored[name].spec.dtype != fp8.DTYPE:
        return None
    scale = stored[name + SCALE]
    rows = scale.rows(0, scale.spec.row_count).float().reshape(-1, 1)  # [out, 1] or [1, 1]
    return rows.expand(stored[name].spec.shape[0], 1).contiguous()  # [out, 1]


def _require_numbers(path: Path, name: str, weight: Weight) -> None:
    is_good = fp8.is_finite(weight.values) if weight.values.dtype == fp8.DTYPE else is_finite(weight.values)
    if not is_good or (weight.scale is not None and not is_finite(weight.scale)):
        raise CheckpointError(
            f"{path}: {name} holds values that are not finite numbers (NaN or infinity).", "Fetch it again."
        )


def is_finite(values: Tensor) -> bool:
    """Whether all values are finite numbers. One pass without a copy: smallest and largest are NaN if any value is."""
    low, high = torch.aminmax(values)
    return bool(low.isfinite() & high.isfinite())


def _place(model: Arctic, name: str, weight: Weight) -> None:
    """Make the weight the model's parameter of that name."""
    path, _, leaf = name.rpartition(".")
    module = model.get_submodule(path)
    setattr(module, leaf, nn.Parameter(weight.values, requires_grad=False))
    if weight.scale is not None:
        module.weight_scale = weight.scale
