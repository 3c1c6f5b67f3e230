"""What this machine has to give: cores a computation gains from, memory that is free."""

import math
import os
from pathlib import Path

SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
QUOTA = "/sys/fs/cgroup/cpu.max"
MEMORY = "/proc/meminfo"


def usable_cores(root: Path = Path("/")) -> int:
    """At least 1. Hyper-threads count once; CPU affinity and a container's CPU quota are respected."""
    cpus = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = len({_read(root / SIBLINGS.format(cpu).lstrip("/")) or str(cpu) for cpu in cpus})
    return max(1, min(cores, _quota(_read(root / QUOTA.lstrip("/")))))


def available_bytes(root: Path = Path("/")) -> int | None:
    """Memory that could be used without swapping; None where the system does not say (it is not Linux)."""
    for line in _read(root / MEMORY.lstrip("/")).splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return None


def _quota(text: str) -> int:
    """`cpu.max` is "max 100000" or "200000 100000": microseconds of CPU in each period."""
    allowed, _, period = text.partition(" ")
    return math.ceil(int(allowed) / int(period)) if allowed.isdigit() and period.isdigit() else 1_000_000


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
