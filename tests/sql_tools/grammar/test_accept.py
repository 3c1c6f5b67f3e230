"""Grammars that are none, and texts that leave one."""

import pytest

from sql_tools.errors import CopilotError, InvalidSQLError
from sql_tools.grammar import accepts, problem_of, require_match, sendable
from sql_tools.models import Column, Table

GRAMMAR = '%llguidance {}\nstart: "SELECT " ("a" | "é")\n'
TABLE = Table(schema_name="main", name="t", columns=(Column(name="a", type="BIGINT"),))


def test_where_a_text_leaves_the_grammar_is_told() -> None:
    assert accepts(GRAMMAR, "SELECT a").accepted
    assert accepts(GRAMMAR, "SELECT é").stopped_at == 8
    assert accepts(GRAMMAR, "SELECT b").stopped_at == 7
    assert not accepts(GRAMMAR, "SELECT ").accepted


def test_an_invalid_grammar_is_an_error_before_it_is_sent() -> None:
    assert problem_of("%llguidance {}\nstart: nowhere") != ""
    with pytest.raises(CopilotError, match="not valid"):
        accepts("%llguidance {}\nstart: nowhere", "x")


def test_a_completion_that_leaves_the_grammar_is_a_failed_draft() -> None:
    require_match(GRAMMAR, "SELECT a")
    with pytest.raises(InvalidSQLError, match="from 'b' on") as caught:
        require_match(GRAMMAR, "SELECT b")
    assert caught.value.rule == "grammar"
    with pytest.raises(InvalidSQLError, match="not finished"):
        require_match(GRAMMAR, "SELECT ")


def test_a_schema_without_tables_or_with_too_many_goes_without() -> None:
    assert sendable((), "duckdb") is None
    assert sendable((TABLE,) * 46, "duckdb") is None
    grammar = sendable((TABLE,), "duckdb")
    assert grammar is not None
    assert accepts(grammar, "SELECT a FROM t").accepted
