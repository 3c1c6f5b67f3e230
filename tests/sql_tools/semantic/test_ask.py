"""The file changes what is answered: each test would end otherwise without it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from pydantic import Field

from sql_tools import Question, Settings, ask
from sql_tools.models import Answer, Check, Turn
from sql_tools.open_warehouse import open_warehouse
from sql_tools.retrieval.vocabulary import unknown_words
from sql_tools.retrieve import retrieve
from sql_tools.semantic.apply import SemanticWarehouse
from sql_tools.warehouses import Warehouse

from .conftest import FILE

Lay = Callable[[str], SemanticWarehouse]
SETTINGS = Settings()


class Model(FakeListChatModel):
    """Says the replies in order and keeps what it was asked."""

    asked: list[str] = Field(default_factory=list)

    def _call(self, messages: Any, *args: Any, **kwargs: Any) -> str:
        self.asked.append("\n".join(str(m.content) for m in messages))
        return super()._call(messages, *args, **kwargs)


def says(*replies: str) -> Model:
    return Model(responses=list(replies), asked=[])


def checked(answer: Answer, name: str) -> list[Check]:
    return [check for check in answer.checks if check.name == name]


def test_a_verified_question_is_answered_by_its_sql_and_no_model(laid: SemanticWarehouse) -> None:
    model = says("SELECT 1")
    answer = ask("what are the takings in each city", laid, model, SETTINGS)
    assert [(town, float(sum_)) for town, sum_ in answer.rows] == [("Oslo", 140.0), ("Rome", 100.0)]
    assert model.asked == []
    found = checked(answer, "verified_query")[0]
    assert (found.passed, found.detail) == (
        True, "verified by Ann on 2025-11-27, in trade.yaml: What are the takings in each city?")  # fmt: skip
    assert answer.model == "none: a verified query"
    assert answer.proof is not None
    assert answer.proof.model == answer.model
    assert found in answer.proof.checks
    assert checked(answer, "metrics_as_defined")[0].passed


def test_a_question_that_is_not_quite_verified_goes_to_the_model(laid: SemanticWarehouse) -> None:
    model = says("SELECT COUNT(*) FROM lines")
    answer = ask("What are the takings in each city in 2026?", laid, model, SETTINGS)
    assert model.asked
    assert checked(answer, "verified_query") == []


def test_a_verified_query_meets_the_same_checks_and_else_the_model_is_asked(lay: Lay) -> None:
    gone = lay(FILE.replace("SELECT city, SUM(net) AS takings", "SELECT village, SUM(net) AS takings"))
    answer = ask("What are the takings in each city?", gone, says("SELECT city, takings FROM sales JOIN clients ON buyer = code GROUP BY city"), SETTINGS)  # fmt: skip
    assert answer.status == "answered"
    found = checked(answer, "verified_query")[0]
    assert not found.passed
    assert "can no longer be used" in found.detail
    assert "village" in found.detail


def test_a_verified_query_that_writes_is_refused(lay: Lay) -> None:
    sql = "SELECT city, SUM(net) AS takings FROM sales JOIN clients ON sales.buyer = clients.code GROUP BY city ORDER BY city"
    answer = ask(
        "What are the takings in each city?",
        lay(FILE.replace(sql, "DROP TABLE lines")),
        says("SELECT 1 AS x"),
        SETTINGS,
    )
    assert answer.sql == "SELECT 1 AS x"


def test_what_a_person_vouches_for_is_not_mended(lay: Lay) -> None:
    """The mends of drafts would add the name that 'which' asks for."""
    text = FILE.replace("What are the takings in each city?", "Which client paid most?").replace(
        "SELECT city, SUM(net) AS takings FROM sales JOIN clients ON sales.buyer = clients.code GROUP BY city ORDER BY city",
        "SELECT buyer FROM sales ORDER BY amount DESC LIMIT 1",
    )
    answer = ask("Which client paid most?", lay(text), says("SELECT 1"), SETTINGS)
    assert (answer.rows, [column.name for column in answer.columns]) == (((2,),), ["buyer"])


def test_a_metric_asked_by_a_synonym_is_its_expression(laid: SemanticWarehouse) -> None:
    answer = ask("What are the takings?", laid, says("SELECT takings FROM sales"), SETTINGS)
    assert float(answer.rows[0][0]) == 240.0
    assert checked(answer, "metrics_as_defined") == [
        Check(name="metrics_as_defined", outcome="passed",
              detail="net_revenue = SUM(amount * (1 - cut)), as trade.yaml defines it")
    ]  # fmt: skip


def test_a_draft_that_computes_it_otherwise_goes_back_with_the_definition(laid: SemanticWarehouse) -> None:
    model = says("SELECT SUM(amount) FROM lines", "SELECT SUM(amount * (1 - cut)) FROM lines")
    answer = ask("What are the takings?", laid, model, SETTINGS)
    assert float(answer.rows[0][0]) == 240.0
    assert "trade.yaml defines net_revenue as SUM(amount * (1 - cut))" in model.asked[1]


@pytest.mark.parametrize("second", ["SELECT SUM(amount) FROM lines", "SELECT nonsense FROM lines"])
def test_a_model_that_insists_is_answered_with_the_flag(laid: SemanticWarehouse, second: str) -> None:
    answer = ask("What are the takings?", laid, says("SELECT SUM(amount) FROM lines", second, second), SETTINGS)
    assert answer.status == "answered"
    assert float(answer.rows[0][0]) == 350.0
    assert [check.passed for check in checked(answer, "metrics_as_defined")] == [False]


def test_a_count_is_no_other_way_to_sum(laid: SemanticWarehouse) -> None:
    model = says("SELECT COUNT(*) FROM lines WHERE cut > 0")
    answer = ask("How many takings had a cut?", laid, model, SETTINGS)
    assert (answer.rows, len(model.asked), checked(answer, "metrics_as_defined")) == (((2,),), 1, [])


def test_without_the_file_nobody_minds(bare: Warehouse) -> None:
    answer = ask("What are the takings?", bare, says("SELECT SUM(amount) FROM lines"), SETTINGS)
    assert float(answer.rows[0][0]) == 350.0
    assert not [
        check.name for check in answer.checks if check.name in ("metrics_as_defined", "defined_names", "verified_query")
    ]


def test_relationships_vouch_for_joins_and_doubt_others(bare: Warehouse, laid: SemanticWarehouse) -> None:
    draft = "SELECT p.town, SUM(l.amount) FROM lines AS l JOIN parties AS p ON l.nr = p.code GROUP BY p.town ORDER BY p.town"
    question = "What is the total amount of each town?"
    without, with_ = (ask(question, one, says(draft), SETTINGS) for one in (bare, laid))
    assert without.rows == with_.rows
    assert with_.changes == ()
    doubted = [check.detail for check in with_.checks if check.name == "joins_keep_to_keys"]
    assert doubted == ["lines and parties are not joined by their key, lines.buyer = parties.code."]
    right = ask(question, laid, says(draft.replace("l.nr", "l.buyer")), SETTINGS)
    assert [float(row[1]) for row in right.rows] == [150.0, 200.0]
    assert without.proof is not None
    assert right.proof is not None
    assert [join.key for join in without.proof.joins] == ["none"]
    assert [(join.key, join.right_unique) for join in right.proof.joins] == [("declared", True)]


def test_the_double_count_alarm_knows_the_files_keys(laid: SemanticWarehouse) -> None:
    draft = "SELECT SUM(l.amount) AS s, COUNT(p.boss) AS n FROM parties AS p JOIN lines AS l ON l.buyer = p.code JOIN wages AS w ON w.boss = p.boss OR TRUE"
    answer = ask("How much amount in all?", laid, says(draft), SETTINGS)
    assert not next(check for check in answer.checks if check.name == "each_row_counted_once").passed


def test_words_of_the_file_find_tables_in_a_large_schema(tmp_path: Path) -> None:
    path = tmp_path / "wide.duckdb"
    with duckdb.connect(str(path)) as connection:
        for n in range(40):
            connection.execute(f"CREATE TABLE filler_{n} (a{n} INT, b{n} INT, c{n} INT, d{n} INT, report{n} INT)")
        connection.execute("CREATE TABLE zz_lines (k INT, amount INT)")
        connection.execute("CREATE TABLE zz_parties (k INT, town VARCHAR)")
    said = tmp_path / "wide.yaml"
    said.write_text(
        "name: w\ntables:\n"
        "  - {name: sales, synonyms: [revenue], base_table: {table: ZZ_LINES}, metrics: [{name: turnover, expr: SUM(AMOUNT)}]}\n"
        "  - {name: clients, description: those who purchase, base_table: {table: ZZ_PARTIES}}\n"
    )
    bare = open_warehouse(str(path), Settings(cache_dir=tmp_path))
    laid = open_warehouse(str(path), Settings(cache_dir=tmp_path, semantic=str(said)))
    for word, table in (("revenue", "zz_lines"), ("turnover", "zz_lines"), ("purchase", "zz_parties")):
        question = Question(text=f"Show the {word} report")
        found, lost = (retrieve(question, one, max_columns=30) for one in (laid, bare))
        assert table in [t.name for t in found.tables], word
        assert table not in [t.name for t in lost.tables], word
        assert word in unknown_words(question.text, lost)
        assert word not in unknown_words(question.text, found)
    bare.close()
    laid.close()


def test_a_write_asked_in_words_is_refused_before_anything_verified(lay: Lay) -> None:
    text = FILE.replace("What are the takings in each city?", "Delete all sales")
    assert ask("Delete all sales", lay(text), says("SELECT 1"), SETTINGS).status == "refused"


def test_a_follow_up_may_be_a_verified_question(laid: SemanticWarehouse) -> None:
    asked = Question(text="What are the takings in each city?", history=(Turn(question="x", sql="SELECT 1"),))
    assert checked(ask(asked, laid, says("SELECT 1"), SETTINGS), "verified_query")
