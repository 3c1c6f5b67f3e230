"""Messages -> a model's replies: the one place from which anything goes to a model, with one kind of error for all of them.

What may be sent was settled before: `prompt` writes the messages, and alone reads texts of others into them.
"""

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration

from sql_tools.errors import CopilotError, ModelError
from sql_tools.llms.key import without_key

MAX_ERROR_CHARS = 200


def send(messages: Sequence[BaseMessage], model: BaseChatModel, options: dict[str, Any]) -> list[AIMessage]:
    """The replies, as many as `options["n"]` asks for; ModelError, its key blanked, if the model does not answer."""
    try:
        result = model.generate([list(messages)], **options)
    except CopilotError:
        raise
    except Exception as error:  # each provider has its own exceptions
        words = without_key(_first_line(error), getattr(model, "openai_api_key", None))
        raise ModelError(f"The model did not answer: {words}", "Check that it is running.") from error
    return [_message(generation) for generation in result.generations[0] if isinstance(generation, ChatGeneration)]


def _message(generation: ChatGeneration) -> AIMessage:
    message = generation.message
    return message if isinstance(message, AIMessage) else AIMessage(message.content)


def _first_line(error: Exception) -> str:
    return (str(error).strip().split("\n")[0] or type(error).__name__)[:MAX_ERROR_CHARS]
