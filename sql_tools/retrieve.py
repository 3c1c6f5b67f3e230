"""Question, warehouse -> Context: the tables worth showing, and the stored values the question mentions.

Small schemas pass whole: the prompt's prefix then never changes and is computed once. Larger ones are scored by words
and character 4-grams over names, comments and values, each weighted by how rare it is; the best tables bring along the
tables their foreign keys need. Given up: words with no letters in common ("revenue" for "sales") are not found here,
unless a semantic file says so.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cached_property
from weakref import WeakKeyDictionary

from sql_tools.errors import WarehouseError
from sql_tools.models import Context, Question, Table, ValueMatch
from sql_tools.semantic import semantics_of
from sql_tools.semantic.matching import named_metrics
from sql_tools.warehouses import Warehouse
from sql_tools.words import fold, singular, words_of

MAX_TABLES = 12
MAX_SPAN_WORDS = 6
MAX_MATCHES = 8
STOP = frozenset(
    """a all an and any are as at average be been between by can count did do does each every find first for from give had
    has have how i id in is it its last least less list many me more most much name names no not number of on one
    only or order please return show than that the their them there these they this to total us was we were what
    when where which who whose with you year years yes""".split()
)


def retrieve(question: Question, warehouse: Warehouse, *, max_columns: int) -> Context:
    """Everything the model and the checks may know for this question, in canonical order.

    Tables are chosen only where the schema has more than `max_columns` columns. WarehouseError if there is no table.
    """
    catalog = catalog_of(warehouse)
    text = " ".join([*(turn.question for turn in question.history), question.text])
    values = catalog.find_values(question.text)
    semantics = semantics_of(warehouse)
    tables = catalog.tables
    if sum(len(t.columns) for t in tables) > max_columns:
        metrics = named_metrics(text, semantics) if semantics else ()
        needed = frozenset(name for metric in metrics for name in metric.tables)
        tables = catalog.choose(text, values, max_columns=max_columns, needed=needed)
    return Context(
        dialect=warehouse.dialect,
        question=question.text,
        tables=tables,
        catalog=catalog.tables,
        values=values,
        semantics=semantics,
    )


class Catalog:
    """A warehouse's tables with the indexes made from them: terms -> tables, folded values -> where they are stored."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.tables = warehouse.tables()
        if not self.tables:
            raise WarehouseError(f"{warehouse.name} holds no tables.", "Load some data first.")

    @cached_property
    def _terms(self) -> list[Counter[str]]:
        return [Counter(_table_terms(table)) for table in self.tables]

    @cached_property
    def _rarity(self) -> dict[str, float]:
        seen = Counter(term for terms in self._terms for term in terms)
        return {term: math.log(1 + len(self.tables) / count) for term, count in seen.items()}

    @cached_property
    def _values(self) -> dict[str, list[tuple[str, str, str]]]:
        index: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        for table in self.tables:
            for column in table.columns:
                for value in column.values:
                    index[fold(value)].append((table.name, column.name, value))
        return index

    def choose(
        self, text: str, values: Iterable[ValueMatch], *, max_columns: int, needed: frozenset[str] = frozenset()
    ) -> tuple[Table, ...]:
        """The tables most like `text` within the column budget, closed under the foreign keys between them; those
        `needed`, by their path in SQL, come first."""
        asked = Counter(_terms_of(text))
        scores = [
            sum(self._rarity[t] * min(2, n) for t, n in asked.items() if t in terms) / (1 + 0.1 * math.sqrt(len(terms)))
            for terms in self._terms
        ]
        held = {(match.table, match.column) for match in values}
        holders = {table for table, _ in held}
        first = {i for i, table in enumerate(self.tables) if needed and ".".join(table.path) in needed}
        order = sorted(
            range(len(scores)), key=lambda i: (i not in first, -scores[i] - (self.tables[i].name in holders), i)
        )
        widest = max(1, max_columns // 2)
        chosen: set[int] = set()
        budget = max_columns
        for i in order[: MAX_TABLES if scores[order[0]] else 3]:
            width = min(widest, len(self.tables[i].columns))
            if chosen and width > budget:
                continue
            chosen.add(i)
            budget -= width
        chosen |= self._bridges(chosen)
        return tuple(_narrow(self.tables[i], asked, held_columns=held, limit=widest) for i in sorted(chosen))

    def _bridges(self, chosen: set[int]) -> set[int]:
        """Tables that refer to two or more of the chosen ones: joins run through them."""
        names = {self.tables[i].name for i in chosen}
        return {
            i
            for i, table in enumerate(self.tables)
            if len({key.target_table for key in table.foreign_keys} & names) > 1
        }

    def find_values(self, text: str) -> tuple[ValueMatch, ...]:
        """Spans of the question that are stored values, longest first; a span inside a longer one is left out."""
        words = [(m.start(), m.end()) for m in re.finditer(r"[^\s,;:?!()\"“”]+", text)]
        found: list[ValueMatch] = []
        taken: list[tuple[int, int]] = []
        for length in range(min(MAX_SPAN_WORDS, len(words)), 0, -1):
            for i in range(len(words) - length + 1):
                start, end = words[i][0], words[i + length - 1][1]
                span = text[start:end].strip("'’.`")
                if any(start < e and s < end for s, e in taken) or not _worth_looking_up(span):
                    continue
                hits = self._values.get(fold(span)) or self._values.get(fold(singular(span)))
                if hits:
                    taken.append((start, end))
                    found += [ValueMatch(text=span, table=t, column=c, value=v) for t, c, v in hits[:3]]
        return tuple((found + self._unspaced(text))[:MAX_MATCHES])

    def _unspaced(self, text: str) -> list[ValueMatch]:
        """Stored values of two letters or more inside text that has no spaces, as in Japanese or Chinese."""
        if text.isascii():
            return []
        folded = fold(text)
        return [
            ValueMatch(text=v, table=t, column=c, value=v)
            for value, hits in self._values.items()
            if len(value) > 1 and not value.isascii() and value in folded
            for t, c, v in hits[:3]
        ]


_catalogs: WeakKeyDictionary[Warehouse, Catalog] = WeakKeyDictionary()


def catalog_of(warehouse: Warehouse) -> Catalog:
    """The warehouse's catalog, indexed once a reading of its tables; never shared between connections, so never between roles."""
    found = _catalogs.get(warehouse)
    if found is None or found.tables is not warehouse.tables():  # read anew since, as where a table was dropped
        found = _catalogs[warehouse] = Catalog(warehouse)
    return found


def _terms_of(text: str) -> Iterable[str]:
    for word in words_of(text):
        if word in STOP:
            continue
        yield word
        padded = f"^{word}$"
        if len(word) > 3:
            yield from ("#" + padded[i : i + 4] for i in range(len(padded) - 3))


def _narrow(table: Table, asked: Counter[str], *, held_columns: set[tuple[str, str]], limit: int) -> Table:
    """The table with its keys and the `limit` columns most asked about, in their order; whole if it is not wider."""
    if len(table.columns) <= limit:
        return table
    keys = {*table.primary_key, *(name for key in table.foreign_keys for name in key.columns)}

    def weight(index: int) -> tuple[float, int]:
        column = table.columns[index]
        terms = set(_terms_of(f"{column.name} {column.comment}"))
        asked_for = sum(1 for term in terms if term in asked) / math.sqrt(1 + len(terms))
        return (-asked_for - 9 * ((table.name, column.name) in held_columns) - 3 * (column.name in keys), index)

    kept = sorted(sorted(range(len(table.columns)), key=weight)[:limit])
    return table.model_copy(update={"columns": tuple(table.columns[i] for i in kept)})


def _table_terms(table: Table) -> Iterable[str]:
    yield from _terms_of(table.name) or ()
    yield from _terms_of(table.name)
    yield from _terms_of(table.comment)
    for term in table.terms:
        yield from _terms_of(term)
    for column in table.columns:
        yield from _terms_of(column.name)
        yield from _terms_of(column.comment)
        for value in column.values[:50]:
            yield from _terms_of(value)


def _worth_looking_up(span: str) -> bool:
    return len(span) > 1 and not span.isdigit() and span.lower() not in STOP
