"""FP8 rows times a few tokens in C (fp8_rows.c), built once where there is a C compiler.

Torch has no product with FP8 weights on a CPU that reads them once: widened by its operators, each value is written to
memory and read again before it is multiplied, which takes longer than bf16 from end to end. Forty lines of C keep it in
registers. They are optional: without a compiler or a processor with F16C, `product` is None and torch does it, slower.

The library is kept in the cache folder under a name made of source, compiler and processor. OpenMP's symbols are left
unresolved, so that they are those of the pool torch has loaded: a second pool's waiting threads would fight for the cores.
"""

import contextlib
import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

SOURCE = Path(__file__).with_name("fp8_rows.c")
OPENMP, PLAIN = ("-fopenmp",), ()
FLAGS = ("-O3", "-march=native", "-fPIC", "-c")
BUILD_SECONDS = 60.0

Product = Callable[[Tensor, Tensor, Tensor], Tensor]


@functools.cache
def product() -> Product | None:
    """x [T, in] fp32, codes [out, in] e4m3fn, scale [out, 1] fp32 -> [T, out] fp32; None where it can't be built."""
    library = _library()
    if library is None:
        return None
    run = library.arctic_fp8_rows
    run.argtypes = [*[ctypes.c_void_p] * 4, *[ctypes.c_long] * 3, ctypes.c_int]
    run.restype = None

    def multiply(x: Tensor, codes: Tensor, scale: Tensor) -> Tensor:
        held = codes.contiguous(), scale.contiguous(), x.contiguous(), torch.empty(x.shape[0], codes.shape[0])
        run(*(tensor.data_ptr() for tensor in held), x.shape[0], *codes.shape, torch.get_num_threads())
        return held[-1]  # [T, out]

    return multiply


def _library() -> ctypes.CDLL | None:
    """With torch's threads, else on one, else None."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    for openmp in (OPENMP, PLAIN):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            return ctypes.CDLL(str(_built(compiler, openmp)))
    return None


def _built(compiler: str, openmp: tuple[str, ...]) -> Path:
    """The library's file, made now if it is not there. Raises OSError or SubprocessError."""
    about = [SOURCE.read_text(), compiler, _run(compiler, "--version"), *openmp, _processor()]
    name = hashlib.sha256("\n".join(about).encode()).hexdigest()[:16]
    folder = Path(os.environ.get("ARCTIC_COPILOT_CACHE_DIR", "~/.cache/arctic-copilot")).expanduser() / "kernels"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    library = folder / f"fp8_rows-{name}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=folder) as working:
            code, made = Path(working, "fp8_rows.o"), Path(working, "fp8_rows.so")
            _run(compiler, *FLAGS, *openmp, "-o", str(code), str(SOURCE))
            _run(compiler, "-shared", "-o", str(made), str(code))
            os.replace(made, library)
    return library


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=BUILD_SECONDS)
    return done.stdout


def _processor() -> str:
    """What it can do: code made for it must not run on another that shares the folder."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("flags"):
                return line
    return f"{platform.machine()} {platform.processor()} {platform.node()}"
