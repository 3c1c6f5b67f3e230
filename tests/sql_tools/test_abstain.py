"""When a question is declined; the rates on real weights are in tests/bench."""

import pytest

from sql_tools.abstain import doubt, says_too_little, weigh
from sql_tools.models import Column, Context, Question, Table, Turn, ValueMatch
from sql_tools.retrieval.vocabulary import unknown_words

TABLE = Table(
    schema_name="main",
    name="customer",
    columns=(Column(name="acct_balance", type="DECIMAL", comment="money in the account"),),
)
CONTEXT = Context(dialect="duckdb", tables=(TABLE,), catalog=(TABLE,))


@pytest.mark.parametrize("text", ["show me the data", "Hello!", "give me some statistics please"])
def test_a_question_with_no_subject_says_too_little(text: str) -> None:
    assert says_too_little(Question(text=text))


def test_a_follow_up_may_be_short() -> None:
    assert not says_too_little(Question(text="and how many?", history=(Turn(question="q", sql="s"),)))


def test_words_of_names_and_comments_are_known() -> None:
    asked = Question(text="What money do customers with a balance have, and which email?")
    assert unknown_words(asked.text, CONTEXT) == ["email"]


def test_words_that_a_name_runs_together_are_known() -> None:
    table = Table(schema_name="main", name="Highschooler", columns=())
    context = Context(dialect="duckdb", tables=(table,), catalog=(table,))
    assert unknown_words("How many high schoolers?", context) == []


def test_an_unknown_word_raises_and_a_stored_value_lowers_the_doubt() -> None:
    plain = Question(text="How many customers?")
    found = CONTEXT.model_copy(update={"values": (ValueMatch(text="x", table="t", column="c", value="x"),)})
    assert weigh(0.1, Question(text="Which vegetarian customers?"), CONTEXT) > weigh(0.1, plain, CONTEXT) == 0.1
    assert weigh(0.1, plain, found) < 0.1


def test_a_model_without_probabilities_is_not_asked() -> None:
    from langchain_core.language_models.fake_chat_models import FakeListChatModel

    assert doubt(Question(text="q"), CONTEXT, FakeListChatModel(responses=[])) is None


@pytest.mark.parametrize(("said", "doubted"), [("No", 1.0), ("Yes", 0.0), ("SELECT", None)])
def test_where_a_server_leaves_the_probabilities_out_the_word_counts(said: str, doubted: float | None) -> None:
    from langchain_core.language_models.fake_chat_models import FakeListChatModel

    class NoProbabilities(FakeListChatModel):
        top_logprobs: int | None = None

    assert doubt(Question(text="q"), CONTEXT, NoProbabilities(responses=[said])) == doubted


@pytest.mark.parametrize(
    ("said", "doubted"),
    [("Yes.", 0.0), ("**No**, there is no weather.", 1.0), ("```sql\nSELECT 1\n```", None), ("", None)],
)
def test_a_model_in_an_account_is_asked_in_words(said: str, doubted: float | None) -> None:
    from langchain_core.language_models.fake_chat_models import FakeListChatModel

    class InWords(FakeListChatModel):
        says_yes_or_no: bool = True

    assert doubt(Question(text="q"), CONTEXT, InWords(responses=[said])) == doubted
