"""Question, warehouse -> Context: the tables worth showing, and the stored values the question mentions.

Small schemas pass whole: the prompt's prefix then never changes and is computed once. Of larger ones `ranking` finds the
tables most like the question; the best bring along the tables their foreign keys need. Of tables that are alike but for
the digits of their names, one stands for all. Given up: words with no letters in common ("revenue" for "sales") are not
found here, unless a semantic file says so.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from functools import cached_property
from weakref import WeakKeyDictionary

from sql_tools.errors import WarehouseError
from sql_tools.models import Context, Question, Table, ValueMatch
from sql_tools.retrieval.ranking import TableIndex
from sql_tools.retrieval.terms import PLAIN, terms_of
from sql_tools.semantic import semantics_of
from sql_tools.semantic.matching import named_metrics
from sql_tools.warehouses import Warehouse
from sql_tools.words import fold, singular

MAX_TABLES = 12
MAX_SPAN_WORDS = 6
MAX_MATCHES = 8
HELD = 3.0  # for a table that holds a stored value the question mentions


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
    def index(self) -> TableIndex:
        """What finds tables by words; made on first use."""
        return TableIndex(self.tables)

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
        held = {(match.table, match.column) for match in values}
        first = [i for i, table in enumerate(self.tables) if needed and ".".join(table.path) in needed]
        order = list(dict.fromkeys([*first, *self.ranked(text, {table for table, _ in held})]))
        widest = max(1, max_columns // 2)
        chosen: set[int] = set()
        budget = max_columns
        for i in order[:MAX_TABLES] or range(min(3, len(self.tables))):
            width = min(widest, len(self.tables[i].columns))
            if chosen and width > budget:
                continue
            chosen.add(i)
            budget -= width
        chosen |= self._bridges(chosen)
        asked = Counter(terms_of(text))
        shown = (self._with_family(i) for i in sorted(chosen))
        return tuple(_narrow(table, asked, held_columns=held, limit=widest) for table in shown)

    def ranked(self, text: str, holders: Collection[str] = ()) -> list[int]:
        """Tables by how like the text they are, best first, one a family unless the text names more; `holders` hold
        a stored value that it mentions."""
        scores = dict(self.index.ranked(text))
        for family, members in enumerate(self.index.families if holders else ()):
            if self.tables[members[0]].name in holders:
                scores[family] = scores.get(family, 0.0) + HELD
        order = sorted(scores, key=lambda family: (-scores[family], family))
        return self.index.in_order(order, text)

    def _with_family(self, i: int) -> Table:
        """The table, its comment saying so where it stands for many that are alike."""
        members = self.index.family_of(i)
        if len(members) == 1:
            return self.tables[i]
        first, last = self.tables[members[0]].name, self.tables[members[-1]].name
        alike = f"one of {len(members)} tables alike, {first} to {last}"
        return self.tables[i].model_copy(update={"comment": f"{alike}. {self.tables[i].comment}".strip()})

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


def _narrow(table: Table, asked: Counter[str], *, held_columns: set[tuple[str, str]], limit: int) -> Table:
    """The table with its keys and the `limit` columns most asked about, in their order; whole if it is not wider."""
    if len(table.columns) <= limit:
        return table
    keys = {*table.primary_key, *(name for key in table.foreign_keys for name in key.columns)}

    def weight(index: int) -> tuple[float, int]:
        column = table.columns[index]
        terms = set(terms_of(f"{column.name} {column.comment}"))
        asked_for = sum(1 for term in terms if term in asked) / math.sqrt(1 + len(terms))
        return (-asked_for - 9 * ((table.name, column.name) in held_columns) - 3 * (column.name in keys), index)

    kept = sorted(sorted(range(len(table.columns)), key=weight)[:limit])
    return table.model_copy(update={"columns": tuple(table.columns[i] for i in kept)})


def _worth_looking_up(span: str) -> bool:
    return len(span) > 1 and not span.isdigit() and span.lower() not in PLAIN
