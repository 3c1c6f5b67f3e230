"""How many of the tables that questions need are among the first ones found, and how long finding takes.

Recall is told twice: of families (tables alike but for the digits of their names, of which a prompt shows one) and, in
brackets, of single tables. The k first are k tables. Intervals are 95 %, by 2,000 resamplings of the databases that are
asked about, with all their questions: questions about one database succeed and fail together. Times are of the thread, so
other work on the machine counts less.
"""

import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from retrieval_sets import Asked, full_name

from sql_tools.models import Table
from sql_tools.retrieval.ranking import TableIndex, Weights
from sql_tools.retrieve import Catalog

CUTS = (10, 20, 50)
RESAMPLINGS = 2_000


class Loaded:
    """A warehouse that is nothing but its tables."""

    name = "file"

    def __init__(self, tables: tuple[Table, ...]) -> None:
        self._tables = tables

    def tables(self) -> tuple[Table, ...]:
        return self._tables


@dataclass(frozen=True)
class Found:
    """One question's recall at each of CUTS."""

    database: str
    families: tuple[float, ...]
    singles: tuple[float, ...]
    seconds: float


def catalog(tables: Iterable[Table], weights: Weights | None = None) -> Catalog:
    """The product's catalog over tables, indexed, with other weights if given."""
    made = Catalog(Loaded(tuple(tables)))  # type: ignore[arg-type]
    made.__dict__["index"] = TableIndex(made.tables, weights)  # what the cached property would hold
    return made


def within(tables: Iterable[Table], weights: Weights | None = None) -> Callable[[str], Catalog]:
    """Database -> a catalog of its tables alone, as a connection that names it has."""
    by_database: dict[str, list[Table]] = defaultdict(list)
    for table in tables:
        by_database[table.database].append(table)
    made: dict[str, Catalog] = {}

    def of(database: str) -> Catalog:
        if database not in made:
            made[database] = catalog(by_database[database], weights)
        return made[database]

    return of


def find(asked: Sequence[Asked], *catalogs_of: Callable[[str], Catalog]) -> list[list[Found]]:
    """Every question asked by turns of each catalog for its database: a list of rows for each of `catalogs_of`."""
    positions: dict[int, dict[str, int]] = {}
    rows: list[list[Found]] = [[] for _ in catalogs_of]
    for question in asked:
        for turn, catalog_of in enumerate(catalogs_of):
            found = catalog_of(question.database)
            if id(found) not in positions:
                positions[id(found)] = {full_name(table): i for i, table in enumerate(found.tables)}
            rows[turn].append(_found(question, found, {positions[id(found)][name] for name in question.needed}))
    return rows


def _found(question: Asked, found: Catalog, needed: set[int]) -> Found:
    started = time.thread_time()
    order = found.ranked(question.text)
    seconds = time.thread_time() - started
    families = {found.index.family_of(i) for i in needed}
    shown = [{found.index.family_of(i) for i in order[:cut]} for cut in CUTS]
    return Found(
        database=question.database,
        families=tuple(len(families & these) / len(families) for these in shown),
        singles=tuple(len(needed & set(order[:cut])) / len(needed) for cut in CUTS),
        seconds=seconds,
    )


def tell(label: str, rows: Sequence[Found], *, timed: bool = False) -> None:
    """One line: recall of families with intervals, of single tables in brackets, and what it is over."""
    parts = []
    for place, cut in enumerate(CUTS):
        low, high = interval(rows, place)
        of_families, of_singles = (statistics.mean(row[place] for row in r) for r in _both(rows))
        parts.append(f"@{cut} {of_families:.3f} [{low:.3f} to {high:.3f}] ({of_singles:.3f})")
    count = len({row.database for row in rows})
    seconds = sorted(row.seconds for row in rows)
    p50, p95 = (1000 * seconds[int(len(seconds) * share)] for share in (0.5, 0.95))
    took = f"; p50 {p50:.1f} ms, p95 {p95:.1f} ms" if timed else ""
    print(f"{label}: {', '.join(parts)}; {len(rows)} questions, {count} databases{took}", flush=True)


def interval(rows: Sequence[Found], place: int) -> tuple[float, float]:
    """Where 95 % of resamplings of the databases have the families' mean recall at CUTS[place]."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for row in rows:
        sums[row.database][0] += row.families[place]
        sums[row.database][1] += 1
    pairs, chance = list(sums.values()), random.Random(7)
    means = []
    for _ in range(RESAMPLINGS):
        drawn = chance.choices(pairs, k=len(pairs))
        means.append(sum(hits for hits, _ in drawn) / sum(count for _, count in drawn))
    means.sort()
    return means[int(0.025 * RESAMPLINGS)], means[int(0.975 * RESAMPLINGS)]


def _both(rows: Sequence[Found]) -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
    return [row.families for row in rows], [row.singles for row in rows]
