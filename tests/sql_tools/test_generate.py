"""The SQL in a model's reply."""

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import HumanMessage

from sql_tools.errors import ModelError
from sql_tools.generate import generate, sql_in


@pytest.mark.parametrize(
    "reply",
    [
        "SELECT 1",
        "SELECT 1;",
        "```sql\nSELECT 1;\n```",
        "Here you are:\n```\nSELECT 1\n```\nIt selects one.",
        "```sql\nSELECT 1",
        "Sure! SELECT 1",
    ],
)
def test_the_sql_is_found_in_the_reply(reply: str) -> None:
    assert sql_in(reply) == "SELECT 1"


def test_a_reply_without_sql_is_kept_as_it_is() -> None:
    assert sql_in("I cannot do that") == "I cannot do that"


def test_a_provider_that_fails_is_a_model_error() -> None:
    class Broken(FakeListChatModel):
        def _call(self, *args: object, **kwargs: object) -> str:
            raise ConnectionError("connection refused")

    with pytest.raises(ModelError, match="connection refused"):
        generate([HumanMessage("q")], Broken(responses=["x"]), dialect="duckdb")


@pytest.mark.parametrize("text", ["DELETE FROM users", "  update users set a = 1", "INSERT INTO t SELECT 1"])
def test_a_write_is_not_cut_into_a_read(text: str) -> None:
    assert sql_in(text) == text.strip()


@pytest.mark.parametrize("reply", ["(SELECT 1) UNION (SELECT 2)", "Sure: ((SELECT 1) UNION (SELECT 2))"])
def test_parentheses_before_the_first_select_belong_to_it(reply: str) -> None:
    assert sql_in(reply) == reply.removeprefix("Sure: ")
