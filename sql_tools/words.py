"""The words of a name or a sentence, as matching needs them."""

import re

WORD = re.compile(r"[^\W_]+", re.UNICODE)
NEGATES = re.compile(r"\b(?:not|never|no|without|neither|nor|except|excluding|cannot)\b|n['’]t\b", re.IGNORECASE)
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def words_of(text: str) -> list[str]:
    """Words in lower case and singular: `customerName`, `customer_names` -> customer, name."""
    return [singular(word.lower()) for word in WORD.findall(CAMEL.sub(" ", text))]


def singular(word: str) -> str:
    """An English plural without its ending; any other word as it is."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def fold(text: str) -> str:
    """Text for comparing: no case, single spaces."""
    return " ".join(text.casefold().split())
