"""Today's ranking and an earlier one, by turns on the same questions: recall, time, and what Spider's prompts hold.

    git show 71907c5:sql_tools/retrieval/ranking.py > /tmp/before.py
    .venv/bin/python tests/bench/ranking_turns.py FOLDER /tmp/before.py

FOLDER is that of ranking_choice.py, and so are the halves: today's weights were chosen on the first, not looking at the
second. Every question is asked of one ranking, then of the other. `lost` counts Spider dev questions of which a prompt of at most so many columns lacks a
gold table, of those whose schema is wider; at the product's 150 all schemas of Spider dev pass whole.
"""

import importlib.util
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ranking_choice import cut
from recall import Loaded, catalog, find, tell, within
from retrieval_sets import Asked, QuestionSet, full_name, snow, spider_train, unseen_sets

from sql_tools.models import Question
from sql_tools.retrieval.ranking import TableIndex
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


def turns(label: str, asked: Sequence[Asked], both: Sequence[Any], parts: Sequence[set[str]] = ()) -> None:
    """`both` give a database's catalog: the earlier ranking's, then today's. Told of all and of each part's databases."""
    for when, rows in zip(("before", "now   "), find(asked, *both), strict=True):
        tell(f"{label}, {when}", rows, timed=True)
        for number, part in enumerate(parts, start=1):
            tell(f"  half {number}", [row for row in rows if row.database in part])


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
    turns("Snow, one database", account.asked, ones(), cut(account, 2))
    turns("Snow, whole account", account.asked, pair(account.tables), cut(account, 2))
    tables = [*(table for one in sets for table in one.tables), *spider_train(folder).tables]
    small, large = pair(tables), pair([*tables, *account.tables])
    for one in sets:
        turns(f"{one.name} of {len(tables)}", one.asked, small)
        some = random.Random(7).sample(one.asked, min(500, len(one.asked)))
        turns(f"{one.name} of {len(tables) + len(account.tables):,}, {len(some)} questions", some, large)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
