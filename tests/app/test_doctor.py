import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app import cli, doctor
from app.doctor import Finding, examine
from model_service.weights import store as weights


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, and no second process."""
    monkeypatch.setenv("ARCTIC_COPILOT_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(doctor, "_engine_starts", lambda: Finding("llama.cpp", True, "loads"))


def finding(name: str) -> Finding:
    return next(one for one in examine() if one.name == name)


def test_a_machine_with_everything_exits_0(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(weights, "find", lambda *_: tmp_path / "model.gguf")
    result = CliRunner().invoke(cli.app, ["doctor"])
    assert result.exit_code == 0, result.output
    assert "✗" not in result.stdout


def test_missing_weights_exit_1_and_say_how_to_get_them() -> None:
    result = CliRunner().invoke(cli.app, ["doctor"])
    assert result.exit_code == 1
    assert "arctic-copilot models download local" in result.stdout


def test_a_missing_package_is_named_and_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_required_packages", lambda: ["duckdb", "no-such-package"])
    findings = list(examine())
    assert (findings[-1].name, findings[-1].ok) == ("no-such-package", False)
    assert "pip install" in findings[-1].advice


def test_the_packages_are_those_the_core_depends_on() -> None:
    names = doctor._required_packages()
    assert {"duckdb", "snowflake-snowpark-python", "xllamacpp"} <= set(names)
    assert "pytest" not in names


def test_an_old_python_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MIN_PYTHON", (sys.version_info[0], sys.version_info[1] + 1))
    assert finding("Python").ok is False


@pytest.mark.parametrize(
    ("variable", "value", "name"),
    [
        ("MAX_ROWS", "many", "settings"),
        ("CACHE_DIR", "/dev/null/cache", "cache"),
        ("MODEL", "http://127.0.0.1:9/v1#m", "model"),
        ("MODEL", "gpt-nowhere", "model"),
        ("WAREHOUSE", "nowhere.duckdb", "warehouse"),
    ],
)
def test_each_trouble_has_its_advice(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, name: str) -> None:
    monkeypatch.setenv(f"ARCTIC_COPILOT_{variable}", value)
    found = finding(name)
    assert found.ok is False
    assert found.advice


def test_an_engine_that_crashes_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    def crash(command: list[str], **_: Any) -> Any:
        return doctor.subprocess.CompletedProcess(command, -4, "", "")

    monkeypatch.setattr(doctor.subprocess, "run", crash)
    found = doctor._engine_starts()
    assert (found.ok, found.detail) == (False, "ended with code -4")
