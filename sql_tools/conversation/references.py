"""「the second one」 -> what the row shown there is called: a reference to a row above is bound to its key, never to its place."""

import re
from collections.abc import Sequence
from typing import Any

from sql_tools.conversation.column_roles import classify
from sql_tools.models import ResultColumn

ORDINALS = {
    **{w: n for n, w in enumerate("first second third fourth fifth sixth seventh eighth ninth tenth".split())},
    **{w: n for n, w in enumerate("erste zweite dritte vierte fünfte sechste siebte achte neunte zehnte".split())},
}
THE_NTH = re.compile(
    rf"\bthe ({'|'.join(list(ORDINALS)[:10])}|last) (?:one|row|entry|item|place|result)\b|"
    rf"\b(?:der|die|das|den|dem|des) ({'|'.join(list(ORDINALS)[10:])}|letzte)[nrms]?(?=\W|$)(?!\s+(?:jahr|monat|quartal|woche|tag)\w*)|"
    r"(\d+|一|二|三|四|五)(?:番目|つ目|位)(?:の(?:もの|行|やつ|方)?)?|(最後)の(?:もの|行|やつ|方)|#(\d+)\b|\bnumber (\d+)\b(?= (?:above|in the list))",
    re.IGNORECASE,
)
KANJI = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4}


def bound(text: str, columns: Sequence[ResultColumn], rows: Sequence[Sequence[Any]]) -> str | None:
    """The text with each such reference replaced by the column and value that name the row; None where there is no such row.

    >>> bound("what about the second one?", (ResultColumn(name="city", type="VARCHAR"),), (("Lima",), ("Oslo",)))
    "what about city 'Oslo'?"
    """
    found = list(THE_NTH.finditer(text))
    if not found:
        return text
    label = _label(columns, rows)
    if label is None:
        return None
    for match in reversed(found):
        at = _place(match, len(rows))
        if not 0 <= at < len(rows) or rows[at][label] is None:
            return None
        text = f"{text[: match.start()]}{columns[label].name} {str(rows[at][label])!r}{text[match.end() :]}"
    return text


def _place(match: re.Match[str], count: int) -> int:
    word = next(group for group in match.groups() if group).lower()
    if word in ("last", "letzte", "最後"):
        return count - 1
    if word in KANJI:
        return KANJI[word]
    return int(word) - 1 if word.isdigit() else ORDINALS[word]


def _label(columns: Sequence[ResultColumn], rows: Sequence[Sequence[Any]]) -> int | None:
    """The column that names the rows: the first of words, else a key, else one of time."""
    roles = [classify(c.name, tuple(row[i] for row in rows)).role for i, c in enumerate(columns)]
    for role in ("category", "key", "time", "other"):
        if role in roles:
            return roles.index(role)
    return None
