"""The whole way from question to answer on a real DuckDB, with a model that says what the test tells it."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

from sql_tools import Question, Settings, Turn, ask, check
from sql_tools.errors import ModelError, QueryTimeoutError, QuestionError
from sql_tools.open_warehouse import open_warehouse
from sql_tools.warehouses import Warehouse


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    path: Path = tmp_path_factory.mktemp("shop") / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            """CREATE TABLE customer (id BIGINT PRIMARY KEY, name VARCHAR, country VARCHAR);
            CREATE TABLE orders (id BIGINT PRIMARY KEY, customer_id BIGINT REFERENCES customer(id), total DECIMAL(9, 2));
            INSERT INTO customer VALUES (1, 'Ann', 'haiti'), (2, 'Bob', 'France'), (3, 'Cy', 'France');
            INSERT INTO orders VALUES (1, 1, 10.5), (2, 1, 4.5), (3, 2, 7)"""
        )
    opened = open_warehouse(str(path), Settings(cache_dir=path.parent))
    yield opened
    opened.close()


class Model(FakeListChatModel):
    """Says the replies in order and keeps what it was asked."""

    asked: list[str] = Field(default_factory=list)

    def _call(self, messages: Any, *args: Any, **kwargs: Any) -> str:
        self.asked.append("\n".join(str(m.content) for m in messages))
        return super()._call(messages, *args, **kwargs)


def model(*replies: str) -> Model:
    return Model(responses=list(replies), asked=[])


SETTINGS = Settings(max_rows=2)


def test_a_question_is_answered_with_the_checks_passed(warehouse: Warehouse) -> None:
    answer = ask(
        "How many customers are there?", warehouse, model("```sql\nSELECT COUNT(*) FROM customer;\n```"), SETTINGS
    )
    assert (answer.status, answer.rows, answer.row_count, answer.truncated) == ("answered", ((3,),), 1, False)
    assert answer.sql == "SELECT COUNT(*) FROM customer"
    assert answer.checks
    assert all(c.passed for c in answer.checks)
    assert {"retrieve", "generate", "validate", "execute"} <= set(answer.timings)


def test_rows_past_the_cap_are_cut_and_it_is_said(warehouse: Warehouse) -> None:
    answer = ask("List the customers", warehouse, model("SELECT name FROM customer ORDER BY name"), SETTINGS)
    assert (answer.rows, answer.truncated) == ((("Ann",), ("Bob",)), True)
    assert "there are more" in answer.message


def test_a_failed_draft_goes_back_with_its_problem(warehouse: Warehouse) -> None:
    says = model("SELECT nonsense FROM customer", "SELECT name FROM customer WHERE id = 1")
    answer = ask("Who is customer 1?", warehouse, says, SETTINGS)
    assert (answer.status, answer.rows) == ("answered", (("Ann",),))
    assert [bool(a.problem) for a in answer.attempts] == [True, False]
    assert "There is no column nonsense here. customer has id, name, country." in says.asked[1]


def test_repairs_are_bounded_and_the_answer_is_failed(warehouse: Warehouse) -> None:
    answer = ask("Who is customer 1?", warehouse, model("SELECT nonsense FROM customer"), SETTINGS)
    assert answer.status == "failed"
    assert len(answer.attempts) == 1 + SETTINGS.max_repairs
    assert "nonsense" in answer.message


def test_a_write_asked_in_words_is_refused_before_the_model_is_asked(warehouse: Warehouse) -> None:
    says = model("DELETE FROM orders")
    answer = ask("Delete all orders", warehouse, says, SETTINGS)
    assert (answer.status, says.asked) == ("refused", [])


def test_a_write_the_model_drafts_is_refused_not_repaired(warehouse: Warehouse) -> None:
    says = model("DROP TABLE orders", "SELECT 1")
    answer = ask("How many orders are there?", warehouse, says, SETTINGS)
    assert (answer.status, len(says.asked)) == ("refused", 1)


def test_a_query_that_never_ends_is_stopped_and_said(warehouse: Warehouse) -> None:
    endless = "SELECT COUNT(*) FROM range(100000000) a, range(100000000) b"
    answer = ask(
        "How many pairs?", warehouse, model(endless), Settings(timeout_seconds=0.3, max_repairs=0, max_join_rows=10**17)
    )
    assert answer.status == "failed"
    assert "0.3" in answer.message


def test_stored_values_in_the_question_are_shown_to_the_model(warehouse: Warehouse) -> None:
    says = model("SELECT name FROM customer WHERE country = 'Haiti'")
    answer = ask("Which customers are from Haiti?", warehouse, says, SETTINGS)
    assert "customer.country = 'haiti'" in says.asked[0]
    assert answer.rows == (("Ann",),)


def test_earlier_turns_are_shown_to_the_model(warehouse: Warehouse) -> None:
    says = model("SELECT COUNT(*) FROM customer WHERE country = 'haiti'")
    history = (Turn(question="How many customers are in France?", sql="SELECT 2"),)
    ask(Question(text="And in Haiti?", history=history), warehouse, says, SETTINGS)
    assert "How many customers are in France?" in says.asked[0]


@pytest.mark.parametrize("text", ["", "   ", "?!", "\x00\x01\x02"])
def test_a_question_without_words_is_an_error(warehouse: Warehouse, text: str) -> None:
    with pytest.raises(QuestionError, match="empty"):
        ask(text, warehouse, model("SELECT 1"), SETTINGS)


def test_a_question_too_long_is_an_error(warehouse: Warehouse) -> None:
    with pytest.raises(QuestionError, match="20,000 characters"):
        ask("x" * 20_000, warehouse, model("SELECT 1"), SETTINGS)


def test_a_model_that_says_nothing_is_an_error(warehouse: Warehouse) -> None:
    with pytest.raises(ModelError, match="nothing"):
        ask("How many customers?", warehouse, model(" "), SETTINGS)


def test_check_answers_without_a_model_and_without_running(warehouse: Warehouse) -> None:
    good = check("select NAME from Customer", warehouse, SETTINGS)
    bad = check("select nope from customer", warehouse, SETTINGS)
    assert (good.allowed, " ".join(good.sql.split()), good.problems) == (True, "SELECT NAME FROM Customer", ())
    assert (bad.allowed, bad.problems[0].rule) == (False, "known_columns")


def test_a_remote_model_sees_no_stored_value_unless_a_setting_allows_it(warehouse: Warehouse) -> None:
    away = Settings(model="http://models.example.com/v1#big", max_repairs=1)
    says = model(
        "SELECT name FROM customer WHERE name = 1 AND nope", "SELECT name FROM customer WHERE country = 'haiti'"
    )
    answer = ask("Which customers are from Haiti?", warehouse, says, away)
    assert answer.rows == (("Ann",),)
    assert not any(value in text for text in says.asked for value in ("haiti", "France", "Ann", "Bob"))
    told = model("SELECT name FROM customer WHERE country = 'haiti'")
    ask("Which customers are from Haiti?", warehouse, told, away.model_copy(update={"share_values": True}))
    assert "customer.country = 'haiti'" in told.asked[0]


def test_a_remote_model_sees_no_stored_value_that_the_checks_put_into_an_earlier_turn(warehouse: Warehouse) -> None:
    away = Settings(model="http://models.example.com/v1#big")
    earlier = Turn(question="Who is from Haiti?", sql="SELECT name FROM customer WHERE country = 'haiti'")
    for settings, seen in ((away, False), (away.model_copy(update={"share_values": True}), True)):
        says = model("SELECT count(*) FROM customer")
        ask(Question(text="And how many customers?", history=(earlier,)), warehouse, says, settings)
        assert says.asked
        assert any("Its SQL: SELECT name FROM customer" in text for text in says.asked)
        assert any("'haiti'" in text for text in says.asked) is seen


@pytest.mark.parametrize("text", ["Show me the data", "hello", "help me", "What is there to see?"])
def test_a_question_that_says_too_little_is_asked_back(warehouse: Warehouse, text: str) -> None:
    answer = ask(text, warehouse, model("SELECT 1"), SETTINGS)
    assert answer.status == "clarify"
    assert "customer, orders" in answer.message


class Doubter(Model):
    """Gives the probability of its first token, as a served model does."""

    top_logprobs: int | None = None
    odds_of_no: float = 0.5

    def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> ChatResult:
        if not kwargs.get("logprobs"):
            return super()._generate(messages, *args, **kwargs)
        top = [
            {"token": "no", "logprob": math.log(self.odds_of_no)},
            {"token": "Yes", "logprob": math.log(1 - self.odds_of_no)},
        ]
        said = AIMessage("no", response_metadata={"logprobs": {"content": [{"top_logprobs": top}]}})
        return ChatResult(generations=[ChatGeneration(message=said)])


@pytest.mark.parametrize(("odds", "status"), [(0.9, "abstained"), (0.01, "answered")])
def test_a_question_the_schema_cannot_tell_is_declined_with_the_reason(
    warehouse: Warehouse, odds: float, status: str
) -> None:
    doubter = Doubter(responses=["SELECT 1"], asked=[], odds_of_no=odds)
    answer = ask("What is the weather in Paris?", warehouse, doubter, SETTINGS)
    assert answer.status == status
    assert ("weather" in answer.message) == (status == "abstained")


def test_a_query_past_its_limit_is_run_once_and_the_model_is_not_asked_for_another(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run(sql: str, **limits: Any) -> Any:
        ran.append(sql)
        raise QueryTimeoutError("The query was stopped after 30 seconds.", "Ask for less.")

    monkeypatch.setattr(warehouse, "run", run)
    replies = model("SELECT COUNT(*) FROM customer", "SELECT COUNT(*) AS n FROM customer")
    answer = ask("How many customers are there?", warehouse, replies, SETTINGS.model_copy(update={"abstain_above": 1}))
    assert (answer.status, answer.message) == ("failed", "The query was stopped after 30 seconds. Ask for less.")
    assert (len(ran), len(replies.asked)) == (1, 1)
