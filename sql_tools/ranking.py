"""A question's words -> the tables most like it, in a catalog of any size.

BM25 over an inverted index. A table's words count by where they stand: in its name, its schema's and database's names,
its columns' names, comments, stored values. Words of names also count by their 4-grams, so `highschooler` is found by
"high school", but only with a share of a whole word's weight. Tables that differ only in the digits of their names
(GA_SESSIONS_20170801, ..._02) and have the same columns are one family and take one place. Since a question is mostly
about one database, tables of databases that fit well move up. Given up: words with no letters in common.
Source: Robertson and Zaragoza 2009, BM25 and its form for fields.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache

from sql_tools.models import Table
from sql_tools.words import words_of

NAME, PLACE, COMMENT, COLUMN, COLUMN_COMMENT, VALUE = 4.0, 2.0, 2.0, 1.0, 0.5, 0.5
GRAM = 0.25
RARE = 5  # a word in more families than this is looked up whole alone: its 4-grams would cost time and find noise
SATURATION, LENGTH = 1.2, 0.4
DATABASE = 0.4  # how much of its database's best a table's score takes
MAX_VALUES = 50
MAX_MEMBERS = 3
DIGITS = re.compile(r"\d+")
STOP = frozenset(
    """a all an and any are as at average be been between by can count did do does each every find first for from give had
    has have how i id in is it its last least less list many me more most much name names no not number of on one
    only or order please return show than that the their them there these they this to total us was we were what
    when where which who whose with you year years yes""".split()
)


class TableIndex:
    """An index over tables, made once a catalog: seconds for half a million columns, milliseconds a question."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self.families = families(tables)
        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        lengths = []
        for number, members in enumerate(self.families):
            weights = _weights(tables[members[0]])
            lengths.append(sum(weights.values()))
            for term, weight in weights.items():
                self._postings[term].append((number, weight))
        mean = sum(lengths) / len(lengths) if lengths else 1.0
        self._norms = [SATURATION * (1 - LENGTH + LENGTH * length / mean) for length in lengths]
        self._databases = [tables[members[0]].database for members in self.families]
        self._family = {member: number for number, members in enumerate(self.families) for member in members}
        self._digits = [DIGITS.findall(table.name) for table in tables]

    def ranked(self, text: str) -> list[tuple[int, float]]:
        """Families that share a term with the text, best first, with their scores."""
        scores: dict[int, float] = defaultdict(float)
        for term, weight in self._asked(text).items():
            found = self._postings.get(term, ())
            rarity = weight * math.log(1 + (len(self.families) - len(found) + 0.5) / (len(found) + 0.5))
            for number, count in found:
                scores[number] += rarity * count / (count + self._norms[number])
        best: dict[str, float] = defaultdict(float)
        for number, score in scores.items():
            best[self._databases[number]] = max(best[self._databases[number]], score)
        whole = {number: score + DATABASE * best[self._databases[number]] for number, score in scores.items()}
        return sorted(whole.items(), key=lambda item: (-item[1], item[0]))

    def family_of(self, table: int) -> tuple[int, ...]:
        """All tables of the family that the table, by position, is of."""
        return self.families[self._family[table]]

    def _asked(self, text: str) -> dict[str, float]:
        """The text's words, and the 4-grams of those that few tables have, with their weights."""
        asked: dict[str, float] = defaultdict(float)
        for word in dict.fromkeys(_words(text)):
            asked[word] += 1.0
            if len(self._postings.get(word, ())) <= RARE:
                for gram in grams(word):
                    asked[gram] += GRAM
        return asked

    def members(self, family: int, text: str) -> list[int]:
        """The tables of a family a question is about: those whose digits it mentions, else the last one."""
        members = self.families[family]
        if len(members) == 1:
            return [members[0]]
        asked = set(DIGITS.findall(text))
        named = [m for m in members if any(_mentions(digits, asked) for digits in self._digits[m])]
        return named[:MAX_MEMBERS] or [members[-1]]


def families(tables: Sequence[Table]) -> list[tuple[int, ...]]:
    """Tables that differ only in the digits of their names, by position; most are families of one."""
    found: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for number, table in enumerate(tables):
        pattern = DIGITS.sub("#", table.name)
        alone = pattern == table.name
        shape = () if alone else frozenset(column.name for column in table.columns)
        found[table.database, table.schema_name, pattern, shape].append(number)
    return [tuple(members) for members in found.values()]


@lru_cache(maxsize=200_000)
def grams(word: str) -> tuple[str, ...]:
    """The 4-grams of a word of more than three letters, marked so that no word is taken for one."""
    padded = f"^{word}$"
    return tuple("#" + padded[i : i + 4] for i in range(len(padded) - 3)) if len(word) > 3 else ()


def _mentions(digits: str, asked: set[str]) -> bool:
    return digits in asked or any(len(number) >= 4 and digits.startswith(number) for number in asked)


def _weights(table: Table) -> dict[str, float]:
    """Each term's weight in a table: summed over where it stands, columns with diminishing returns."""
    whole: dict[str, float] = defaultdict(float)
    about = " ".join((table.comment, *table.terms))
    for text, weight in ((table.name, NAME), (table.schema_name, PLACE), (table.database, PLACE), (about, COMMENT)):
        for word in _words(text):
            whole[word] += weight
    spelled = set(whole)
    for weight, texts in (
        (COLUMN, (column.name for column in table.columns)),
        (COLUMN_COMMENT, (column.comment for column in table.columns)),
        (VALUE, (value for column in table.columns for value in column.values[:MAX_VALUES])),
    ):
        counts = Counter(word for text in texts for word in _words(text))
        for word, count in counts.items():
            whole[word] += weight * (1 + math.log(count))
        if weight == COLUMN:
            spelled.update(counts)
    for word in spelled:
        for gram in grams(word):
            whole[gram] += whole[word]
    return whole


@lru_cache(maxsize=300_000)
def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in words_of(text) if word not in STOP) if text else ()


def terms_of(text: str) -> Iterator[str]:
    """A name's words and their 4-grams."""
    for word in _words(text):
        yield word
        yield from grams(word)
