"""Question, context -> why it is not answered: it says too little, or the schema cannot tell.

Whether the schema can tell is asked of the model itself, as one token: the probability of "no" to "can this be answered
from these tables alone?" ranks questions well even where a small model would write SQL for anything (area under the ROC
curve: docs/evaluation.md). What counts as a no is a setting, since models differ in how sure they say they are. Where no
probabilities come back, as from the models in a Snowflake account and from some servers, its word counts: "no" is a doubt
of 1. A model of another kind is not asked.
"""

import math
import re
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from sql_tools.llms.send import send
from sql_tools.models import Context, Question
from sql_tools.prompt import answerable_prompt
from sql_tools.retrieval.vocabulary import NOTHING_SAID, unknown_words
from sql_tools.words import NEGATES, words_of

TOP_LOGPROBS = 20
UNKNOWN_WORD = 0.04  # each of up to two words the schema does not know
STORED_VALUE = -0.03  # each of up to two stored values the question mentions
NEGATION = -0.05  # "not" in a question makes a small model say no
SAID = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)


def says_too_little(question: Question) -> bool:
    """Is there no word in it that could name anything in a schema, and no earlier turn to lean on?"""
    return not question.history and not [word for word in words_of(question.text) if word not in NOTHING_SAID]


def weigh(doubted: float, question: Question, context: Context) -> float:
    """The model's doubt, corrected for what is known to sway it; weights chosen on four Spider dev
    databases and the demo questions of the tests."""
    unknown = len(unknown_words(question.text, context))
    negated = NEGATION if NEGATES.search(question.text) else 0.0
    return doubted + UNKNOWN_WORD * min(2, unknown) + STORED_VALUE * min(2, len(context.values)) + negated


def doubt(question: Question, context: Context, model: BaseChatModel) -> float | None:
    """The model's probability, 0 to 1, that these tables cannot answer the question; None if it cannot tell."""
    in_words = bool(getattr(model, "says_yes_or_no", False))
    if not in_words and not hasattr(model, "top_logprobs"):
        return None
    messages: list[BaseMessage] = answerable_prompt(question, context)
    options: dict[str, Any] = {} if in_words else {"logprobs": True, "top_logprobs": TOP_LOGPROBS, "max_tokens": 1}
    replies = send(messages, model, options)
    if not replies:
        return None
    reply = replies[0]
    if in_words:
        return _said(str(reply.text))
    content = (reply.response_metadata.get("logprobs") or {}).get("content") or []
    return _share_of_no(content[0].get("top_logprobs") or []) if content else _said(str(reply.text))


def _said(text: str) -> float | None:
    """1 for a reply that begins with no, 0 for yes, None for any other.

    >>> _said("No, there is no weather."), _said("**Yes**"), _said("Nobody knows")
    (1.0, 0.0, None)
    """
    found = SAID.match(text)
    return {"yes": 0.0, "no": 1.0}[found[1].casefold()] if found else None


def _share_of_no(top: list[dict[str, object]]) -> float | None:
    """P(no) / (P(yes) + P(no)) among the likeliest first tokens; None if neither is there."""
    odds = {"yes": 0.0, "no": 0.0}
    for entry in top:
        word = str(entry["token"]).strip().casefold()
        if word in odds:
            odds[word] += math.exp(float(str(entry["logprob"])))
    total = sum(odds.values())
    return odds["no"] / total if total else None
