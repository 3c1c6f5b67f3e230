"""Settings -> a chat model that answers: the embedded one is fetched and started if need be."""

from collections.abc import Callable
from contextlib import suppress

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from model_service.errors import ModelServiceError, ServerError
from model_service.llama import local
from model_service.llama import prefix_cache as prefix
from model_service.llama.client import LocalModel
from model_service.weights import store as weights
from sql_tools.errors import ModelError
from sql_tools.llms import create_model
from sql_tools.models import Question
from sql_tools.prompt import schema_text, system_text
from sql_tools.retrieve import retrieve
from sql_tools.settings import IN_ACCOUNT, Settings
from sql_tools.warehouses import Warehouse

OnProgress = Callable[[str, float | None], None]  # what is being done, and the fraction done if that is known


def open_model(
    settings: Settings, *, warehouse: Warehouse | None = None, on_progress: OnProgress | None = None
) -> BaseChatModel:
    """The model `settings.model` names: `local`, `local-small`, a GGUF file, or a URL.

    An embedded model that is given the warehouse reads its schema now: half a minute for a middling one the first time,
    from disk later on. Raises ModelError or SettingsError, saying what to do.
    """
    if is_url(settings.model) or settings.model.startswith(IN_ACCOUNT):
        return create_model(settings, warehouse)
    report = on_progress or (lambda what, fraction: None)
    try:
        file = weights.fetch(
            settings.model,
            settings.cache,
            on_progress=lambda done, total: report(f"Fetching {settings.model}", done / total if total else None),
            on_message=lambda message: report(message, None),
        )
        report("Starting the model", None)
        running = local.ensure_running(file, settings.cache)
        if warehouse:
            report("Reading the schema", None)
            _warm(running, warehouse, settings)
    except ModelServiceError as error:
        raise ModelError(error.message, error.hint) from error
    url = f"{running.url.rstrip('/')}#{running.model}"
    model = create_model(settings.model_copy(update={"model": url, "api_key": SecretStr(running.api_key)}))
    model.metadata = {**(model.metadata or {}), "weights": _vouched(running.weights_id)}  # for the answer's proof
    return model


def _vouched(weights_id: str) -> str:
    """The weights' identity, saying what it is made of: verified content, or a user's file as it lies on disk."""
    verified = any(named.sha256 == weights_id for named in weights.MODELS.values())
    return f"sha256:{weights_id}" if verified else f"file:{weights_id}"


def _warm(running: LocalModel, warehouse: Warehouse, settings: Settings) -> None:
    """Have the model read what all questions on this warehouse share; nothing if its schema does not pass whole."""
    context = retrieve(Question(text=""), warehouse, max_columns=settings.max_prompt_columns)
    if context.tables != context.catalog:
        return
    shared = [{"role": "system", "content": system_text(context)}, {"role": "user", "content": schema_text(context)}]
    with suppress(ServerError):  # it only saves time; asking will say if the server is gone
        prefix.warm(running, shared, context.dialect)


def is_url(model: str) -> bool:
    """Is it a server's address, rather than weights on this machine?"""
    return model.startswith(("http://", "https://"))
