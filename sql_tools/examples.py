"""Question -> solved questions of the same shape, to show a small model how such a question reads in SQL.

The bank is the training half of Spider (other databases than any benchmark here is scored on). Questions are compared
with the words of their schema masked, so that "how many singers are from France" finds "how many heads are from Japan":
what carries over is the shape, never the names. TF-IDF over words and word pairs, cosine.
"""

import gzip
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import resources
from itertools import pairwise

from sql_tools.models import Table, Turn, ValueMatch
from sql_tools.words import words_of

MASK = "_"
COMMON_COUNT = 15


def examples(text: str, tables: Sequence[Table], values: Sequence[ValueMatch], *, count: int) -> tuple[Turn, ...]:
    """The `count` solved questions most alike in shape, least alike first; no two with the same SQL."""
    if count < 1:
        return ()
    bank = _bank()
    names = {
        word for table in tables for name in (table.name, *(c.name for c in table.columns)) for word in words_of(name)
    }
    names |= {word for match in values for word in words_of(match.text)}
    asked = bank.weigh(_shape(MASK if word in names else word for word in words_of(text)))
    found: dict[str, Turn] = {}
    for index in bank.nearest(asked, 4 * count):
        turn = bank.turns[index]
        found.setdefault(turn.sql, turn)
    return tuple(reversed(list(found.values())[:count]))


def question_words() -> frozenset[str]:
    """Words that questions use whatever they are about: those left unmasked in many solved questions."""
    return _bank().common_words


class _Bank:
    """The solved questions and an inverted index over their shapes."""

    def __init__(self, rows: list[dict[str, str]]) -> None:
        self.turns = [Turn(question=row["question"], sql=row["sql"]) for row in rows]
        shapes = [Counter(_shape(row["mask"].split())) for row in rows]
        seen = Counter(term for shape in shapes for term in shape)
        self.common_words = frozenset(term for term, count in seen.items() if count >= COMMON_COUNT and " " not in term)
        self._rarity = {term: math.log(len(rows) / count) for term, count in seen.items()}
        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for index, shape in enumerate(shapes):
            for term, weight in self.weigh(shape).items():
                self._postings[term].append((index, weight))

    def weigh(self, terms: Iterable[str]) -> dict[str, float]:
        """A unit vector over known terms."""
        counts = terms if isinstance(terms, Counter) else Counter(terms)
        vector = {term: math.sqrt(n) * self._rarity[term] for term, n in counts.items() if term in self._rarity}
        length = math.sqrt(sum(w * w for w in vector.values())) or 1.0
        return {term: weight / length for term, weight in vector.items()}

    def nearest(self, vector: dict[str, float], count: int) -> list[int]:
        scores: dict[int, float] = defaultdict(float)
        for term, weight in vector.items():
            for index, other in self._postings[term]:
                scores[index] += weight * other
        return sorted(scores, key=lambda index: (-scores[index], index))[:count]


@lru_cache(maxsize=1)
def _bank() -> _Bank:
    packed = resources.files("sql_tools").joinpath("data/spider_train.jsonl.gz").read_bytes()
    return _Bank([json.loads(line) for line in gzip.decompress(packed).decode().splitlines()])


def _shape(words: Iterable[str]) -> list[str]:
    """Words and neighbouring pairs, runs of masked words as one."""
    kept: list[str] = []
    for word in words:
        if word != MASK or not kept or kept[-1] != MASK:
            kept.append(word)
    return [word for word in kept if word != MASK] + [f"{a} {b}" for a, b in pairwise(kept)]
