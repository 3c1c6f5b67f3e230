"""The ranking's weights, chosen on some databases and scored on others.

    .venv/bin/python tests/bench/ranking_choice.py FOLDER [FOLDS]

FOLDER holds spider2_snow/ (as for catalog_scale.py), spider/, bird/, ehrsql/ and defog_snowflake/. The databases of Spider
2.0-Snow, not its questions, are shuffled (seed 7) and cut into FOLDS parts (2). For each part all of `Weights` are chosen
anew on the other parts and on 600 questions of Spider's training set: from textbook values, one weight after another to the
best of its steps, twice over, by the mean of recall @10, @20 and @50 of families in three settings (within the database,
the whole account, Spider's training schemas in one). Then the product, with those weights, is scored on the part. The
shipped weights are those chosen on the first half of two; so was everything else of the ranking: only that half's misses
were looked at. Last, the shipped weights on sets that no choice has seen, all their schemas and the training ones in one
catalog; then with Snow's 7,860 tables among them. Not chosen anew: `comment` and `value` (these schemas have none),
SHARED (3 to 30 were tried on the first half), SLOTS and MAX_MEMBERS (what a prompt holds), LINKING (time).
"""

import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from recall import CUTS, catalog, find, tell, within
from retrieval_sets import Asked, QuestionSet, full_name, snow, spider_train, unseen_sets

from sql_tools.models import Table
from sql_tools.retrieval.ranking import LINKING, Weights, neighbours
from sql_tools.retrieval.table_families import families
from sql_tools.retrieval.terms import COLUMN, FIELDS, grams, pairs, placed, words

TEXTBOOK = Weights(name=2.0, place=1.0, comment=1.0, column=1.0, column_comment=0.5, value=0.5, gram=0.25, pair=0.5,
                   whole_name=0.4, saturation=1.2, length=0.75, database=0.4, link=0.1, rare=20)  # fmt: skip
STEPS: dict[str, tuple[float, ...]] = {
    "column_comment": (0.0, 0.1, 0.2, 0.5, 1.0),
    "saturation": (0.6, 1.2, 2.0, 3.0),
    "length": (0.25, 0.5, 0.75, 1.0),
    "pair": (0.0, 0.5, 1.0, 2.0),
    "whole_name": (0.0, 0.4, 0.8, 1.6),
    "database": (0.0, 0.2, 0.4, 0.8),
    "link": (0.0, 0.1, 0.2, 0.4),
    "gram": (0.0, 0.1, 0.25, 0.5),
    "rare": (0, 5, 20, 100),
    "name": (1.0, 2.0, 4.0, 8.0),
    "place": (0.0, 0.5, 1.0, 2.0),
    "column": (0.5, 1.0, 2.0),
}
Floats = NDArray[np.float64]


class Trial:
    """One catalog and its questions, ready to be scored with any weights at once: the product's formula over arrays."""

    def __init__(self, tables: Sequence[Table], asked: Sequence[Asked]) -> None:
        found = families(tables)
        self.size, firsts = len(found), [tables[members[0]] for members in found]
        family = {full_name(tables[member]): number for number, members in enumerate(found) for member in members}
        self.gold = [{family[name] for name in question.needed} for question in asked]
        self._terms: dict[str, list[tuple[int, Floats]]] = defaultdict(list)
        self.lengths, self.names = np.zeros((self.size, len(FIELDS))), [set(words(table.name)) for table in firsts]
        wanted = {term for question in asked for term in _all_terms(question.text)}
        for number, table in enumerate(firsts):
            self._add(number, table, wanted)
        places = {name: number for number, name in enumerate(dict.fromkeys(table.database for table in firsts))}
        self.places = np.array([places[table.database] for table in firsts])
        links = [(a, b, share) for a, near in enumerate(neighbours(firsts)) for b, share in near]
        self.links = [np.array(column) for column in zip(*links, strict=True)] or [np.zeros(0, np.int64)] * 3
        self._stand = {t: (np.array([n for n, _ in at]), np.array([c for _, c in at])) for t, at in self._terms.items()}
        self.questions = [self._looked_up(question.text) for question in asked]

    def _add(self, number: int, table: Table, wanted: set[str]) -> None:
        whole: dict[str, Floats] = defaultdict(lambda: np.zeros(len(FIELDS)))
        paired: dict[str, Floats] = defaultdict(lambda: np.zeros(len(FIELDS)))
        spelled = set()
        for field, term, count, is_pair in placed(table):
            (paired if is_pair else whole)[term][field] += count
            if field <= COLUMN and not is_pair:
                spelled.add(term)
        self.lengths[number] = sum(whole.values())
        for word in spelled:
            count = whole[word]
            for gram in grams(word):
                self.lengths[number] += count
                if gram in wanted:
                    whole[gram] = whole[gram] + count
        for term in (whole.keys() | paired.keys()) & wanted:
            self._terms[term].append((number, whole.get(term, 0) + paired.get(term, 0)))

    def _looked_up(self, text: str) -> tuple[NDArray[np.int64], Floats, Floats]:
        """Where the question's terms stand: families; counts by field; and kind (0 word, 1 gram, 2 pair), how many have
        the term, how many the word it is of, whether it is a word of the family's name."""
        said = list(dict.fromkeys(words(text)))
        kinds = [(0, word, word) for word in said] + [(1, gram, word) for word in said for gram in grams(word)]
        kinds += [(2, pair, pair) for pair in dict.fromkeys(pairs(words(text)))]
        kinds = [found for found in kinds if found[1] in self._stand]
        if not kinds:
            return np.zeros(0, np.int64), np.zeros((0, len(FIELDS))), np.zeros((0, 4))
        about = []
        for kind, term, word in kinds:
            numbers, fresh = self._stand[term][0], kind == 0 or (kind == 2 and term not in said)
            is_name = [fresh and term in self.names[number] for number in numbers]
            rest = (kind, len(numbers), len(self._terms.get(word, ())))
            about.append(np.column_stack([np.tile(rest, (len(numbers), 1)), is_name]))
        stand = [self._stand[term] for _, term, _ in kinds]
        numbers, counts = (np.concatenate([at[part] for at in stand]) for part in (0, 1))
        return numbers, counts, np.concatenate(about).astype(float)

    def recalls(self, weights: Weights) -> Floats:
        """For each question the share of its gold families among the first of CUTS, [Q, 3]."""
        by_field = np.array([getattr(weights, field) for field in FIELDS])
        length = self.lengths @ by_field
        norms = weights.saturation * (1 - weights.length + weights.length * length / length.mean())
        sizes = np.array([max(1, len(name)) for name in self.names])
        orders = (self._order(looked_up, weights, by_field, norms, sizes) for looked_up in self.questions)
        return np.array([
            [len(gold & set(order[:cut])) / len(gold) for cut in CUTS] for gold, order in zip(self.gold, orders, strict=True)
        ])  # fmt: skip

    def _order(
        self, looked_up: tuple[NDArray[np.int64], Floats, Floats], weights: Weights, by_field: Floats, norms: Floats, sizes: NDArray[np.int64]
    ) -> list[int]:  # fmt: skip
        numbers, counts, (kind, having, of_word, is_name) = looked_up[0], looked_up[1], looked_up[2].T
        factor = np.array([1.0, weights.gram, weights.pair])[kind.astype(int)] * ~(
            (kind == 1) & (of_word > weights.rare)
        )
        rarity = np.log(1 + (self.size - having + 0.5) / (having + 0.5))
        weight = counts @ by_field
        own = np.bincount(numbers, factor * rarity * weight / (weight + norms[numbers]), self.size)
        said, times = np.bincount(numbers, rarity * is_name, self.size), np.bincount(numbers, is_name, self.size)
        own += weights.whole_name * said * times / sizes
        best, lifts = np.zeros(self.places.max() + 1), np.zeros(self.size)
        np.maximum.at(best, self.places, own)
        top = np.zeros(self.size, bool)
        top[np.argsort(-own, kind="stable")[:LINKING]] = True
        a, b, share = (column[top[self.links[0]]] for column in self.links)
        np.maximum.at(lifts, b, share * own[a])
        whole = own + weights.database * best[self.places] + weights.link * lifts
        found = np.nonzero((own > 0) | (lifts > 0))[0]
        order: list[int] = found[np.lexsort((found, -whole[found]))][: CUTS[-1]].tolist()
        return order


def _all_terms(text: str) -> set[str]:
    said = words(text)
    return {*said, *pairs(said), *(gram for word in said for gram in grams(word))}


class Chooser:
    """Weights by the recall in three settings; a choice of weights is scored once, then kept."""

    def __init__(self, account: QuestionSet, training: QuestionSet) -> None:
        self._ones = [Trial(one.tables, one.asked) for one in account.by_database()]
        self._whole, self._training = Trial(account.tables, account.asked), Trial(training.tables, training.asked)
        self._kept: dict[Weights, float] = {}

    def goodness(self, weights: Weights) -> float:
        """The three means of recall at CUTS, summed."""
        if weights not in self._kept:
            ones = np.concatenate([one.recalls(weights) for one in self._ones])
            settings = (ones, self._whole.recalls(weights), self._training.recalls(weights))
            self._kept[weights] = sum(float(recalls.mean()) for recalls in settings)
        return self._kept[weights]

    def choose(self) -> Weights:
        """From textbook values, one weight after another to the best of its steps, twice over."""
        weights = TEXTBOOK
        for _ in range(2):
            for name, steps in STEPS.items():
                tried = [replace(weights, **{name: step}) for step in steps]
                weights = max([weights, *tried], key=self.goodness)
        return weights


def main(folder: Path, folds: int) -> None:
    """Choose, and score what was chosen on what was not looked at; then the shipped weights on other benchmarks."""
    account, training = snow(folder), spider_train(folder)
    training = replace(training, asked=tuple(random.Random(7).sample(training.asked, 600)))
    parts = cut(account, folds)
    databases = set().union(*parts)
    print("recall of families [95 % by databases] (of single tables)")
    _told("shipped weights, all questions", account, [(databases, Weights())])
    held, inside = [], []
    for part in parts[::-1]:
        rest = databases - part
        weights = _chosen(account, training, rest)
        held.append((part, weights))
        inside.append((rest, weights))
        _told("in sample", account, inside[-1:])
        _told("held out ", account, held[-1:])
    _told(f"in sample, all {folds} choices", account, inside)
    _told(f"held out,  all {folds} choices", account, held)
    for distractors, label in (((), "schemas of these sets"), (account.tables, "those and Snow's")):
        _unseen(folder, (*training.tables, *distractors), label)


def cut(account: QuestionSet, folds: int) -> list[set[str]]:
    """The databases that are asked about in so many parts, by chance, the same each time."""
    databases = sorted({question.database for question in account.asked})
    random.Random(7).shuffle(databases)
    size = -(-len(databases) // folds)
    return [set(databases[start : start + size]) for start in range(0, len(databases), size)]


def _chosen(account: QuestionSet, training: QuestionSet, databases: set[str]) -> Weights:
    asked = tuple(question for question in account.asked if question.database in databases)
    weights = Chooser(replace(account, asked=asked), training).choose()
    shipped = all(getattr(weights, name) == getattr(Weights(), name) for name in STEPS)
    print(f"chosen on {len(asked)} questions of {len(databases)} databases; these are the shipped weights: {shipped}: "
          + ", ".join(f"{name} {value:g}" for name, value in asdict(weights).items()), flush=True)  # fmt: skip
    return weights


def _told(label: str, account: QuestionSet, chosen: list[tuple[set[str], Weights]]) -> None:
    """Each part's questions by the product with the part's weights, within their database and over the account."""
    ones, whole = [], []
    for part, weights in chosen:
        asked = [question for question in account.asked if question.database in part]
        everything = catalog(account.tables, weights)
        ones += find(asked, within(account.tables, weights))[0]
        whole += find(asked, lambda _: everything)[0]  # noqa: B023
    tell(f"{label}, one database ", ones)
    tell(f"{label}, whole account", whole)


def _unseen(folder: Path, others: tuple[Table, ...], label: str) -> None:
    sets = unseen_sets(folder)
    everything = catalog([*(table for one in sets for table in one.tables), *others])
    count = len({table.database for table in everything.tables})
    print(f"never seen, among {len(everything.tables):,} tables of {count} databases ({label}):")
    for one in sets:
        tell(f"  {one.name}, {one.left_out} left out", find(one.asked, lambda _: everything)[0], timed=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2)
