import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_venv.sh"


def make_venv(venv: Path, path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run with only the programs of `path` to be found."""
    env = {"PATH": f"{path}:/bin", **environment}
    command = ["/bin/sh", str(SCRIPT), str(venv)]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=30)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder of stand-ins that hides the real interpreters."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("python3.11", "python3.12", "python3.13", "python3.14", "python3"):
        stand_in(folder, name, "exit 127")
    return folder


def stand_in(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    os.chmod(folder / name, 0o755)


def test_an_old_python_is_named_with_what_to_do(programs: Path, tmp_path: Path) -> None:
    stand_in(programs, "python3", '[ "$1" = --version ] && echo "Python 3.9.2" && exit 0; exit 1')
    done = make_venv(tmp_path / "venv", programs)
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed; here is: Python 3.9.2" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_a_python_that_was_asked_for_must_be_new_enough(programs: Path, tmp_path: Path) -> None:
    done = make_venv(tmp_path / "venv", programs, PYTHON=str(programs / "python3"))
    assert done.returncode == 1
    assert "is not a Python 3.11 or newer" in done.stderr


def test_a_missing_venv_module_is_named(programs: Path, tmp_path: Path) -> None:
    stand_in(programs, "python3.11", 'case "$2" in *ensurepip*) exit 1;; esac; exit 0')
    done = make_venv(tmp_path / "venv", programs)
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr
