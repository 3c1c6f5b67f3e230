"""`arctic-copilot semantic ...` and `--semantic`, as a user's shell runs them."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from langchain_core.language_models import FakeListChatModel
from typer.testing import CliRunner, Result

from app import cli, open_model

FILE = """
name: shop
tables:
  - name: deals
    base_table: {database: shop, schema: main, table: SALES}
    dimensions: [{name: id, expr: ID, data_type: NUMBER}]
    metrics: [{name: takings, expr: SUM(PRICE)}]
verified_queries:
  - {name: v, question: How much did we take?, sql: SELECT takings FROM deals, verified_by: Ann, verified_at: 1764201600}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute("CREATE TABLE sales (id INTEGER PRIMARY KEY, price DECIMAL(9, 2))")
        connection.execute("INSERT INTO sales VALUES (1, 9.50), (2, 0.50)")
    (tmp_path / "shop.yaml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARCTIC_COPILOT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ARCTIC_COPILOT_WAREHOUSE", "shop.duckdb")
    monkeypatch.setattr(
        open_model, "open_model", lambda *_, **__: FakeListChatModel(responses=["SELECT COUNT(*) FROM sales"])
    )
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(cli.app, list(words), env={"COLUMNS": "200"})


def test_init_writes_a_file_that_check_accepts(shop: Path) -> None:
    drafted = run("semantic", "init", "--out", "new.yaml")
    assert (drafted.exit_code, "Written to new.yaml" in drafted.stderr) == (0, True)
    checked = run("semantic", "check", "new.yaml")
    assert (checked.exit_code, "holds: tables 1" in checked.stdout) == (0, True)


def test_init_prints_where_no_file_is_named(shop: Path) -> None:
    assert run("semantic", "init").stdout.startswith("# Drafted by `arctic-copilot semantic init`")


def test_init_writes_over_nothing_unless_told_to(shop: Path) -> None:
    again = run("semantic", "init", "--out", "shop.yaml")
    assert (again.exit_code, "is there already" in again.stderr) == (1, True)
    assert (shop / "shop.yaml").read_text() == FILE
    assert run("semantic", "init", "--out", "shop.yaml", "--force").exit_code == 0
    assert run("semantic", "init", "--out", "no/such/folder.yaml").exit_code == 1


def test_init_ignores_a_semantic_file_that_is_set(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCTIC_COPILOT_SEMANTIC", "shop.yaml")
    assert "deals" not in run("semantic", "init").stdout


def test_check_says_line_and_place_and_declines(shop: Path) -> None:
    (shop / "shop.yaml").write_text(FILE.replace("SUM(PRICE)", "SUM(PRIZE)"))
    shown, as_json = run("semantic", "check", "shop.yaml"), run("semantic", "check", "shop.yaml", "--json")
    assert (shown.exit_code, as_json.exit_code) == (3, 3)
    assert (
        "line 7, tables.deals.metrics.takings.expr: speaks of PRIZE, which deals has not: did you mean price?"
        in shown.stdout
    )
    report = json.loads(as_json.stdout)
    assert (report["valid"], report["problems"][0]["line"]) == (False, 7)


@pytest.mark.parametrize("words", [["semantic", "check", "bad.yaml"], ["ask", "x?", "-s", "bad.yaml"], ["schema", "-s", "none.yaml"],
                                   ["check", "SELECT 1", "-s", "bad.yaml"], ["semantic", "import", "--dbt", "bad.yaml"]])  # fmt: skip
def test_a_bad_file_is_an_error_that_says_what_to_do(shop: Path, words: list[str]) -> None:
    (shop / "bad.yaml").write_text("name: [")
    result = run(*words)
    assert result.exit_code == 1
    assert "yaml" in result.stderr
    assert "Traceback" not in result.output


def test_ask_shows_who_verified_the_sql(shop: Path) -> None:
    shown = run("ask", "how much did we take", "--semantic", "shop.yaml")
    assert "verified by Ann on 2025-11-27, in shop.yaml" in shown.stdout
    answer = json.loads(run("ask", "how much did we take", "--semantic", "shop.yaml", "--json").stdout)
    assert (answer["rows"], answer["model"]) == ([["10.00"]], "none: a verified query")
    assert json.loads(run("ask", "how much did we take", "--json").stdout)["rows"] == [[2]]


def test_ask_says_what_of_the_file_cannot_be_used(shop: Path) -> None:
    (shop / "shop.yaml").write_text(FILE.replace("SUM(PRICE)", "SUM(PRIZE)"))
    said = run("ask", "How many?", "--semantic", "shop.yaml").stderr
    assert "Left out of shop.yaml: deals.takings speaks of PRIZE, which deals has not: did you mean price?" in said


def test_replay_of_an_answer_knows_the_file(shop: Path) -> None:
    kept = run("ask", "how much did we take", "-s", "shop.yaml", "--json").stdout
    (shop / "answer.json").write_text(kept)
    assert run("replay", "answer.json", "-w", "shop.duckdb", "-s", "shop.yaml").exit_code == 0


def test_schema_shows_what_the_file_adds(shop: Path) -> None:
    shown = run("schema", "--semantic", "shop.yaml").stdout
    assert "Metrics of shop.yaml" in shown
    assert "takings  SUM(price)" in shown
    semantics = json.loads(run("schema", "--semantic", "shop.yaml", "--json").stdout)["semantics"]
    assert semantics["definitions"][1]["shown"] == "SUM(price)"
    assert "semantics" not in json.loads(run("schema", "--json").stdout)


def test_import_adds_dbts_words_to_a_file(shop: Path) -> None:
    (shop / "schema.yml").write_text("models: [{name: sales, description: What we sold}, {name: ghost}]")
    done = run("semantic", "import", "--dbt", "schema.yml", "--into", "shop.yaml", "--out", "both.yaml")
    assert (done.exit_code, "called ghost" in done.stderr) == (0, True)
    assert "description: What we sold" in (shop / "both.yaml").read_text()
    assert "takings" in (shop / "both.yaml").read_text()


def test_the_chat_is_started_with_the_file(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[Any] = []
    monkeypatch.setattr(os, "execve", lambda *call: became.append(call))
    monkeypatch.setattr(os, "chdir", lambda *_: None)
    run("chat", "--semantic", "shop.yaml")
    assert became[0][2]["ARCTIC_COPILOT_SEMANTIC"] == str(shop / "shop.yaml")


def test_import_takes_one_kind_of_file(shop: Path) -> None:
    assert run("semantic", "import").exit_code == 2
    assert run("semantic", "import", "--dbt", "a.yml", "--osi", "b.yml").exit_code == 2
    (shop / "osi.yml").write_text("semantic_model: [{name: x, datasets: [{name: deals, source: shop.main.sales}]}]")
    assert "table: sales" in run("semantic", "import", "--osi", "osi.yml").stdout


def test_eval_takes_a_folder_with_a_file_for_each_database(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop / "databases").mkdir()
    with closing(sqlite3.connect(shop / "databases" / "shop.sqlite")) as connection:
        connection.executescript(
            "CREATE TABLE sales (id INTEGER PRIMARY KEY, price REAL); INSERT INTO sales VALUES (1, 9.5)"
        )
    asked = [
        {"id": 1, "db_id": "shop", "question": "What did we take in all?", "query": "SELECT sum(price) FROM sales"}
    ]
    (shop / "dev.json").write_text(json.dumps(asked))
    monkeypatch.setattr(
        open_model, "open_model", lambda *_, **__: FakeListChatModel(responses=["SELECT takings FROM deals"])
    )
    words = ["eval", "--questions", "dev.json", "--databases", "databases", "--json"]
    with_file, without = run(*words, "--semantic", str(shop)), run(*words)
    assert [json.loads(result.stdout)["correct"] for result in (with_file, without)] == [1, 0]
