"""Any server that speaks the OpenAI chat API: vLLM, llama.cpp, a hosted model."""

from urllib.parse import urldefrag, urlparse

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from sql_tools.errors import SettingsError
from sql_tools.llms.key import key_of
from sql_tools.settings import LOOPBACK, Settings

MAX_TOKENS = 400
TIMEOUT_SECONDS = 300.0  # a small machine that is busy with other work


def create(settings: Settings) -> BaseChatModel:
    """The model at `settings.model`, a base URL with the model's name after `#`; greedy unless a call says otherwise."""
    from langchain_openai import ChatOpenAI  # slow to import, so only where they are used

    from sql_tools.llms.stoppable import stoppable_client

    url, name = urldefrag(settings.model)
    host = urlparse(url).hostname
    if not host:
        raise SettingsError(f"{settings.model!r} is not a URL.", "Write it like http://host:8000/v1#model.")
    return ChatOpenAI(
        base_url=url,
        model=name or "default",
        api_key=SecretStr(key_of(settings) or "none"),
        temperature=0.0,
        max_tokens=MAX_TOKENS,
        timeout=TIMEOUT_SECONDS,
        max_retries=1,
        http_client=stoppable_client(trust_env=host not in LOOPBACK),  # to this machine never through a user's proxy
        seed=7,
    )
