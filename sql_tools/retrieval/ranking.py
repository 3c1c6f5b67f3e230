"""A question's words -> the tables most like it, in a catalog of any size.

BM25 over an inverted index of `terms`. A table's terms count by where they stand: in its name, its schema's and
database's names, its columns' names, comments, stored values. 4-grams have only a share of a whole word's weight. A table
whose whole name is said counts more than one of whose name a part is. Since a question is mostly about one database,
tables of databases that fit well move up; so do tables that share a key, or a column few tables have, with one that fits:
joins run through them. Tables alike but for digits are one family (`table_families`) and take one place. Given up: words with
no letters in common. Source: Robertson and Zaragoza 2009, BM25 and its form for fields. The weights were chosen by
tests/bench/ranking_choice.py, on databases other than those it reports on.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest

from sql_tools.models import Table
from sql_tools.retrieval.table_families import Asked, families, told_apart
from sql_tools.retrieval.terms import COLUMN, FIELDS, grams, pairs, placed, words

MAX_MEMBERS = 3  # of a family, where the family stands
SLOTS = 12  # families first, before more of their members
SHARED = 12  # a column in more families of a database than this joins nothing
LINKING = 50  # only the best so many lift their neighbours


@dataclass(frozen=True)
class Weights:
    """What counts how much; the first six for a term by where it stands, named as FIELDS."""

    name: float = 2.0
    place: float = 2.0
    comment: float = 1.0
    column: float = 1.0
    column_comment: float = 0.2
    value: float = 0.5
    gram: float = 0.1  # a 4-gram, against a word
    pair: float = 1.0  # two words side by side
    whole_name: float = 0.8
    saturation: float = 2.0
    length: float = 1.0
    database: float = 0.4  # how much of its database's best a table's score takes
    link: float = 0.2  # how much of its best neighbour's
    rare: int = 20  # a word in more families than this is looked up whole alone: its 4-grams cost time and find noise


class TableIndex:
    """An index over tables, made once a catalog: seconds for half a million columns, milliseconds a question."""

    def __init__(self, tables: Sequence[Table], weights: Weights | None = None) -> None:
        self.weights = weights or Weights()
        self.families = families(tables)
        firsts = [tables[members[0]] for members in self.families]
        self._postings = _postings(firsts, self.weights)
        count = len(firsts)
        self._rarities = [math.log(1 + (count - having + 0.5) / (having + 0.5)) for having in range(count + 1)]
        names = [set(words(table.name)) for table in firsts]
        self._name_sizes = [len(name) for name in names]
        self._named: dict[str, list[int]] = defaultdict(list)
        for number, name in enumerate(names):
            for word in name:
                self._named[word].append(number)
        self._databases = [table.database for table in firsts]
        self._neighbours = neighbours(firsts)
        self._family = {member: number for number, members in enumerate(self.families) for member in members}
        self._apart = [
            told_apart({m: tables[m].name for m in members}) if len(members) > 1 else {} for members in self.families
        ]

    def ranked(self, text: str) -> list[tuple[int, float]]:
        """Families that share a term with the text, or a key with one that does, best first, with their scores."""
        own, databases, weights = self._alike(text), self._databases, self.weights
        best: dict[str, float] = defaultdict(float)
        for number, score in own.items():
            if score > best[databases[number]]:
                best[databases[number]] = score
        whole = {number: score + weights.database * best[databases[number]] for number, score in own.items()}
        lifts: dict[int, float] = {}
        for number in nlargest(LINKING, own, key=own.__getitem__):
            for other, share in self._neighbours[number]:
                if share * own[number] > lifts.get(other, 0.0):
                    lifts[other] = share * own[number]
        for number, lift in lifts.items():
            base = whole[number] if number in own else weights.database * best[databases[number]]
            whole[number] = base + weights.link * lift
        return sorted(whole.items(), key=lambda item: (-item[1], item[0]))

    def _alike(self, text: str) -> dict[int, float]:
        """Each family's likeness to the text by its own terms alone."""
        scores: dict[int, float] = defaultdict(float)
        said: dict[int, list[float]] = defaultdict(list)
        for term, weight in self._asked(text).items():
            found = self._postings.get(term)
            if not found:
                continue
            rarity = self._rarities[len(found)]
            counted = weight * rarity
            for number, share in found:
                scores[number] += counted * share
            for number in self._named.get(term, ()):
                said[number].append(rarity)
        for number, rarities in said.items():
            scores[number] += self.weights.whole_name * sum(rarities) * len(rarities) / self._name_sizes[number]
        return scores

    def _asked(self, text: str) -> dict[str, float]:
        """The text's words, pairs of them, and the 4-grams of those that few tables have, with their weights."""
        asked: dict[str, float] = defaultdict(float)
        said = words(text)
        for word in dict.fromkeys(said):
            asked[word] += 1.0
            if len(self._postings.get(word, ())) <= self.weights.rare:
                for gram in grams(word):
                    asked[gram] += self.weights.gram
        for pair in dict.fromkeys(pairs(said)):
            asked[pair] += self.weights.pair
        return asked

    def family_of(self, table: int) -> tuple[int, ...]:
        """All tables of the family that the table, by position, is of."""
        return self.families[self._family[table]]

    def in_order(self, ranked: Sequence[int], text: str) -> list[int]:
        """Tables of the families, in the families' order: of each those asked for, MAX_MEMBERS at most, else one. More
        that are asked for come after the first SLOTS families, what else is in these last."""
        asked: Asked | None = None  # made where needed
        first: list[int] = []
        more: list[int] = []
        rest: list[int] = []
        for place, family in enumerate(ranked):
            if place == SLOTS:
                first, more = first + more, []
            if len(self.families[family]) == 1:
                first.append(self.families[family][0])
                continue
            asked = asked or Asked(text)
            named, others = asked.split(self._apart[family])
            first += named[:MAX_MEMBERS] or others[:1]
            if place < SLOTS:
                more += named[MAX_MEMBERS:]
                rest += others if named else others[1:]
        return first + more + rest


def _postings(tables: Sequence[Table], weights: Weights) -> dict[str, list[tuple[int, float]]]:
    """Each term's tables, with what its weight there comes to between 0 and 1: BM25's saturation and length."""
    found = [_weighed(table, weights) for table in tables]
    mean = sum(length for _, length in found) / len(found) if found else 1.0
    postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for number, (whole, length) in enumerate(found):
        norm = weights.saturation * (1 - weights.length + weights.length * length / mean)
        for term, weight in whole.items():
            postings[term].append((number, weight / (weight + norm)))
    return postings


def _weighed(table: Table, weights: Weights) -> tuple[dict[str, float], float]:
    """Each term's weight in a table, summed over where it stands; and the sum of all but the pairs'."""
    by_field = [getattr(weights, field) for field in FIELDS]
    whole: dict[str, float] = defaultdict(float)
    paired: dict[str, float] = defaultdict(float)
    spelled = set()
    for field, term, count, is_pair in placed(table):
        (paired if is_pair else whole)[term] += by_field[field] * count
        if field <= COLUMN and not is_pair:
            spelled.add(term)
    for word in spelled:
        for gram in grams(word):
            whole[gram] += whole[word]
    length = sum(whole.values())
    for pair, weight in paired.items():
        whole[pair] += weight
    return whole, length


def neighbours(tables: Sequence[Table]) -> list[list[tuple[int, float]]]:
    """For each table those it may join, with how surely, up to 1: by a declared key, or a column that few others have."""
    having: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, table in enumerate(tables):
        for column in {column.name.upper() for column in table.columns}:
            having[table.database, column].append(number)
    sure: list[dict[int, float]] = [{} for _ in tables]
    for numbers in having.values():
        for a in numbers if 1 < len(numbers) <= SHARED else ():
            for b in numbers:
                sure[a][b] = max(sure[a].get(b, 0.0), (len(numbers) - 1) ** -0.5)
    by_name = {(table.database, table.schema_name, table.name.upper()): number for number, table in enumerate(tables)}
    for a, table in enumerate(tables):
        for key in table.foreign_keys:
            target = key.target_table.split(".")[-1].upper()
            b = by_name.get((table.database, table.schema_name, target), a)
            sure[a][b] = sure[b][a] = 1.0
    return [[(b, share) for b, share in found.items() if b != a] for a, found in enumerate(sure)]
