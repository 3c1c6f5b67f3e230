"""Threads follow physical cores, affinity and a container's quota; memory is read in bytes."""

import os
from pathlib import Path

import pytest

from model_service import machine


def fake(root: Path, siblings: list[str], quota: str = "max 100000") -> Path:
    for cpu, text in enumerate(siblings):
        file = root / machine.SIBLINGS.format(cpu).lstrip("/")
        file.parent.mkdir(parents=True)
        file.write_text(text + "\n")
    (root / "sys/fs/cgroup").mkdir(parents=True)
    (root / "sys/fs/cgroup/cpu.max").write_text(quota)
    return root


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", 2), ("100000 100000", 1), ("50000 100000", 1), ("800000 100000", 2)]
)
def test_hyper_threads_count_once_and_the_quota_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    assert machine.usable_cores(fake(tmp_path, ["0,2", "1,3", "0,2", "1,3"], quota)) == expected


def test_an_unknown_machine_has_at_least_one_core(tmp_path: Path) -> None:
    assert machine.usable_cores(tmp_path) >= 1


def test_memory_is_told_in_bytes_or_not_at_all(tmp_path: Path) -> None:
    assert machine.available_bytes(tmp_path) is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 99 kB\nMemAvailable:   2048 kB\n")
    assert machine.available_bytes(tmp_path) == 2 * 1024**2
