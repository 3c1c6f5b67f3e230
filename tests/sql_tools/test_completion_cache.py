"""What a model said is kept by prompt, weights and parameters."""

from pathlib import Path

from langchain_core.language_models.fake_chat_models import FakeListChatModel

from sql_tools.completion_cache import CompletionCache


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
