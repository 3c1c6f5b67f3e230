"""The administrator's way, walked on the fake as the script prints it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not (ROOT / ".venv-fake/bin/python").exists(), reason=".venv-fake is missing: make venv-fake")
def test_it_deploys_asks_twice_and_takes_all_away() -> None:
    command = [sys.executable, str(ROOT / "scripts/admin_path.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "        answered: CUSTOMERS: 3. [[3]]" in lines
    assert "      CUSTOMERS: 3" in lines
    recorded = [line.split()[1] for line in lines if line.startswith("audit> ")]
    assert recorded == ["ASK", "CHAT"]
    assert lines[-1].startswith("teardown")
