"""One chat-model provider a file, each with `create(settings) -> BaseChatModel`; the model setting picks the file."""

from langchain_core.language_models import BaseChatModel

from sql_tools.errors import SettingsError
from sql_tools.settings import IN_ACCOUNT, Settings


def create_model(settings: Settings, warehouse: object = None) -> BaseChatModel:
    """The chat model `settings.model` names; SettingsError if it names none reachable from here.

    One inside a Snowflake account uses the warehouse's own sign-on, if that is given and a Snowflake one.
    """
    if settings.model.startswith(IN_ACCOUNT):
        from sql_tools.llms import cortex

        return cortex.create(settings, getattr(warehouse, "session", None))
    if settings.model.startswith(("http://", "https://")):
        from sql_tools.llms import cortex_rest, openai

        return cortex_rest.create(settings) if cortex_rest.is_cortex(settings.model) else openai.create(settings)
    raise SettingsError(
        f"Unknown model {settings.model!r}.",
        "Give local, local-small, a .gguf file, a URL like http://host:8000/v1#model, or cortex:NAME.",
    )
