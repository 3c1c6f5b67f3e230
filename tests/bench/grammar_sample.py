"""What does a schema's grammar let through? `python tests/bench/grammar_sample.py FOLDER [COUNT] [SEED]`.

FOLDER holds `.sqlite` files; the first five are taken. COUNT strings are sampled from their grammars by walking the rules,
those used least first, to use each production 20 times at least. Each is matched by llguidance, parsed by sqlglot, its names are
looked up, and DuckDB explains it on empty tables of the schema. Prints a JSON object of counts and of refusals by class.

The writer's own names (aliases, CTEs, columns of theirs and of subqueries) are drawn from those that are there, where one is: no
grammar can say that a name was given before. Where none is, where a column's table is not in FROM, and where DuckDB does not
find a name, it counts as unresolved. The string with the names drawn is matched once more, and that is what DuckDB explains.
"""

import json
import random
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from grammar_golds import sqlite_tables
from grammar_names import Names
from grammar_sampler import Sampler, texts
from sqlglot.errors import SqlglotError

from sql_tools.generate import sql_in
from sql_tools.grammar import accepts, lark_grammar
from sql_tools.grammar.scope import COUNT, layout, places, span
from sql_tools.models import Table

SCHEMAS = 5
AT_LEAST = 20
NOT_FOUND = re.compile(r"not found|does not exist|not have a column|No such")


class Explained:
    """Empty tables of a schema in DuckDB."""

    def __init__(self, tables: tuple[Table, ...]) -> None:
        self.connection = duckdb.connect()
        for table in tables:
            columns = ", ".join(f'"{c.name}" {c.type}' for c in table.columns)
            self.connection.execute(f'CREATE TABLE "{table.name}" ({columns})')

    def __call__(self, sql: str) -> str:
        """What is wrong with a statement; an empty answer if nothing."""
        try:
            self.connection.execute(f"EXPLAIN {sql}")
            return ""
        except duckdb.Error as error:
            return str(error).split("\n")[0]

    def columns(self, sql: str) -> list[str]:
        """The names of a query's columns; none where DuckDB refuses it."""
        try:
            return [row[0].lower() for row in self.connection.execute(f"DESCRIBE {sql}").fetchall()]
        except duckdb.Error:
            return []


def kind_of(problem: str) -> str:
    """A refusal's class: its words without the names in it."""
    short = re.sub(r"\"[^\"]*\"|'[^']*'|\b\w*[0-9_]\w*\b|\([^)]*\)", "_", problem)
    return re.sub(r"\s+", " ", short)[:70]


class Findings:
    """What was sampled, and what was found of it."""

    def __init__(self) -> None:
        self.totals, self.unresolved, self.refused, self.used = (Counter[str]() for _ in range(4))
        self.unmatched: list[tuple[str, int]] = []
        self.examples: list[tuple[str, str]] = []

    def look(self, sql: str, sampler: Sampler, names: Names, explain: Explained) -> None:
        """One string: matched, parsed, its names resolved, explained."""
        self.totals["sampled"] += 1
        match = accepts(sampler.lark, sql)
        if not match.accepted:
            self.unmatched.append((sql, match.stopped_at))
            return
        self.totals["matched"] += 1
        try:
            tree = sqlglot.parse_one(sql_in(sql), read="duckdb")
        except SqlglotError as error:
            self.refused["sqlglot: " + kind_of(str(error))] += 1
            self.examples.append((sql, str(error)[:300]))
            return
        self.totals["parsed"] += 1
        names.resolve(tree)
        named = names.written(sql_in(sql))
        self.totals["matched with the names chosen"] += accepts(sampler.lark, named).accepted
        problem = "" if names.unresolved else explain(named)
        missing = [kind_of(problem)] if NOT_FOUND.search(problem) else []
        self.unresolved.update([*names.unresolved.elements(), *missing])
        if names.unresolved or missing:
            self.examples.append((sql, problem or str(dict(names.unresolved))))
            return
        self.totals["all names resolved"] += 1
        self.totals["explained"] += not problem
        if problem:
            self.refused[kind_of(problem)] += 1

    def count(self, sampler: Sampler) -> None:
        """How often each production of the template was used, whatever the table."""
        for name, index in sampler.possible:
            self.used[sampler.productions[name, index]] += sampler.used[name, index]

    def rare(self) -> dict[str, int]:
        """What was used too little."""
        return {production: count for production, count in self.used.items() if count < AT_LEAST}


def sampler_of(tables: tuple[Table, ...], seed: int) -> Sampler:
    """A sampler of these tables' grammar."""
    where = layout([[column.name.lower() for column in table.columns] for table in tables])
    asked = ~int(places(where, "duckdb")["INNER"], 16) & ~span(COUNT)
    return Sampler(lark_grammar(tables, "duckdb"), random.Random(seed), asked)


def measure(files: list[Path], count: int, seed: int) -> dict[str, Any]:
    """Counts over all schemas, and what was refused, by class; then, where a production was rare, a tenth as many for it."""
    found = Findings()
    samplers = [(sampler_of(tables, seed), tables) for tables in map(sqlite_tables, files)]
    for sampler, tables in samplers:
        explain = Explained(tables)
        for _ in range(count // len(files)):
            sql = texts(sampler, sampler.rng.choice((15, 30, 60, 120)))
            found.look(sql, sampler, Names(tables, sampler.rng, explain.columns, sql_in(sql)), explain)
        found.count(sampler)
    for sampler, tables in samplers:
        explain = Explained(tables)
        for _ in range(count // len(files) // 10 if found.rare() else 0):
            before = Counter(sampler.used)
            sql = texts(sampler, 30, towards=set(found.rare()))
            found.look(sql, sampler, Names(tables, sampler.rng, explain.columns, sql_in(sql)), explain)
            for (name, index), times in (sampler.used - before).items():
                found.used[sampler.productions[name, index]] += times
    return {
        **found.totals,
        "productions": len(found.used),
        f"used less than {AT_LEAST} times": found.rare(),
        "unresolved": found.unresolved,
        "refused": dict(found.refused.most_common(25)),
        "dead ends": sum((sampler.dead_ends for sampler, _ in samplers), Counter[str]()),
        "unmatched": found.unmatched[:5],
        "examples": found.examples[:5],
    }


if __name__ == "__main__":
    found = sorted(Path(sys.argv[1]).glob("*.sqlite"))[:SCHEMAS]
    options = [int(word) for word in sys.argv[2:]] + [10_000, 7][len(sys.argv) - 2 :]
    print(json.dumps(measure(found, options[0], options[1]), indent=1))
