"""docs/semantic.md is true: its file, and each command after it with the output shown."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.language_models import FakeListChatModel
from typer.testing import CliRunner

from app import cli, open_model

PAGE = Path(__file__).parents[3] / "docs" / "semantic.md"
COMMAND = re.compile(r"^    \$ arctic-copilot (.+)\n((?:    .*\n)*)", re.MULTILINE)


def words_of(command: str) -> list[str]:
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', command)]


def flat(text: str) -> str:
    return " ".join(text.split())


def commands() -> Iterator[tuple[str, str]]:
    yield from COMMAND.findall(PAGE.read_text("utf-8").split("```yaml")[1])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    example = PAGE.read_text("utf-8").split("```yaml\n")[1].split("```")[0]
    (tmp_path / "tpch.yaml").write_text(example)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(open_model, "open_model", lambda *_, **__: FakeListChatModel(responses=["SELECT 1"]))
    return tmp_path


@pytest.mark.parametrize(("command", "expected"), list(commands()))
def test_each_command_prints_what_the_page_shows(folder: Path, command: str, expected: str) -> None:
    result = CliRunner().invoke(cli.app, words_of(command), env={"COLUMNS": "100"})
    assert result.exit_code == 0, result.output
    assert flat(expected) in flat(result.stdout)


def test_the_page_shows_commands() -> None:
    assert len(list(commands())) == 4
