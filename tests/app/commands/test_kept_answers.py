"""`replay`: an answer kept in a file is run again, and what changed is told."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from langchain_core.language_models import FakeListChatModel
from typer.testing import CliRunner, Result

from app import cli, open_model
from app.commands.kept_answers import read_answer
from sql_tools.errors import SettingsError

Keep = Callable[[str], Path]
SQL = "SELECT product, SUM(price) AS total FROM sales GROUP BY product"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "shop.duckdb"
    change(path, "CREATE TABLE sales (id INTEGER PRIMARY KEY, product VARCHAR, price DECIMAL(9, 2))")
    change(path, "INSERT INTO sales VALUES (1, 'tea', 9.50), (2, 'rum', 0.50), (3, 'tea', 1)")
    monkeypatch.setenv("ARCTIC_COPILOT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ARCTIC_COPILOT_WAREHOUSE", str(path))
    return path


@pytest.fixture
def keep(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keep:
    """Ask for some SQL and keep what `ask --json` prints."""

    def ask(sql: str) -> Path:
        monkeypatch.setattr(open_model, "open_model", lambda *_, **__: FakeListChatModel(responses=[sql]))
        printed = run("ask", "How much was sold of each product?", "--json", "--warehouse", str(shop)).stdout
        (tmp_path / "answer.json").write_text(printed)
        return tmp_path / "answer.json"

    return ask


def change(path: Path, sql: str) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(sql)


def run(*words: str) -> Result:
    return CliRunner().invoke(cli.app, list(words))


def replay(path: Path, *words: str) -> tuple[int, dict[str, Any]]:
    result = run("replay", str(path), "--json", *words)
    return result.exit_code, json.loads(result.stdout)


def changed(told: dict[str, Any]) -> set[str]:
    return {name for name in ("data", "sql", "catalog") if told[f"{name}_changed"]}


def edit(path: Path, **fields: Any) -> Path:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    return path


def test_nothing_changed_is_same_and_exit_0(keep: Keep) -> None:
    code, told = replay(keep(SQL))
    assert (code, told["status"], told["version"], changed(told)) == (0, "same", 2, set())


def test_rows_in_another_order_are_the_same_rows(keep: Keep, shop: Path) -> None:
    path = keep(SQL)
    change(
        shop, "CREATE TABLE s AS FROM sales ORDER BY id DESC; DELETE FROM sales; INSERT INTO sales FROM s; DROP TABLE s"
    )
    assert replay(path)[0] == 0


def test_changed_rows_are_changed_data_and_exit_3(keep: Keep, shop: Path) -> None:
    path = keep(SQL)
    change(shop, "INSERT INTO sales VALUES (4, 'gin', 7)")
    code, told = replay(path)
    assert (code, told["status"], changed(told)) == (3, "changed", {"data"})
    assert "2 rows then, 3 rows now" in told["message"]


def test_a_new_column_is_a_changed_catalog_with_the_same_rows(keep: Keep, shop: Path) -> None:
    path = keep(SQL)
    change(shop, "CREATE TABLE more (a INTEGER)")
    code, told = replay(path)
    assert (code, changed(told)) == (3, {"catalog"})
    assert "The rows are the same." in told["message"]


def test_sql_that_no_longer_runs_on_a_changed_catalog_is_changed(keep: Keep, shop: Path) -> None:
    path = keep(SQL)
    change(shop, "CREATE TABLE kept AS FROM sales; DROP TABLE sales")
    code, told = replay(path)
    assert (code, told["status"], told["data_changed"]) == (3, "changed", None)
    assert "There is no table sales" in told["problem"]


def test_another_query_in_the_file_is_changed_sql(keep: Keep) -> None:
    code, told = replay(edit(keep(SQL), sql="SELECT product FROM sales"))
    assert (code, changed(told)) == (3, {"data", "sql"})


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE sales",
        "SELECT 1; DELETE FROM sales",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT getenv('HOME')",
    ],
)
def test_a_file_whose_sql_is_no_read_is_refused_and_nothing_runs(keep: Keep, shop: Path, sql: str) -> None:
    code, told = replay(edit(keep(SQL), sql=sql))
    assert (code, told["status"], told["data_changed"]) == (3, "refused", None)
    with duckdb.connect(str(shop), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM sales").fetchall() == [(3,)]


def test_another_warehouse_may_be_given(keep: Keep, shop: Path, tmp_path: Path) -> None:
    path = keep(SQL)
    other = tmp_path / "copy.duckdb"
    other.write_bytes(shop.read_bytes())
    shop.unlink()
    assert replay(path)[0] == 1
    code, told = replay(path, "--warehouse", str(other))
    assert (code, told["warehouse"]) == (0, str(other))


@pytest.mark.parametrize("named", ["snowflake:prod", "/dev/zero", "FIFO", "other.duckdb"])
def test_nothing_is_opened_on_a_files_word(
    named: str, keep: Keep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keep(SQL)
    os.mkfifo(tmp_path / "FIFO")
    where = str(tmp_path / named) if named in ("FIFO", "other.duckdb") else named
    proof = json.loads(kept.read_text())["proof"] | {"warehouse": where}
    monkeypatch.setattr(cli, "opened_warehouse", lambda *_: pytest.fail("it was opened"))
    code, told = replay(edit(kept, proof=proof))
    assert code == 1
    assert "--warehouse" in told["message"]


def test_a_file_does_not_raise_the_rows_that_may_be_fetched(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keep("SELECT id FROM sales")
    monkeypatch.setenv("ARCTIC_COPILOT_MAX_ROWS", "2")
    code, told = replay(kept)
    assert code == 1
    assert "ARCTIC_COPILOT_MAX_ROWS=3" in told["message"]


def test_what_the_settings_allow_is_allowed_again(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCTIC_COPILOT_ALLOW_SYSTEM_TABLES", "true")
    monkeypatch.setenv("ARCTIC_COPILOT_ABSTAIN_ABOVE", "1")
    kept = keep("SELECT table_name FROM information_schema.tables")
    assert replay(kept)[0] == 0
    monkeypatch.delenv("ARCTIC_COPILOT_ALLOW_SYSTEM_TABLES")
    assert (replay(kept)[1]["status"], replay(kept)[0]) != ("same", 0)


def test_one_changed_cell_is_changed_data(keep: Keep, shop: Path) -> None:
    kept = keep("SELECT id, product FROM sales ORDER BY id")
    change(shop, "UPDATE sales SET product = 'gin' WHERE id = 2")
    code, told = replay(kept)
    assert (code, changed(told), told["row_count"]) == (3, {"data"}, 3)


def test_an_answer_of_another_engine_fails_in_words(keep: Keep) -> None:
    kept = keep(SQL)
    proof = json.loads(kept.read_text())["proof"] | {"dialect": "snowflake"}
    result = run("replay", str(edit(kept, proof=proof)))
    assert result.exit_code in (1, 2)
    assert "snowflake" in result.output
    assert "Traceback" not in result.output


def test_in_words_it_says_the_same(keep: Keep) -> None:
    assert "Same: the data, the SQL and the catalog" in run("replay", str(keep(SQL))).stdout


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("junk", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[1]", "does not hold one JSON object"),
        ('{"status": "refused"}', "its status is 'refused'"),
        ('{"status": "answered", "sql": "SELECT 1"}', "row_count"),
        ('{"status": "answered", "sql": "SELECT 1", "row_count": 1, "truncated": false, "proof": null}', "proof"),
    ],
)
def test_a_file_that_is_no_answer_fails_in_words(shop: Path, tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    code, told = replay(tmp_path / "bad.json")
    assert (code, told["status"]) == (1, "failed")
    assert why in told["message"]
    assert "ask --json" in told["message"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read_answer(tmp_path / "none.json")


def test_no_file_is_wrong_usage() -> None:
    assert run("replay").exit_code == 2
