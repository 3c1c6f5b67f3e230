"""Where a server takes a grammar: llama.cpp as `grammar`, vLLM as `structured_outputs`.

Each ignores the other's field without a word, so we ask the server which it is (its model list says who owns them) and
refuse to guess for any other.
"""

from functools import lru_cache
from typing import Any

from langchain_core.language_models import BaseChatModel

from sql_tools.errors import ModelError

FIELDS: dict[str, str] = {"llamacpp": "grammar", "vllm": "structured_outputs"}
HINT = "Use the embedded model, a llama.cpp or vLLM server, or set ARCTIC_COPILOT_GRAMMAR=never."


def grammar_options(model: BaseChatModel, grammar: str) -> dict[str, Any]:
    """The options of a call that holds the model to the grammar; ModelError if its server takes none."""
    client = getattr(model, "root_client", None)
    if client is None:
        raise ModelError("This model cannot be held to a grammar.", HINT)
    field = FIELDS.get(_owner(client))
    if field is None:
        raise ModelError("The model's server does not say that it is llama.cpp or vLLM, so it gets no grammar.", HINT)
    return {"extra_body": {field: grammar if field == "grammar" else {"grammar": grammar}}}


@lru_cache(maxsize=8)
def _owner(client: Any) -> str:
    try:
        return str(client.models.list().data[0].owned_by).lower()
    except Exception as error:  # the client has many
        raise ModelError("The model's server did not say what it serves.", "Check that it is running.") from error
