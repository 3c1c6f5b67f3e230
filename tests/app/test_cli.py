import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import typer
from langchain_core.language_models import FakeListChatModel
from typer.testing import CliRunner, Result

from app import chat_server, cli, open_model, statements
from model_service.errors import NoNetworkError
from sql_tools import copilot
from sql_tools.errors import ModelError
from sql_tools.models import Answer

CONTRACT = set(
    "version status question sql dialect columns rows row_count truncated checks message attempts model timings proof rewritten".split()
)
COMMANDS = "ask check replay schema grammar eval serve chat doctor demo".split()
WEIRD = b"\xff\xfe\x80 junk \x1b[31m"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A DuckDB file with one table, made the default warehouse."""
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE sales (id INTEGER, price DECIMAL(9, 2), sold DATE)")
        connection.execute("INSERT INTO sales VALUES (1, 9.50, '2024-02-29'), (2, 0.50, NULL)")
    monkeypatch.setenv("ARCTIC_COPILOT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ARCTIC_COPILOT_WAREHOUSE", str(path))
    return str(path)


@pytest.fixture
def drafts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the model will answer, in turn."""
    replies: list[str] = []
    monkeypatch.setattr(open_model, "open_model", lambda *_, **__: FakeListChatModel(responses=replies))
    return replies


def run(*words: str) -> Result:
    return CliRunner().invoke(cli.app, list(words))


def as_script(*words: str | bytes, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """The command as a user's shell runs it."""
    command = [sys.executable, "-c", "from app.cli import main; main()", *words]
    return subprocess.run(command, capture_output=True, timeout=120, check=False, **options)


def fail(error: BaseException) -> Any:
    def raise_it(*_: object, **__: object) -> None:
        raise error

    return raise_it


def test_answered_is_the_contract_and_exit_0(shop: str, drafts: list[str]) -> None:
    drafts.append("SELECT id, price, sold FROM sales ORDER BY id")
    result = run("ask", "What was sold?", "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["status"], answer["version"]) == (0, "answered", 1)
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


def test_a_check_that_breaks_is_that_lines_error(shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "statements.jsonl").write_text('{"id": 1, "sql": "SELECT 1"}')
    monkeypatch.setattr(statements, "check", fail(ZeroDivisionError()))
    result = run("check", "--file", str(tmp_path / "statements.jsonl"))
    assert json.loads(result.stdout) == {"version": 1, "id": 1, "error": "the checks broke: ZeroDivisionError"}
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
    ("words", "message"),
    [
        (["ask", "", "--json"], "empty"),
        (["ask", " ?! ", "--json"], "empty"),
        (["ask", "x" * 20_000, "--json"], "20,000 characters"),
        (["ask", "q", "--warehouse", "nowhere.duckdb", "--json"], "no file"),
        (["check", "SELECT 1", "--warehouse", "nowhere.duckdb", "--json"], "no file"),
        (["check", "--file", "nowhere.jsonl", "--json"], "Cannot read"),
        (["schema", "--warehouse", "nowhere.duckdb", "--json"], "no file"),
        (["eval", "--questions", "nowhere.json", "--databases", ".", "--json"], "Cannot read"),
    ],
)
def test_bad_input_is_one_json_object_that_says_so(
    shop: str, drafts: list[str], words: list[str], message: str
) -> None:
    result = run(*words)
    told = json.loads(result.stdout)
    assert (result.exit_code, told["status"]) == (1, "failed")
    assert message in told["message"]


def test_bad_input_in_words_goes_to_stderr(shop: str) -> None:
    result = run("schema", "--warehouse", "nowhere.duckdb")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no file" in result.stderr
    assert "demo" in result.stderr  # what to give instead


def test_a_text_file_named_duckdb_is_named(shop: str, tmp_path: Path) -> None:
    (tmp_path / "notes.duckdb").write_text("just some text, long enough to be read")
    assert "not a DuckDB database" in run("schema", "-w", str(tmp_path / "notes.duckdb")).stderr


@pytest.mark.parametrize(
    "words",
    [["ask"], ["ask", "q", "--nope"], ["check"], ["check", "a", "--file", "b"], ["chat", "--port", "70000"], ["nope"]],
)
def test_wrong_usage_exits_2(shop: str, words: list[str]) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr


def test_bad_settings_are_named(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCTIC_COPILOT_MAX_ROWS", "many")
    result = run("schema")
    assert result.exit_code == 1
    assert "max_rows" in result.stderr


def test_the_models_own_errors_are_kind(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    error = NoNetworkError("No network and no weights.", "Connect, or give a file.")
    monkeypatch.setattr(open_model.weights, "fetch", fail(error))
    for words in (["ask", "q"], ["serve"]):
        result = run(*words)
        assert result.exit_code == 1
        assert "No network and no weights. Connect, or give a file." in " ".join(result.stderr.split())


def test_ctrl_c_stops_with_130(shop: str, drafts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copilot, "ask", fail(KeyboardInterrupt()))
    result = run("ask", "q")
    assert (result.exit_code, result.stderr) == (130, "Stopped.\n")


def test_an_unforeseen_error_is_one_line_and_a_log(
    shop: str, drafts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copilot, "ask", fail(ZeroDivisionError("secret detail")))
    result = run("ask", "q")
    log = Path(os.environ["ARCTIC_COPILOT_CACHE_DIR"]) / "logs" / "cli.log"
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert "cli.log" in result.stderr.replace("\n", "")
    assert "secret detail" in log.read_text()


def test_a_failing_model_is_a_failed_answer(shop: str, drafts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copilot, "ask", fail(ModelError("The model is gone.", "Start it.")))
    told = json.loads(run("ask", "How many?", "--json").stdout)
    assert told.keys() == CONTRACT
    assert (told["question"], told["message"]) == ("How many?", "The model is gone. Start it.")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_binary_junk_is_answered_in_valid_json(shop: str, encoding: str) -> None:
    done = as_script("check", WEIRD, "--json", env={**os.environ, "PYTHONIOENCODING": encoding})
    assert done.returncode == 3
    assert json.loads(done.stdout.decode("utf-8"))["allowed"] is False


def test_binary_junk_never_reaches_the_terminal(shop: str) -> None:
    done = as_script("check", WEIRD)
    assert done.returncode == 3
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["schema"], ["schema", "--json"], ["check", "SELECT 1", "--json"]])
def test_a_reader_that_leaves_is_no_traceback(shop: str, words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", "from app.cli import main; main()", *words]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, timeout=120, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


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


def test_every_command_fails_kindly() -> None:
    commands = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
    leaves = [leaf for command in commands.values() for leaf in getattr(command, "commands", {"": command}).values()]
    unkind = [leaf.name for leaf in leaves if type(leaf).__name__ != "KindCommand"]
    assert len(leaves) >= 15
    assert unkind == []


def test_chat_is_for_this_machine_only_and_tells_nobody(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[Any] = []
    monkeypatch.setattr(os, "execve", lambda *call: became.append(call))
    run("chat", "--warehouse", shop, "--model", "local-small")
    _, command, environment = became[0]
    assert {"--server.address=127.0.0.1", "--browser.gatherUsageStats=false"} <= set(command)
    assert Path(command[4]).is_file()
    assert environment["ARCTIC_COPILOT_WAREHOUSE"] == shop
    assert environment["ARCTIC_COPILOT_MODEL"] == "local-small"


def test_a_port_in_use_is_named(shop: str) -> None:
    with socket.socket() as taken:
        taken.bind((chat_server.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("chat", "--port", str(port))
    assert result.exit_code == 1
    assert f"Port {port} is in use" in result.stderr


def test_models_says_what_is_not_here(shop: str) -> None:
    listed, verified = run("models", "list"), run("models", "verify", "local")
    assert "models download local" in " ".join(listed.stdout.split())
    assert (verified.exit_code, listed.exit_code) == (1, 0)
    assert "models download local" in " ".join(verified.stderr.split())
    assert run("models", "verify", "nope").exit_code == 2
