"""What is installed, found and missing on this machine, and what to do about it.

Needs nothing but the standard library until a part is known to be there.
"""

import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

if TYPE_CHECKING:
    from sql_tools.settings import Settings

MIN_PYTHON = (3, 11)
MIN_MEMORY_GB = 3.0  # the model's 1.1 GB, its context, the engine and Python
CONNECT_SECONDS = 3.0
IMPORT_SECONDS = 60


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `ok` is None where it is missing but not needed; `advice` is what to do."""

    name: str
    ok: bool | None
    detail: str
    advice: str = ""


def examine() -> Iterator[Finding]:
    """Every finding, as it is made; the local run works if none is False."""
    yield _python()
    packages = [_package(name) for name in _required_packages()]
    yield from packages
    if not all(finding.ok for finding in packages):
        return  # what follows needs them
    yield _engine_starts()
    settings = _settings()
    if isinstance(settings, Finding):
        yield settings
        return
    yield _cache(settings)
    yield _model(settings)
    yield _warehouse(settings)
    yield _memory()
    yield _browser()


def _python() -> Finding:
    good = sys.version_info[:2] >= MIN_PYTHON
    wanted = ".".join(map(str, MIN_PYTHON))
    return Finding("Python", good, platform.python_version(), "" if good else f"Install Python {wanted} or newer.")


def _required_packages() -> list[str]:
    """Names of what the core depends on, from its own metadata."""
    try:
        lines = requires("arctic-copilot") or []
    except PackageNotFoundError:
        return ["arctic-copilot"]
    names = (line.split(";")[0] for line in lines if "extra ==" not in line)
    return [name.split("[")[0].split("=")[0].split("<")[0].split(">")[0].split("~")[0].strip() for name in names]


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, version(name))
    except PackageNotFoundError:
        return Finding(name, False, "not installed", f"Run `{sys.executable} -m pip install arctic-copilot`.")


def _engine_starts() -> Finding:
    """Whether llama.cpp loads on this processor; in its own process, since it might end it."""
    command = [sys.executable, "-P", "-c", "import xllamacpp"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=IMPORT_SECONDS, check=False)
        why = (done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"])[-1]
    except subprocess.TimeoutExpired:
        done, why = None, f"did not load within {IMPORT_SECONDS} s"
    if done is not None and done.returncode == 0:
        return Finding("llama.cpp", True, f"loads on {platform.machine()}, {os.cpu_count()} cores")
    return Finding("llama.cpp", False, why, "Use a model server instead: `--model http://host:port/v1#model`.")


def _settings() -> "Settings | Finding":
    from sql_tools.errors import SettingsError
    from sql_tools.settings import read_settings

    try:
        return read_settings()
    except SettingsError as error:
        return Finding("settings", False, error.message, error.hint)


def _cache(settings: "Settings") -> Finding:
    folder = settings.cache
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".doctor-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        advice = "Set ARCTIC_COPILOT_CACHE_DIR to a folder you can write to."
        return Finding("cache", False, f"{folder}: {error.strerror}", advice)
    return Finding("cache", True, f"{folder}, {shutil.disk_usage(folder).free / 1e9:.1f} GB free")


def _model(settings: "Settings") -> Finding:
    from app.open_model import is_url
    from model_service.errors import ModelServiceError
    from model_service.weights import store as weights
    from sql_tools.settings import IN_ACCOUNT

    if settings.model.startswith(IN_ACCOUNT):
        return Finding("model", None, f"{settings.model}, in the Snowflake account, not asked by this command")
    if is_url(settings.model):
        return _server(settings.model)
    try:
        found = weights.find(settings.model, settings.cache)
    except ModelServiceError as error:
        return Finding("model", False, error.message, error.hint)
    if found:
        return Finding("model", True, f"{settings.model}: {found}")
    if settings.model in weights.MODELS:
        advice = f"Run `arctic-copilot models download {settings.model}`."
        return Finding("model", False, f"the weights of {settings.model} are not here yet", advice)
    return Finding("model", False, f"there is no {settings.model}", "Set ARCTIC_COPILOT_MODEL to local, or to a file.")


def _server(url: str) -> Finding:
    parts = urlparse(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with socket.create_connection((parts.hostname or "", port), timeout=CONNECT_SECONDS):
            return Finding("model", True, f"{parts.hostname}:{port} answers")
    except (OSError, ValueError) as error:
        return Finding("model", False, f"{url}: {error}", "Start the server, or set ARCTIC_COPILOT_MODEL to local.")


def _warehouse(settings: "Settings") -> Finding:
    """Whether the warehouse is there; a demo that is not built yet is no trouble, it takes seconds and no network."""
    if settings.warehouse == "demo":
        beside = shutil.which("tpchgen-cli", path=str(Path(sys.executable).parent))
        if beside or shutil.which("tpchgen-cli"):
            return Finding("warehouse", True, "demo, built on first use")
        return Finding("warehouse", False, "the demo's generator is missing", "Run `pip install tpchgen-cli`.")
    if settings.warehouse.partition(":")[0].lower() == "snowflake":
        return Finding("warehouse", None, f"{settings.warehouse}, not signed in to by this command", "Run `schema`.")
    there = Path(settings.warehouse).expanduser().exists()
    advice = "" if there else "Set ARCTIC_COPILOT_WAREHOUSE to a file or a folder, or to demo."
    return Finding("warehouse", there, settings.warehouse if there else f"there is no {settings.warehouse}", advice)


def _memory() -> Finding:
    try:
        available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
        with open("/proc/meminfo", encoding="ascii") as lines:
            available = next(int(line.split()[1]) * 1024 / 1e9 for line in lines if line.startswith("MemAvailable"))
    except (OSError, ValueError, StopIteration, AttributeError):
        return Finding("memory", None, "cannot be told here", f"The local model needs about {MIN_MEMORY_GB:g} GB.")
    enough = available >= MIN_MEMORY_GB
    advice = (
        "" if enough else f"The local model needs about {MIN_MEMORY_GB:g} GB: free some, or use `--model local-small`."
    )
    return Finding("memory", True if enough else None, f"{available:.1f} GB available", advice)


def _browser() -> Finding:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    advice = "Only the browser test needs it: install chromium and chromium-driver."
    return Finding("browser", True if found else None, found or "no chromium", "" if found else advice)
