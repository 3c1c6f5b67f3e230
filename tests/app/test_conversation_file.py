"""`ask --conversation FILE`: each kind of message through the command line, the file between runs, and files that are none."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from app import cli

BY_YEAR = "SELECT year(sold) AS year, SUM(price) AS total FROM sales WHERE sold IS NOT NULL GROUP BY 1"


def run(*words: str) -> Result:
    return CliRunner().invoke(cli.app, list(words))


def asked(text: str, file: Path, *more: str) -> dict[str, Any]:
    result = run("ask", text, "--conversation", str(file), "--json", *more)
    found: dict[str, Any] = json.loads(result.stdout)
    return found | {"code": result.exit_code}


def test_each_intent_through_the_command_line(shop: str, drafts: list[str], tmp_path: Path) -> None:
    file = tmp_path / "talk.json"
    drafts.append(BY_YEAR)
    told = [
        asked(text, file)
        for text in (
            "hello", "total of sales per year", "as a bar chart", "Where does this number come from?", "Delete all sales", "show me the numbers",
        )
    ]  # fmt: skip
    assert [(t["intent"], t["status"], t["code"]) for t in told] == [
        ("help", "answered", 0), ("question", "answered", 0), ("about_answer", "answered", 0), ("explain", "answered", 0),
        ("question", "refused", 3), ("vague", "clarify", 3),
    ]  # fmt: skip
    assert told[2]["chart"] == {"type": "bar", "x": "year", "y": "total", "series": ""}
    assert "sales" in told[3]["message"]
    drafts[:] = ["What is the total of 2024?", "SELECT SUM(price) AS total FROM sales WHERE year(sold) = 2024"]
    answer = asked("only 2024", file)
    assert (answer["intent"], answer["resolved_question"], answer["rows"]) == (
        "follow_up",
        "What is the total of 2024?",
        [["9.50"]],
    )
    assert len(json.loads(file.read_text("utf-8"))["answers"]) == 7
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_alone_leaves_the_conversation_out(shop: str, drafts: list[str], tmp_path: Path) -> None:
    file = tmp_path / "talk.json"
    drafts.append(BY_YEAR)
    asked("total of sales per year", file)
    assert asked("only the sales of 2024", file, "--alone")["intent"] == "question"


def test_the_terminal_shows_what_a_follow_up_was_taken_for(shop: str, drafts: list[str], tmp_path: Path) -> None:
    drafts.append(BY_YEAR)
    asked("total of sales per year", tmp_path / "t.json")
    drafts[:] = ["What is the total of 2024?", "SELECT SUM(price) AS total FROM sales WHERE year(sold) = 2024"]
    shown = run("ask", "only 2024", "--conversation", str(tmp_path / "t.json")).stdout
    assert "You asked: What is the total of 2024?" in shown
    assert "No longer asked:" in shown


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[1]", b'{"version": 2, "answers": [{"question": 1}]}'])
def test_a_file_that_is_no_conversation_is_told_and_kept(
    content: bytes, shop: str, drafts: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "talk.json"
    file.write_bytes(content)
    result = run("ask", "total of sales", "--conversation", str(file))
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert file.read_bytes() == content
