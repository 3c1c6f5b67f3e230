"""Today's ranking and an earlier one, by turns on the same questions: recall, time, and what Spider's prompts hold.

    git show 71907c5:sql_tools/ranking.py > /tmp/before.py
    .venv/bin/python tests/bench/ranking_turns.py FOLDER /tmp/before.py

FOLDER is that of ranking_choice.py. Every question is asked of one ranking, then of the other; times are of the thread, so
other work on the machine counts less. `lost` counts Spider dev questions of which a prompt of at most so many columns lacks a
gold table, of those whose schema is wider; at the product's 150 all schemas of Spider dev pass whole.
"""

import importlib.util
import random
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recall import CUTS, Loaded, catalog, within
from retrieval_sets import Asked, QuestionSet, full_name, snow, spider_train, unseen_sets

from sql_tools.models import Question
from sql_tools.ranking import TableIndex
from sql_tools.retrieve import Catalog, _catalogs, retrieve
from sql_tools.settings import Settings

BUDGETS = (10, 15, 20, 30)


def earlier(file: Path) -> Any:
    """The TableIndex of an earlier ranking.py, with the order that retrieve.py gave its families."""
    spec = importlib.util.spec_from_file_location("earlier_ranking", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    class Earlier(module.TableIndex):  # type: ignore[misc,name-defined]
        def in_order(self, ranked: Sequence[int], text: str) -> list[int]:
            return [member for family in ranked for member in self.members(family, text)]

    return Earlier


def turns(label: str, asked: Sequence[Asked], both: Sequence[Any]) -> None:
    """`both` give a database's catalog: the earlier ranking's, then today's."""
    seconds: tuple[list[float], list[float]] = ([], [])
    hits: tuple[list[list[float]], list[list[float]]] = ([], [])
    names: dict[int, dict[str, int]] = {}
    for question in asked:
        for turn, catalog_of in enumerate(both):
            found = catalog_of(question.database)
            if id(found) not in names:
                names[id(found)] = {full_name(table): i for i, table in enumerate(found.tables)}
            needed = {found.index.family_of(names[id(found)][name]) for name in question.needed}
            started = time.thread_time()
            order = found.ranked(question.text)
            seconds[turn].append(time.thread_time() - started)
            hits[turn].append([len(needed & {found.index.family_of(i) for i in order[:k]}) / len(needed) for k in CUTS])
    for turn, when in enumerate(("before", "now   ")):
        times = sorted(seconds[turn])
        p50, p95 = (1000 * times[int(len(times) * share)] for share in (0.5, 0.95))
        told = " ".join(f"@{cut} {statistics.mean(row[i] for row in hits[turn]):.3f}" for i, cut in enumerate(CUTS))
        print(f"{label}, {when}: {told}; p50 {p50:.2f} ms, p95 {p95:.2f} ms", flush=True)


def prompts(dev: QuestionSet, index: Any) -> str:
    """How many prompts hold the whole schema; how many lack a gold table when only few columns fit."""
    limit, whole, lost = Settings().max_prompt_columns, 0, dict.fromkeys(BUDGETS, 0)
    for one in dev.by_database():
        shelf = Loaded(one.tables)
        shelf.dialect = "sqlite"  # type: ignore[attr-defined]
        _catalogs[shelf] = Catalog(shelf)  # type: ignore[index,arg-type]
        _catalogs[shelf].__dict__["index"] = index(one.tables)  # type: ignore[index]
        for asked in one.asked:
            question, columns = Question(text=asked.text), sum(len(table.columns) for table in one.tables)
            whole += retrieve(question, shelf, max_columns=limit).tables == one.tables  # type: ignore[arg-type]
            for budget in (budget for budget in BUDGETS if budget < columns):
                shown = retrieve(question, shelf, max_columns=budget).tables  # type: ignore[arg-type]
                lost[budget] += not asked.needed <= {full_name(table) for table in shown}
    return f"{whole} of {len(dev.asked)} prompts hold the whole schema; lost at {lost}"


def main(folder: Path, before: Path) -> None:
    """Every comparison, a pair of lines each."""
    then, account, sets = earlier(before), snow(folder), unseen_sets(folder)

    def pair(tables: Sequence[Any]) -> list[Any]:
        made = [catalog(tables), catalog(tables)]
        made[0].__dict__["index"] = then(made[0].tables)
        return [lambda _, one=one: one for one in made]

    def ones() -> list[Any]:
        by_database = {one.name: one.tables for one in account.by_database()}
        old = {name: pair(tables)[0](name) for name, tables in by_database.items()}
        return [old.__getitem__, within(account.tables)]

    for label, index in (("before", then), ("now   ", TableIndex)):
        print(f"Spider dev, {label}: {prompts(sets[0], index)}", flush=True)
    turns("Snow, one database", account.asked, ones())
    turns("Snow, whole account", account.asked, pair(account.tables))
    tables = [*(table for one in sets for table in one.tables), *spider_train(folder).tables]
    small, large = pair(tables), pair([*tables, *account.tables])
    for one in sets:
        turns(f"{one.name} of {len(tables)}", one.asked, small)
        some = random.Random(7).sample(one.asked, min(500, len(one.asked)))
        turns(f"{one.name} of {len(tables) + len(account.tables):,}, {len(some)} questions", some, large)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
