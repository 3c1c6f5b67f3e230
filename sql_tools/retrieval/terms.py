"""A name or text -> the terms that the index of tables holds: words, pairs of neighbouring words, 4-grams of words.

Two words side by side are written as one, so "order lines", ORDER_LINES and OrderLines meet. The 4-grams find
`highschooler` by "high school". Numbers are no terms: which of many alike tables a question means is for `table_families`.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from sql_tools.models import Table
from sql_tools.words import words_of

FIELDS = ("name", "place", "comment", "column", "column_comment", "value")
COLUMN = FIELDS.index("column")
MAX_VALUES = 50
STOP = frozenset(  # words of questions that name nothing
    """a all an and any are as at be been between by can did do does each every find for from give had has have how i id in
    is it its less many me more most much names no not of on one only or please return show than that the their them there
    these they this to us was we were what when where which who whose with you""".split()
)
PLAIN = STOP | frozenset(
    "average count first last least list name number order total year years".split()
)  # name little


def placed(table: Table) -> Iterator[tuple[int, str, float, bool]]:
    """A table's words and pairs: where each stands, an index of FIELDS; the term; how often, columns with diminishing
    returns; whether it is a pair. Comments of columns and values give no pairs."""
    about = " ".join((table.comment, *table.terms))
    named = ((0, table.name), (1, table.schema_name), (1, table.database), (2, about))
    for field, text in named:
        yield from ((field, word, 1.0, False) for word in words(text))
        yield from ((field, pair, 1.0, True) for pair in pairs(words(text)))
    columns = [words(column.name) for column in table.columns]
    yield from _counted(COLUMN, columns, is_pair=False)
    yield from _counted(COLUMN, map(pairs, columns), is_pair=True)
    yield from _counted(COLUMN + 1, (words(column.comment) for column in table.columns), is_pair=False)
    values = (value for column in table.columns for value in column.values[:MAX_VALUES])
    yield from _counted(COLUMN + 2, map(words, values), is_pair=False)


def _counted(field: int, texts: Iterable[Sequence[str]], *, is_pair: bool) -> Iterator[tuple[int, str, float, bool]]:
    for term, count in Counter(term for text in texts for term in text).items():
        yield field, term, 1 + math.log(count), is_pair


@lru_cache(maxsize=300_000)
def words(text: str) -> tuple[str, ...]:
    """Words that say something, numbers left out."""
    return tuple(word for word in words_of(text) if word not in STOP and not word.isdigit()) if text else ()


def pairs(found: Sequence[str]) -> list[str]:
    """Neighbouring words written as one.

    >>> pairs(words("prices of the order lines"))
    ['priceorder', 'orderline']
    """
    return [first + second for first, second in pairwise(found)]


@lru_cache(maxsize=200_000)
def grams(word: str) -> tuple[str, ...]:
    """The 4-grams of a word of more than three letters, marked so that no word is taken for one."""
    padded = f"^{word}$"
    return tuple("#" + padded[i : i + 4] for i in range(len(padded) - 3)) if len(word) > 3 else ()


def terms_of(name: str) -> Iterator[str]:
    """A name's words, numbers too and the plain ones left out, and their 4-grams."""
    for word in words_of(name):
        if word not in PLAIN:
            yield word
            yield from grams(word)
