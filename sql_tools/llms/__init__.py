"""One chat-model provider a file, each with `create(settings) -> BaseChatModel`; the model setting picks the file."""

from langchain_core.language_models import BaseChatModel

from sql_tools.errors import SettingsError
from sql_tools.settings import Settings


def create_model(settings: Settings) -> BaseChatModel:
    """The chat model `settings.model` names; SettingsError if it names none reachable from here."""
    if settings.model.startswith(("http://", "https://")):
        from sql_tools.llms import openai

        return openai.create(settings)
    raise SettingsError(
        f"Unknown model {settings.model!r}.",
        "Give local, local-small, a .gguf file, or a URL like http://host:8000/v1#model.",
    )
