"""What each command of the command line answers, in words and as JSON."""

import json
import os
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner, Result

from app import cli
from sql_tools import copilot
from sql_tools.models import Answer

CONTRACT = set(
    "version status question sql dialect columns rows row_count truncated checks changes message attempts model timings proof intent resolved_question dropped chart suggestions rewritten".split()
)
COMMANDS = "ask check replay schema grammar eval serve chat doctor demo".split()


def run(*words: str) -> Result:
    return CliRunner().invoke(cli.app, list(words))


def test_answered_is_the_contract_and_exit_0(shop: str, drafts: list[str]) -> None:
    drafts.append("SELECT id, price, sold FROM sales ORDER BY id")
    result = run("ask", "What was sold?", "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["status"], answer["version"]) == (0, "answered", 2)
    assert answer.keys() == CONTRACT
    assert answer["columns"][1] == {"name": "price", "type": "DECIMAL(9,2)"}
    assert answer["rows"] == [[1, "9.50", "2024-02-29"], [2, "0.50", None]]


@pytest.mark.parametrize(
    ("status", "code"), [("answered", 0), ("clarify", 3), ("abstained", 3), ("refused", 3), ("failed", 1)]
)
def test_each_status_has_its_exit_code(
    shop: str, drafts: list[str], monkeypatch: pytest.MonkeyPatch, status: Any, code: int
) -> None:
    answer = Answer(status=status, question="q", message="Because.")
    monkeypatch.setattr(copilot, "ask", lambda *_, **__: answer)
    as_json, as_text = run("ask", "q", "--json"), run("ask", "q")
    assert (as_json.exit_code, as_text.exit_code) == (code, code)
    assert json.loads(as_json.stdout)["status"] == status
    assert "Because." in as_text.stdout


def test_an_answer_shows_question_sql_rows_checks_and_message(shop: str, drafts: list[str]) -> None:
    drafts.append("SELECT count(*) AS n FROM sales")
    shown = run("ask", "How many [red]sales[/red]?", "--details").stdout
    for part in (
        "How many [red]sales[/red]?",
        "SELECT",
        "n: 2.",
        "Counts rows (called n) of sales.",
        "✓ engine explain",
    ):
        assert part in shown


def test_json_is_all_of_stdout(shop: str, drafts: list[str]) -> None:
    drafts.append("SELECT 1 FROM sales")
    assert run("ask", "q?", "--json").stdout.count("\n") == 1


def test_allowed_sql_exits_0_and_refused_sql_3(shop: str) -> None:
    allowed, refused = run("check", "SELECT id FROM sales", "--json"), run("check", "DROP TABLE sales", "--json")
    assert (allowed.exit_code, refused.exit_code) == (0, 3)
    assert json.loads(allowed.stdout)["allowed"] is True
    assert json.loads(refused.stdout)["problems"][0].keys() == {"rule", "message"}
    assert "nope" in run("check", "SELECT nope FROM sales").stdout


def test_checking_a_file_gives_every_line_its_verdict(shop: str, tmp_path: Path) -> None:
    lines = ['{"id": "a", "sql": "SELECT 1 FROM sales"}', '{"id": 2, "sql": "DELETE FROM sales"}', "junk", '{"id": 4}']
    (tmp_path / "statements.jsonl").write_text("\n".join(lines))
    result = run("check", "--file", str(tmp_path / "statements.jsonl"), "--json")
    verdicts = [json.loads(line) for line in result.stdout.splitlines()]
    assert [v["id"] for v in verdicts] == ["a", 2, 3, 4]
    assert [v.get("allowed") for v in verdicts] == [True, False, None, None]
    assert "error" in verdicts[2]
    assert result.exit_code == 3


def test_checking_never_executes(shop: str) -> None:
    run("check", "DELETE FROM sales")
    run("check", "SELECT * FROM sales; DROP TABLE sales")
    with duckdb.connect(shop, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM sales").fetchall() == [(2,)]


def test_schema_shows_tables_columns_and_types(shop: str) -> None:
    tables = json.loads(run("schema", "--json").stdout)["tables"]
    assert [column["name"] for column in tables[0]["columns"]] == ["id", "price", "sold"]
    assert "DECIMAL(9,2)" in run("schema").stdout


def test_eval_reports_the_contract(shop: str, drafts: list[str], tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "pets.sqlite") as connection:
        connection.execute("CREATE TABLE pets (id INTEGER)")
        connection.execute("INSERT INTO pets VALUES (1)")
    question = {"id": 1, "db_id": "pets", "question": "How many pets?", "query": "SELECT count(*) FROM pets"}
    (tmp_path / "questions.json").write_text(json.dumps([question]))
    drafts.append("SELECT count(*) FROM pets")
    files = ["--questions", str(tmp_path / "questions.json"), "--databases", str(tmp_path)]
    result = run("eval", *files, "--out", str(tmp_path / "out"), "--json")
    report = json.loads(result.stdout)
    assert (report["scored"], report["correct"], report["model"]) == (1, 1, "local")
    assert json.loads((tmp_path / "out" / "questions.jsonl").read_text())["correct"] is True


@pytest.mark.parametrize(
    "words",
    [
        [],
        *([command] for command in COMMANDS),
        ["models", "list"],
        ["models", "download"],
        ["semantic", "init"],
        ["semantic", "check"],
        ["semantic", "import"],
    ],
)
def test_every_help_shows_an_example(words: list[str]) -> None:
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert "Example: arctic-copilot" in result.stdout


def test_chat_is_for_this_machine_only_and_tells_nobody(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[Any] = []
    monkeypatch.setattr(os, "execve", lambda *call: became.append(call))
    monkeypatch.setattr(os, "chdir", lambda *_: None)
    run("chat", "--warehouse", shop, "--model", "local-small")
    _, command, environment = became[0]
    assert {"--server.address=127.0.0.1", "--browser.gatherUsageStats=false"} <= set(command)
    assert Path(command[5]).is_file()
    assert command[1] == "-P"
    assert environment["ARCTIC_COPILOT_WAREHOUSE"] == shop
    assert environment["ARCTIC_COPILOT_MODEL"] == "local-small"


def test_models_says_what_is_not_here(shop: str) -> None:
    listed, verified = run("models", "list"), run("models", "verify", "local")
    assert "models download local" in " ".join(listed.stdout.split())
    assert (verified.exit_code, listed.exit_code) == (1, 0)
    assert "models download local" in " ".join(verified.stderr.split())
    assert run("models", "verify", "nope").exit_code == 2
