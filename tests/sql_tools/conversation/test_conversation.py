"""Whole conversations on the small shop, with a model that says what it is told to and counts its calls."""

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from sql_tools import Settings
from sql_tools.conversation.conversation import Conversation
from sql_tools.conversation.kept import from_text, to_text
from sql_tools.errors import SettingsError
from sql_tools.models import Answer
from sql_tools.warehouses import Warehouse

BY_REGION = "SELECT c.region, SUM(o.total) AS total FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.status = 'open' GROUP BY c.region ORDER BY c.region"
OF_NORTH = "SELECT SUM(o.total) AS total FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.region = 'N'"


class Scripted(BaseChatModel):
    """A model that answers with the next of its texts."""

    says: list[str]
    asked: list[str]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        self.asked.append(str(messages[-1].content))
        return ChatResult(
            generations=[ChatGeneration(message=AIMessage(self.says[min(len(self.asked), len(self.says)) - 1]))]
        )


def talk(shop: Warehouse, *says: str, answers: tuple[Answer, ...] = ()) -> tuple[Conversation, Scripted]:
    model = Scripted(says=list(says), asked=[])
    return Conversation(shop, model, Settings(abstain_above=1.0), answers), model


def test_a_first_question_costs_the_calls_it_costs_alone(shop: Warehouse) -> None:
    conversation, model = talk(shop, BY_REGION)
    answer = conversation.ask("total of open orders by region")
    assert (answer.intent, answer.status, answer.resolved_question, len(model.asked)) == ("question", "answered", "", 1)


def test_a_follow_up_is_a_question_in_full_and_says_what_it_dropped(shop: Warehouse) -> None:
    conversation, model = talk(shop, BY_REGION, "What is the total of the orders in region N?", OF_NORTH)
    conversation.ask("total of open orders by region")
    answer = conversation.ask("only N")
    assert (answer.intent, answer.resolved_question) == ("follow_up", "What is the total of the orders in region N?")
    assert answer.dropped == ("orders.status is 'open'",)
    assert len(model.asked) == 3
    assert "SUM(o.total) AS total FROM orders" in model.asked[1]
    assert "New message: only N" in model.asked[1]


def test_a_new_topic_leaves_the_history_out(shop: Warehouse) -> None:
    conversation, model = talk(shop, BY_REGION, "NEW", "SELECT COUNT(*) AS n FROM staff")
    conversation.ask("total of open orders by region")
    answer = conversation.ask("How many staff are there?")
    assert (answer.intent, answer.resolved_question, answer.rows) == ("new_topic", "", ((4,),))
    assert "Earlier question" not in model.asked[2]


def test_alone_is_without_what_was_asked(shop: Warehouse) -> None:
    conversation, model = talk(shop, BY_REGION, "SELECT COUNT(*) AS n FROM staff")
    conversation.ask("total of open orders by region")
    assert conversation.ask("number of staff", alone=True).intent == "question"
    assert len(model.asked) == 2


@pytest.mark.parametrize(
    ("text", "rows", "chart"),
    [
        ("as a pie chart", None, "pie"), ("ok, plot it as bars plz", None, "bar"), ("棒グラフにして", None, "bar"), ("als Liniendiagramm", None, "line"),
        ("sort by total, highest first", (("S", 180), ("N", 120)), None), ("in percent", (("N", 120, 40.0), ("S", 180, 60.0)), None),
        ("which one is the highest?", (("S", 180),), None), ("only the top 1", (("S", 180),), None),
    ],
)  # fmt: skip
def test_what_the_rows_above_tell_needs_no_sql_and_no_model(
    text: str, rows: tuple[Any, ...] | None, chart: str | None, shop: Warehouse
) -> None:
    conversation, model = talk(shop, BY_REGION)
    above = conversation.ask("total of open orders by region")
    answer = conversation.ask(text)
    assert (answer.intent, answer.status, answer.sql, len(model.asked)) == ("about_answer", "answered", "", 1)
    assert answer.chart is None if chart is None else answer.chart.type == chart
    shown = tuple(tuple(float(c) if not isinstance(c, str) else c for c in row) for row in answer.rows)
    assert shown == (rows or tuple(tuple(float(c) if not isinstance(c, str) else c for c in row) for row in above.rows))


def test_a_cut_result_is_not_computed_on(shop: Warehouse) -> None:
    model = Scripted(
        says=["SELECT id, total FROM orders", "Which order is the highest?", "SELECT MAX(total) AS m FROM orders"],
        asked=[],
    )
    conversation = Conversation(shop, model, Settings(abstain_above=1.0, max_rows=3))
    assert conversation.ask("list the orders with their total").truncated
    assert conversation.ask("which one is the highest?").sql != ""


def test_explaining_is_read_off_the_proof(shop: Warehouse) -> None:
    conversation, model = talk(shop, BY_REGION)
    conversation.ask("total of open orders by region")
    answer = conversation.ask("Where does this number come from?")
    assert (answer.intent, len(model.asked)) == ("explain", 1)
    for word in ("orders", "customers", "orders.status is 'open'", "orders.customer_id = customers.id"):
        assert word in answer.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello", ("orders", "customers")), ("Which tables are there?", ("orders (10 rows)", "staff")), ("what does status mean?", ("status", "done", "open")),
        ("How recent is the data?", ("orders.day", "2026-01-11")), ("どんなテーブルがありますか", ("テーブル", "orders")), ("Wie aktuell sind die Daten?", ("bis 2026-01-11",)),
    ],
)  # fmt: skip
def test_help_is_told_from_the_catalog(text: str, words: tuple[str, ...], shop: Warehouse) -> None:
    conversation, model = talk(shop, "")
    answer = conversation.ask(text)
    assert (answer.intent, answer.status, model.asked) == ("help", "answered", [])
    assert all(word in answer.message for word in words), answer.message


def test_too_vague_is_asked_back_with_whole_questions(shop: Warehouse) -> None:
    conversation, model = talk(shop, "")
    answer = conversation.ask("show me the numbers")
    assert (answer.intent, answer.status, model.asked) == ("vague", "clarify", [])
    assert 2 <= len(answer.suggestions) <= 4


def test_a_wish_to_change_data_is_refused_in_its_language(shop: Warehouse) -> None:
    conversation, _ = talk(shop, "")
    assert (conversation.ask("Delete all orders").status, conversation.ask("注文を全部削除して").status) == (
        "refused",
        "refused",
    )
    assert "読み取り専用" in conversation.answers[-1].message


def test_a_row_above_is_bound_to_its_name(shop: Warehouse) -> None:
    conversation, model = talk(
        shop, BY_REGION, "How many customers are in region S?", "SELECT COUNT(*) AS n FROM customers WHERE region = 'S'"
    )
    conversation.ask("total of open orders by region")
    conversation.ask("how many customers has the second one?")
    assert "New message: how many customers has region 'S'?" in model.asked[1]
    assert conversation.ask("and the ninth one?").status == "clarify"


def test_errors_and_declines_end_nothing(shop: Warehouse) -> None:
    refused = Answer(status="failed", question="x", message="gone")
    conversation, model = talk(shop, BY_REGION, "What is the total in region N?", OF_NORTH)
    conversation.ask("total of open orders by region")
    conversation.answers.append(refused)
    assert conversation.ask("only N").intent == "follow_up"
    assert "SUM(o.total) AS total FROM orders" in model.asked[1]


def test_a_kept_conversation_goes_on_and_its_rows_are_read_again(shop: Warehouse) -> None:
    conversation, _ = talk(shop, BY_REGION)
    conversation.ask("total of open orders by region")
    kept = from_text(to_text(conversation.answers))
    assert kept[0].rows == conversation.answers[0].rows
    again, model = talk(shop, "", answers=kept)
    answer = again.ask("which one is the highest?")
    assert (answer.intent, answer.rows[0][0], model.asked) == ("about_answer", "S", [])
    assert "changed since" not in answer.message
    tampered = kept[0].model_copy(
        update={
            "rows": (("N", 99999), ("S", 1)),
            "proof": kept[0].proof and kept[0].proof.model_copy(update={"rows_hash": "sha256:0"}),
        }
    )
    told, _ = talk(shop, "", answers=(tampered,))
    answer = told.ask("which one is the highest?")
    assert answer.rows[0][0] == "S"
    assert "changed since" in answer.message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"version": 99, "answers": []}',
        '{"version": 2, "answers": [1]}',
        '{"version": 2, "answers": [{"status": "x"}]}',
    ],
)
def test_a_file_that_is_no_conversation_is_told_in_words(text: str) -> None:
    with pytest.raises(SettingsError):
        from_text(text)
