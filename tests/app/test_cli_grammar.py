"""`arctic-copilot grammar`: print a schema's grammar, or match SQL against it."""

from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from app import cli


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE sales (id INTEGER, price DECIMAL(9, 2))")
    monkeypatch.setenv("ARCTIC_COPILOT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ARCTIC_COPILOT_WAREHOUSE", str(path))


def run(*words: str) -> Result:
    return CliRunner().invoke(cli.app, ["grammar", *words])


def test_both_formats_are_printed() -> None:
    lark, gbnf = run(), run("--format", "gbnf")
    assert (lark.exit_code, gbnf.exit_code) == (0, 0)
    assert lark.output.startswith("%llguidance {}\nstart: ")
    assert gbnf.output.startswith("root ::= ")
    assert "(?i:price)" in lark.output


@pytest.mark.parametrize(
    ("sql", "code", "words"),
    [
        ("SELECT sum(price) FROM sales", 0, "Accepted."),
        ("SELECT price FROM sale WHERE x", 3, "from here on:"),
        ("SELECT price FROM", 3, "more has to follow"),
    ],
)
def test_sql_is_matched(sql: str, code: int, words: str) -> None:
    result = run("--accepts", sql)
    assert (result.exit_code, words in result.output) == (code, True), result.output


def test_an_unknown_format_is_wrong_usage() -> None:
    assert run("--format", "ebnf").exit_code == 2
