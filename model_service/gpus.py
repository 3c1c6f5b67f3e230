"""GPUs by name: how much memory one has and how fast it can read it. Makers' figures, in units of ten."""

from dataclasses import dataclass

from model_service.errors import RequestError


@dataclass(frozen=True)
class Gpu:
    """One GPU. `has_fp8`: its tensor cores multiply FP8; without them FP8 weights still save memory."""

    name: str
    memory_bytes: int
    bytes_per_second: float
    has_fp8: bool


def _gpu(name: str, memory_gb: int, terabytes_per_second: float, *, fp8: bool) -> Gpu:
    return Gpu(name, memory_gb * 10**9, terabytes_per_second * 1e12, fp8)


GPUS = {
    gpu.name: gpu
    for gpu in (
        _gpu("A100-40", 40, 1.555, fp8=False),
        _gpu("A100-80", 80, 2.039, fp8=False),
        _gpu("L4", 24, 0.300, fp8=True),
        _gpu("L40S", 48, 0.864, fp8=True),
        _gpu("RTX-PRO-6000", 96, 1.792, fp8=True),
        _gpu("H100", 80, 3.35, fp8=True),
        _gpu("H100-NVL", 94, 3.9, fp8=True),
        _gpu("GH200", 96, 4.0, fp8=True),
        _gpu("H200", 141, 4.8, fp8=True),
        _gpu("B200", 180, 8.0, fp8=True),
        _gpu("B300", 288, 8.0, fp8=True),
        _gpu("MI300X", 192, 5.3, fp8=True),
        _gpu("MI325X", 256, 6.0, fp8=True),
    )
}
ALIASES = {"A100": "A100-80"}


def find_gpu(name: str) -> Gpu:
    """The GPU of that name in any case. Raises RequestError with the names there are."""
    wanted = name.upper().removeprefix("NVIDIA").strip(" -_").replace(" ", "-")
    gpu = GPUS.get(ALIASES.get(wanted, wanted))
    if gpu is None:
        raise RequestError(f"No GPU is known as {name!r}.", f"One of: {', '.join(GPUS)}.")
    return gpu
