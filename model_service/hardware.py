"""The GPUs of this machine, as the driver's own tool names them; nothing of CUDA is loaded for it."""

import subprocess

from model_service.gpus import Gpu

QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,compute_cap", "--format=csv,noheader,nounits")
FP8_CAPABILITY = 8.9  # Ada; Hopper is 9.0
ANSWER_SECONDS = 20.0


def seen_gpus() -> list[Gpu]:
    """One each, in the driver's order; none where there is no driver. Their bandwidth is not asked for and 0."""
    try:
        done = subprocess.run(QUERY, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [read_line(line) for line in done.stdout.splitlines() if line.count(",") == 2] if not done.returncode else []


def read_line(line: str) -> Gpu:
    """
    >>> read_line("NVIDIA H100 80GB HBM3, 81559, 9.0")
    Gpu(name='NVIDIA H100 80GB HBM3', memory_bytes=85520809984, bytes_per_second=0.0, has_fp8=True)
    """
    name, mebibytes, capability = (part.strip() for part in line.split(","))
    return Gpu(name, int(mebibytes) * 2**20, 0.0, float(capability) >= FP8_CAPABILITY)
