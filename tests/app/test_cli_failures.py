"""What goes wrong on the command line: words that say what to do, the right exit code, no traceback."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from app import cli, open_model
from app.chat import server as chat_server
from app.commands import check_file as statements
from model_service.errors import NoNetworkError
from sql_tools import copilot
from sql_tools.errors import ModelError

CONTRACT = set(
    "version status question sql dialect columns rows row_count truncated checks changes message attempts model timings proof intent resolved_question dropped chart suggestions rewritten".split()
)
WEIRD = b"\xff\xfe\x80 junk \x1b[31m"


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


def test_a_check_that_breaks_is_that_lines_error(shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "statements.jsonl").write_text('{"id": 1, "sql": "SELECT 1"}')
    monkeypatch.setattr(statements, "check", fail(ZeroDivisionError()))
    result = run("check", "--file", str(tmp_path / "statements.jsonl"))
    assert json.loads(result.stdout) == {"version": 2, "id": 1, "error": "the checks broke: ZeroDivisionError"}
    assert result.exit_code == 3


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
    words = run(
        "schema", "-w", str(tmp_path / "notes.duckdb")
    ).stderr.split()  # lines break where the path's length has it
    assert "not a DuckDB database" in " ".join(words)


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


def test_every_command_fails_kindly() -> None:
    commands = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
    leaves = [leaf for command in commands.values() for leaf in getattr(command, "commands", {"": command}).values()]
    unkind = [leaf.name for leaf in leaves if type(leaf).__name__ != "KindCommand"]
    assert len(leaves) >= 15
    assert unkind == []


def test_a_port_in_use_is_named(shop: str) -> None:
    with socket.socket() as taken:
        taken.bind((chat_server.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("chat", "--port", str(port))
    assert result.exit_code == 1
    assert f"Port {port} is in use" in result.stderr


@pytest.mark.parametrize(
    ("questions", "folder", "said"),
    [
        ([], ".", "There is no question in the list"),
        ([{"id": 1, "db_id": "shop", "question": "q", "query": "SELECT 1"}], ".", "None of the 1 questions has its database"),
        ([{"id": 1, "db_id": "shop", "question": "q", "query": "SELECT 1"}], "nowhere", "There is no folder"),
    ],
)  # fmt: skip
def test_eval_looks_for_the_databases_before_it_fetches_a_model(
    questions: list[Any], folder: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_model, "open_model", fail(AssertionError("a model was opened")))
    (tmp_path / "dev.json").write_text(json.dumps(questions))
    result = run("eval", "--questions", str(tmp_path / "dev.json"), "--databases", str(tmp_path / folder), "--json")
    assert result.exit_code == 1
    assert said in json.loads(result.stdout)["message"]


def test_an_empty_name_of_a_model_is_said_to_be_empty() -> None:
    result = run("ask", "How many are there?", "--model", "", "--json")
    assert result.exit_code == 1
    assert "An empty name is neither a model file nor one of" in json.loads(result.stdout)["message"]
