"""Models inside a Snowflake account, called by SQL: `cortex:NAME` for AI_COMPLETE, `function:DB.SCHEMA.NAME` for a function.

The function may be our own model's service function: one text in, the reply's text out. Both run on the Session of the
asker, so the account bills and logs them as the asker's, and prompts do not leave the account; they do end up in its query
history. Names are settings: models come and go (`SHOW CORTEX BASE MODELS`). Cortex's REST interface is `cortex_rest.py`.
Source: Snowflake's documentation of AI_COMPLETE (single string, `show_details`).
"""

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from sql_tools.errors import ModelError, QueryTimeoutError, SettingsError, WarehouseError
from sql_tools.query.identifiers import quote
from sql_tools.settings import Settings

if TYPE_CHECKING:
    from snowflake.snowpark import Session

MAX_TOKENS = 400
PART = re.compile(r'"([^"]+)"|([A-Za-z_][\w$]*)')
NAME = re.compile(rf"(?:{PART.pattern})(?:\.(?:{PART.pattern})){{0,2}}")
TIMEOUT_SECONDS = 120.0
SERVICE_FAILED = "Its service answers with an error, or is still starting: SHOW SERVICE CONTAINERS IN SERVICE tells; ask again later."
FUNCTION_UNKNOWN = "Check its name, and that your role has USAGE on the function, its schema and database; in the account also CALLER grants."
SPEAKERS = {"human": "User", "ai": "Assistant"}


class SnowflakeChat(BaseChatModel):
    """A model that a SELECT calls; greedy unless a call says otherwise. `function` empty means AI_COMPLETE."""

    model_name: str
    statements: Any  # sql_tools.warehouses.snowflake.statements.Statements
    function: str = ""
    says_yes_or_no: bool = True  # no probabilities come back, so whether the schema can tell is asked in words

    @property
    def _llm_type(self) -> str:
        return "snowflake"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        temperature = float(kwargs.get("temperature", 0.0))
        tokens = int(kwargs.get("max_tokens", MAX_TOKENS))
        count = (
            1 if self.function else int(kwargs.get("n", 1))
        )  # a function takes no temperature: it would repeat itself
        replies = [self._reply(messages, temperature, tokens) for _ in range(count)]
        return ChatResult(generations=[ChatGeneration(message=reply) for reply in replies])

    def _reply(self, messages: Sequence[BaseMessage], temperature: float, tokens: int) -> AIMessage:
        prompt = as_text(messages)
        call = (
            f"{self.function}({_text(prompt)})"
            if self.function
            else f"AI_COMPLETE(model => {_text(self.model_name)}, prompt => {_text(prompt)}, model_parameters => "
            f"{{'temperature': {temperature:g}, 'max_tokens': {tokens}}}, show_details => TRUE)"
        )
        try:
            found = self.statements.fetch(f"SELECT {call} AS REPLY", max_rows=1, timeout_seconds=TIMEOUT_SECONDS)
        except WarehouseError as error:
            raise self._failed(error) from error
        return read_reply(found.rows[0][0] if found.rows else None)

    def _failed(self, error: WarehouseError) -> ModelError:
        told = f"{self.model_name} did not answer: {error.message}"
        if isinstance(error, QueryTimeoutError):
            told = f"{self.model_name} did not answer within {TIMEOUT_SECONDS:g} s."
        if not self.function:
            return ModelError(told, "Check its name with SHOW CORTEX BASE MODELS, and that your role may use it.")
        reached = re.search(r"remote service error|timed? ?out", error.message, re.IGNORECASE)
        return ModelError(told, SERVICE_FAILED if reached or told.endswith(" s.") else FUNCTION_UNKNOWN)


def create(settings: Settings, session: "Session | None" = None) -> SnowflakeChat:
    """The model that `settings.model` names, on this Session, or on the one of the warehouse's connection.

    SettingsError if the name is empty, WarehouseError if no connection can be opened.
    """
    from sql_tools.warehouses.snowflake.connect import open_session
    from sql_tools.warehouses.snowflake.statements import Statements

    kind, _, name = settings.model.partition(":")
    if not name.strip():
        raise SettingsError(f"{settings.model!r} names no model.", "Write cortex:NAME, or function:DB.SCHEMA.NAME.")
    if session is None:
        engine, _, connection = settings.warehouse.partition(":")
        session = open_session(connection if engine.lower() == "snowflake" else "")
    function = quote(_parts(name), "snowflake") if kind == "function" else ""
    return SnowflakeChat(model_name=name, statements=Statements(session), function=function)


def as_text(messages: Sequence[BaseMessage]) -> str:
    """The messages as one text, since AI_COMPLETE takes one; speakers are named where there is more than one turn."""
    texts = [str(message.content) for message in messages]
    if len(messages) <= 2 and not any(message.type == "ai" for message in messages):
        return "\n\n".join(texts)
    lines = [
        f"{SPEAKERS[message.type]}: {text}" if message.type in SPEAKERS else text
        for message, text in zip(messages, texts, strict=True)
    ]
    return "\n\n".join([*lines, "Assistant:"])


def read_reply(cell: Any) -> AIMessage:
    """What the function returned as a message: AI_COMPLETE's details, an OpenAI-shaped reply, or plain text."""
    if not cell:
        raise ModelError("The model answered with nothing.", "Try again, or try another model.")
    try:
        reply = json.loads(cell) if isinstance(cell, str) else cell
    except ValueError:
        return AIMessage(content=str(cell))
    if isinstance(reply, str):
        return AIMessage(content=reply)
    if not isinstance(reply, dict):
        return AIMessage(content=str(cell))
    if reply.get("error"):
        raise ModelError(f"The model did not answer: {str(reply['error'])[:200]}", "Try again, or another model.")
    choices = reply.get("choices") or [{}]
    said = choices[0].get("messages") or choices[0].get("message", {}).get("content") or reply.get("text") or ""
    return AIMessage(content=str(said), response_metadata={"token_usage": reply.get("usage") or {}})


def _parts(name: str) -> list[str]:
    """The parts of a dotted name as Snowflake stores them: upper case unless quoted."""
    if not NAME.fullmatch(name.strip()):
        raise SettingsError(f"{name!r} is no function's name.", "Write it like function:DB.SCHEMA.NAME.")
    return [quoted or plain.upper() for quoted, plain in PART.findall(name)]


def _text(value: str) -> str:
    from sql_tools.warehouses.snowflake.catalog import text

    return text(value)
