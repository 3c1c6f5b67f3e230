"""Words of a question -> the metrics they name, and the verified query that is this very question.

Both conservative: a metric is named by its whole name or synonym, word by word; a verified question differs from the
asked one at most in case, punctuation, articles and politeness.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from sql_tools.models import Definition, Semantics, Verified
from sql_tools.query.identifiers import same
from sql_tools.retrieval.vocabulary import NOTHING_SAID
from sql_tools.words import words_of

TOKEN = re.compile(r"\d+(?:[.,:]\d+)+|[^\W_]+|[<>=≤≥!%$€£¥+*/#&|^~()-]")
POLITE = re.compile(r"^(?:please|kindly|can you|could you|would you)\b[\s,]*|[\s,]*\bplease\b(?=\W*\Z)", re.IGNORECASE)
ARTICLES = frozenset(("the", "a", "an"))


def named_metrics(text: str, semantics: Semantics) -> tuple[Definition, ...]:
    """The metrics that the text names, once each."""
    return tuple(dict.fromkeys(metric for group in metric_groups(text, semantics) for metric in group))


def metric_groups(text: str, semantics: Semantics) -> tuple[tuple[Definition, ...], ...]:
    """The metrics that each name in the text may mean; of names inside one another the longest counts."""
    words = words_of(text)
    taken: set[int] = set()
    found: list[tuple[Definition, ...]] = []
    phrases = sorted(_phrases(semantics), key=lambda pair: -len(pair[0]))
    for length in sorted({len(phrase) for phrase, _ in phrases}, reverse=True):
        for start in range(len(words) - length + 1):
            span = set(range(start, start + length))
            if span & taken:
                continue
            hits = [metric for phrase, metric in phrases if phrase == tuple(words[start : start + length])]
            if hits:
                taken |= span
                found.append(tuple(dict.fromkeys(hits)))
    return tuple(dict.fromkeys(found))


def _phrases(semantics: Semantics) -> Iterator[tuple[tuple[str, ...], Definition]]:
    """Each way to say a metric; one that is also a table's name, or says nothing, names no metric."""
    tables = {_words(name) for pair in semantics.names for name in (pair[0], pair[1].split(".")[-1])}
    for metric in semantics.definitions:
        if metric.kind != "metric" or not metric.shown:
            continue
        for name in (metric.name, *metric.synonyms):
            phrase = _words(name)
            if phrase and phrase not in tables and any(word not in NOTHING_SAID for word in phrase):
                yield phrase, metric


def is_called(definition: Definition, name: str) -> bool:
    """Is that its name, or one of its synonyms, as SQL would write them?"""
    return same(definition.name, name) or any(_words(synonym) == _words(name) for synonym in definition.synonyms)


@lru_cache(maxsize=20_000)
def _words(name: str) -> tuple[str, ...]:
    return tuple(words_of(name))


def verified_for(text: str, semantics: Semantics) -> Verified | None:
    """The verified query of this very question."""
    asked = normalised(text)
    return next((query for query in semantics.verified if asked and normalised(query.question) == asked), None)


def normalised(text: str) -> tuple[str, ...]:
    """A question's words and signs in order, without articles, politeness and closing punctuation.

    Case is ignored, but for words in capitals amid others: US is not us.

    >>> normalised("Please show the 5 largest orders, > $10!")
    ('show', '5', 'largest', 'orders', '>', '$', '10')
    """
    bare = POLITE.sub("", unicodedata.normalize("NFKC", text).strip()).rstrip(" .?!。")
    kept = TOKEN.findall(bare) if not bare.isupper() else TOKEN.findall(bare.casefold())
    tokens = (token if len(token) > 1 and token.isupper() else token.casefold() for token in kept)
    return tuple(token for token in tokens if token not in ARTICLES)
