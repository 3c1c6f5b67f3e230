"""A message that leans on the question before it -> one question in full, written by the model in one short call.

The call begins with the same words as a draft's, so that a served model has read them already, and is held to one line.
"""

import re
from contextlib import suppress
from typing import Any

from langchain_core.language_models import BaseChatModel

from sql_tools.errors import ModelError
from sql_tools.llms.grammar_field import grammar_options
from sql_tools.llms.send import send
from sql_tools.models import Context, Turn
from sql_tools.prompt import resolve_prompt

MAX_CHARS, MAX_TOKENS = 400, 160
GRAMMAR = "%llguidance {}\nstart: /[^\\n]{1,400}/\n"
OWN = re.compile(r"\W*NEW\b", re.IGNORECASE)
LABEL = re.compile(r"^\W*(?:complete |full |standalone |rewritten )?question\s*[:：]\s*", re.IGNORECASE)


def resolved(text: str, last: Turn, context: Context, model: BaseChatModel, *, certain: bool) -> str:
    """The message as a question of its own; "" where the model says that it is one already, unless it `certain`ly leans."""
    options: dict[str, Any] = {"max_tokens": MAX_TOKENS, "temperature": 0.0}
    with suppress(ModelError):  # a server that takes none: the first line counts
        options |= grammar_options(model, GRAMMAR)
    replies = send(resolve_prompt(text, last, context, certain=certain), model, options)
    lines = str(replies[0].text).strip().splitlines() if replies else []
    said = LABEL.sub("", lines[0]).strip().strip('"').strip() if lines else ""
    if not said or len(said) > MAX_CHARS or OWN.match(said):
        return "" if not certain else text
    return said
