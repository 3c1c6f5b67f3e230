"""Models in a Snowflake account: AI_COMPLETE and functions by SQL, over the real Session on the tests' server."""

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from sql_tools import Settings, ask
from sql_tools.errors import ModelError, SettingsError
from sql_tools.llms import create_model
from sql_tools.llms.cortex import as_text, create, read_reply
from sql_tools.warehouses.snowflake import warehouse as snowflake

CHAT = [SystemMessage("You write SQL."), HumanMessage("It's 5 o'clock \\ now?")]


@pytest.fixture
def session(fake_snowflake: Any) -> Iterator[Any]:
    fake_snowflake.run(
        "CREATE DATABASE D", "CREATE TABLE D.PUBLIC.T (ID NUMBER)", "INSERT INTO D.PUBLIC.T VALUES (1), (2)"
    )
    opened = fake_snowflake.session(database="D", schema="PUBLIC")
    yield opened
    opened.connection.close()


def test_a_prompt_arrives_whole_and_the_reply_with_its_cost(fake_snowflake: Any, session: Any) -> None:
    fake_snowflake.completions([{"match": "o'clock", "answer": "it's\nsix"}])
    reply = create(Settings(model="cortex:some-model"), session).invoke(CHAT)
    assert reply.content == "it's\nsix"
    assert reply.response_metadata["token_usage"]["completion_tokens"] == 2
    (asked,) = fake_snowflake.prompts()
    assert (asked["model"], asked["prompt"]) == ("some-model", "You write SQL.\n\nIt's 5 o'clock \\ now?")
    assert asked["said"]["model_parameters"] == {"temperature": 0, "max_tokens": 400}


def test_several_drafts_are_several_calls(fake_snowflake: Any, session: Any) -> None:
    fake_snowflake.completions([{"answer": "a", "once": True}, {"answer": "b"}])
    model = create(Settings(model="cortex:m"), session)
    found = model.generate([CHAT], n=2, temperature=0.7)
    assert [generation.text for generation in found.generations[0]] == ["a", "b"]
    assert {asked["said"]["model_parameters"]["temperature"] for asked in fake_snowflake.prompts()} == {0.7}


def test_a_question_is_answered_by_a_model_in_the_account(fake_snowflake: Any, session: Any, tmp_path: Any) -> None:
    fake_snowflake.completions([{"match": "How many", "answer": "```sql\nSELECT COUNT(*) FROM T\n```"}])
    settings = Settings(model="cortex:m", cache_dir=tmp_path)
    warehouse = snowflake.from_session(session, settings)
    answer = ask("How many rows of T are there?", warehouse, create_model(settings, warehouse), settings)
    assert (answer.status, answer.rows, answer.model) == ("answered", ((2,),), "m")
    warehouse.close()


@pytest.mark.parametrize(("limit", "status", "prompts"), [(0.24, "abstained", 1), (1.0, "answered", 1)])
def test_what_the_tables_cannot_tell_is_declined_by_asking_in_words_unless_no_doubt_counts(
    limit: float, status: str, prompts: int, fake_snowflake: Any, session: Any, tmp_path: Any
) -> None:
    fake_snowflake.completions([{"match": "Answer yes or no", "answer": "No."}, {"answer": "SELECT COUNT(*) FROM T"}])
    settings = Settings(model="cortex:m", cache_dir=tmp_path, abstain_above=limit)
    warehouse = snowflake.from_session(session, settings)
    answer = ask("How is the weather in T?", warehouse, create_model(settings, warehouse), settings)
    assert (answer.status, len(fake_snowflake.prompts())) == (status, prompts), answer.message
    warehouse.close()


def test_an_unknown_model_is_an_error_that_says_where_to_look(session: Any) -> None:
    with pytest.raises(ModelError, match=r"m did not answer: .*unknown model 'm'") as caught:
        create(Settings(model="cortex:m"), session).invoke(CHAT)
    assert "SHOW CORTEX BASE MODELS" in caught.value.hint


@pytest.mark.parametrize("name", ["cortex:", "function:", "function:not a name"])
def test_what_names_no_model_is_a_settings_error(session: Any, name: str) -> None:
    with pytest.raises(SettingsError):
        create(Settings(model=name), session)


def test_a_function_is_called_by_its_whole_name(session: Any) -> None:
    assert create(Settings(model='function:db.core."Ask it"'), session).function == 'DB.CORE."Ask it"'


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("SELECT 1", "SELECT 1"),
        ('"SELECT 1"', "SELECT 1"),
        ('{"choices": [{"messages": "SELECT 1"}]}', "SELECT 1"),
        ('{"choices": [{"message": {"content": "SELECT 1"}}]}', "SELECT 1"),
        ("1", "1"),
    ],
)
def test_each_shape_of_reply_is_read(cell: str, said: str) -> None:
    assert read_reply(cell).content == said


@pytest.mark.parametrize("cell", [None, "", '{"error": "too long"}'])
def test_no_reply_is_a_model_error(cell: Any) -> None:
    with pytest.raises(ModelError):
        read_reply(cell)


def test_earlier_turns_name_their_speakers() -> None:
    text = as_text([*CHAT, AIMessage("SELECT"), HumanMessage("That is wrong.")])
    assert text.endswith("Assistant: SELECT\n\nUser: That is wrong.\n\nAssistant:")
    assert text.startswith("You write SQL.\n\nUser: It's")


@pytest.mark.parametrize("model", ["cortex:m", "function:a.b.c"])
def test_stored_values_stay_out_of_such_prompts_unless_the_setting_lets_them_go(model: str) -> None:
    assert not Settings(model=model).may_share_values
    assert Settings(model=model, share_values=True).may_share_values
