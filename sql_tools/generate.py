"""Messages, chat model -> draft SQL."""

import re
from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage

from sql_tools.cancellation import may_be_given_up
from sql_tools.errors import ModelError
from sql_tools.llms.grammar_field import grammar_options
from sql_tools.llms.send import send
from sql_tools.models import DraftSQL

FENCE = re.compile(r"```(?:\w*)\s*\n?(.*?)(?:```|\Z)", re.DOTALL)
WRITE = re.compile(
    r"\s*(?:delete|insert|update|drop|alter|create|truncate|merge|copy|grant|revoke|call|execute|replace)\b",
    re.IGNORECASE,
)
START = re.compile(r"\b(?:select|with|from)\b", re.IGNORECASE)
MAX_REPLY_CHARS = 200_000  # a reply that is longer holds no statement that the checks would take


def generate(
    messages: Sequence[BaseMessage],
    model: BaseChatModel,
    *,
    dialect: str,
    count: int = 1,
    temperature: float = 0.0,
    grammar: str | None = None,
) -> tuple[DraftSQL, ...]:
    """`count` drafts, in the order the model gave them; ModelError if it cannot be reached or says nothing.

    `grammar` is sent along; whether the server kept to it has to be checked afterwards (`grammar.require_match`).
    """
    options: dict[str, Any] = {"n": count, "temperature": temperature} if count > 1 else {}
    if grammar is not None:
        options |= grammar_options(model, grammar)
    streamed = count == 1 and may_be_given_up() and getattr(model, "may_stream", hasattr(model, "root_client"))
    replies = _streamed(messages, model, options) if streamed else send(messages, model, options)
    texts = [str(reply.text) for reply in replies]
    drafts = [DraftSQL(text=sql_in(text), dialect=dialect) for text in texts if text.strip()]
    if not drafts:
        raise ModelError("The model answered with nothing.", "Try again, or try another model.")
    return tuple(drafts)


def sql_in(text: str) -> str:
    """The SQL of a model's reply: the first code block, else from its first SELECT or WITH on, else all of it.

    A reply that begins as a write is left whole: cut at its FROM, it would pass as a read that nobody asked for.
    """
    text = text[:MAX_REPLY_CHARS]
    block = FENCE.search(text)
    body = block.group(1) if block else text
    start = None if WRITE.match(body) else START.search(body)
    return (_from(body, start.start()) if start and not block else body).strip().rstrip(";").strip()


def _from(text: str, at: int) -> str:
    """The text from `at` on, with the brackets that stand right before it."""
    before = text[:at].rstrip("( \t\r\n")
    return text[len(before) : at].lstrip() + text[at:]


def _streamed(messages: Sequence[BaseMessage], model: BaseChatModel, options: dict[str, Any]) -> list[AIMessage]:
    """As `send`, piece by piece: llama.cpp notices that its client is gone only while it streams. A server that
    answers in one piece all the same is asked again for one."""
    try:
        return send(messages, model, options | {"stream": True})
    except ModelError as error:
        if not isinstance(error.__cause__, ValueError):  # langchain's word for a stream without a piece
            raise
        return send(messages, model, options)
