"""ids -> a .npy file of the logits that follow each: what checks of the model compare."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model_service.arctic.config import read_config
from model_service.arctic.generate import require_ids
from model_service.checkpoints.load import load_model
from model_service.commands.device import find_device, find_dtype
from model_service.errors import RequestError


def write_logits(checkpoint: Path, ids: Sequence[int], out: Path, dtype: str | None, device: str) -> None:
    """Write fp32 [T, V]. Raises RequestError if the ids are not the model's or the file cannot be written."""
    require_ids(read_config(checkpoint), ids)
    model = load_model(checkpoint, dtype=find_dtype(dtype), device=find_device(device))
    _save(out, model.logits(ids).cpu().numpy())


def _save(out: Path, values: np.ndarray) -> None:
    """All of the file or none of it, under just the name that was given."""
    working = out.with_name(out.name + ".tmp")
    try:
        with working.open("wb") as file:
            np.save(file, values)
        os.replace(working, out)
    except OSError as error:
        working.unlink(missing_ok=True)
        raise RequestError(
            f"Cannot write {out}: {error.strerror}.", "Give a file in a directory that is there."
        ) from error
