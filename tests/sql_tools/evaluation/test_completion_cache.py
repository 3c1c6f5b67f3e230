"""What a model said is kept by prompt, weights and parameters."""

from pathlib import Path

from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration

from sql_tools.evaluation.completion_cache import CompletionCache


def ask(path: Path, reply: str, *, weights: str = "w", replay: bool = True, prompt: str = "hi") -> str:
    cache = CompletionCache(path / "c.db", weights=weights, replay=replay)
    return str(FakeListChatModel(responses=[reply], cache=cache).invoke(prompt).content)


def test_the_same_prompt_is_not_asked_twice(tmp_path: Path) -> None:
    assert [ask(tmp_path, "one"), ask(tmp_path, "one", prompt="hello")] == ["one", "one"]
    cache = CompletionCache(tmp_path / "c.db", weights="w")
    model = FakeListChatModel(responses=["first", "second"], cache=cache)
    assert [model.invoke("x").content, model.invoke("x").content, model.invoke("y").content] == [
        "first",
        "first",
        "second",
    ]


def test_other_weights_are_asked_anew(tmp_path: Path) -> None:
    model = FakeListChatModel(responses=["a"], cache=CompletionCache(tmp_path / "c.db", weights="one"))
    model.invoke("x")
    kept = CompletionCache(tmp_path / "c.db", weights="two")
    assert kept.lookup("x", "anything") is None


def test_without_replay_everything_is_asked_and_kept(tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "c.db", weights="w", replay=False)
    model = FakeListChatModel(responses=["a", "b"], cache=cache)
    assert [model.invoke("x").content, model.invoke("x").content] == ["a", "b"]


def test_the_same_weights_behind_another_port_are_not_asked_again(tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "c.db", weights="w")
    named = '{{"model_name": "m", "openai_api_base": "http://127.0.0.1:{}/v1", "temperature": {}}}'
    cache.update("x", named.format(1, 0.0), [ChatGeneration(message=AIMessage("kept"))])
    assert cache.lookup("x", named.format(2, 0.0))
    assert cache.lookup("x", named.format(2, 0.7)) is None
