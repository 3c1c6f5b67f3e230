"""Write a checkpoint directory from streams: bounded memory, resumable, and there only when it is whole.

Work happens in OUT.partial. A file gets its name when its last byte is on disk, so a killed run keeps its finished files
and the next one goes on; what it would write is the same to the byte. The index and config.json come last, then the
directory gets its own name in one rename. A file .plan in OUT.partial says what the work is, so that one begun from another
checkpoint or with other options is refused, and is locked so that two runs cannot meet.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from model_service.arctic.tensors import INDEX
from model_service.checkpoints.progress import Progress
from model_service.checkpoints.safetensors_file import SafetensorsWriter, Spec, file_bytes, header_bytes
from model_service.checkpoints.tensor_stream import CheckpointStream
from model_service.errors import CheckpointError, NoSpaceError

PLAN = ".plan"
SPARE_BYTES = 64 * 1024**2  # for what comes beside the weights
BESIDE_WEIGHTS = (
    "*.json",
    "*.jinja",
    "*.txt",
    "*.md",
    "*.model",
    "LICENSE*",
)  # no code: it would belong to the old format
NOT_COPIED = ("config.json", "quant_config.json", "quantize_config.json")


@dataclass(frozen=True)
class Job:
    """Tensors that come about together: what they are, and for each block the same rows of each of them."""

    specs: tuple[Spec, ...]
    blocks: Callable[[], Iterator[tuple[Tensor, ...]]]


@dataclass(frozen=True)
class Plan:
    """A directory to be written: its files, and how its config.json differs from the source's (None removes a key)."""

    label: str
    files: Mapping[str, Sequence[Job]]
    config: Mapping[str, Any]

    @property
    def nbytes(self) -> int:
        """All weight files, in bytes."""
        return sum(file_bytes(specs_of(jobs)) for jobs in self.files.values())


def specs_of(jobs: Sequence[Job]) -> list[Spec]:
    """Every tensor of the jobs."""
    return [spec for job in jobs for spec in job.specs]


def write(plan: Plan, source: CheckpointStream, out: Path) -> Path:
    """The directory out, complete. Raises CheckpointError or NoSpaceError; then OUT.partial keeps what was done."""
    if out.exists():
        raise CheckpointError(f"{out} exists already.", "Give a new directory, or remove this one.")
    partial = out.with_name(out.name + ".partial")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        with _claimed(partial, _fingerprint(plan, source)):
            _check_space(plan, partial)
            _write_files(plan, partial)
            _write_rest(plan, source.directory, partial)
        os.rename(partial, out)
    except OSError as error:
        raise NoSpaceError(
            f"Cannot write {out}: {error.strerror or error}.",
            "Free some space and run it again: it goes on where it was.",
        ) from error
    return out


def _fingerprint(plan: Plan, source: CheckpointStream) -> str:
    """The same for the same work: kind of work, source files with sizes, and every tensor to be written."""
    about = hashlib.sha256(plan.label.encode())
    for path in source.source_paths:
        about.update(f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}\n".encode())
    for name, jobs in plan.files.items():
        about.update(name.encode() + header_bytes(specs_of(jobs)))
    return about.hexdigest()


@contextlib.contextmanager
def _claimed(partial: Path, fingerprint: str) -> Iterator[None]:
    """This run's own directory for as long as it lasts."""
    with (partial / PLAN).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CheckpointError(f"Another run is writing {partial}.", "Wait for it.") from error
        file.seek(0)
        found = file.read()
        if found and found != fingerprint:
            raise CheckpointError(
                f"{partial} was begun from another checkpoint or with other options.",
                "Remove it, or give another --out.",
            )
        if not found:
            file.write(fingerprint)
            file.flush()
        yield


def _check_space(plan: Plan, partial: Path) -> None:
    there = sum((partial / name).stat().st_size for name in plan.files if (partial / name).exists())
    need, free = plan.nbytes - there + SPARE_BYTES, shutil.disk_usage(partial).free
    if need > free:
        raise NoSpaceError(
            f"{partial.parent} has {free / 1e9:,.1f} GB free; {need / 1e9:,.1f} GB are needed.",
            "Give --out another disk.",
        )


def _write_files(plan: Plan, partial: Path) -> None:
    progress = Progress(plan.label, plan.nbytes)
    for name, jobs in plan.files.items():
        size = file_bytes(specs_of(jobs))
        if (partial / name).exists() and (partial / name).stat().st_size == size:
            progress.skip(size)
            continue
        with SafetensorsWriter(partial / name, specs_of(jobs)) as writer:
            for job in jobs:
                _write_job(job, writer, progress)
        progress.advance(size - sum(spec.nbytes for spec in specs_of(jobs)))
    progress.finish()


def _write_job(job: Job, writer: SafetensorsWriter, progress: Progress) -> None:
    first = 0
    for blocks in job.blocks():
        for spec, rows in zip(job.specs, blocks, strict=True):
            writer.put(spec, first, rows)
            progress.advance(rows.numel() * rows.element_size())
        first += blocks[0].shape[0] if blocks[0].dim() else 1
    assert first == job.specs[0].row_count, f"{job.specs[0].name}: {first} rows came, not {job.specs[0].row_count}"


def _write_rest(plan: Plan, source: Path, partial: Path) -> None:
    """Index, tokenizer and the like, and last of all config.json."""
    weight_map = {spec.name: name for name, jobs in plan.files.items() for spec in specs_of(jobs)}
    total = sum(spec.nbytes for jobs in plan.files.values() for spec in specs_of(jobs))
    _write_json(partial / INDEX, {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))})
    for path in {path for pattern in BESIDE_WEIGHTS for path in source.glob(pattern)}:
        if path.is_file() and path.name not in NOT_COPIED and not path.name.endswith(".index.json"):
            shutil.copyfile(path, partial / path.name)
    keys = json.loads((source / "config.json").read_text(encoding="utf-8")) | plan.config
    keys.pop("auto_map", None)  # names code that was not copied
    _write_json(
        partial / "config.json",
        {key: value for key, value in keys.items() if value is not None or key not in plan.config},
    )
    (partial / PLAN).unlink()


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
