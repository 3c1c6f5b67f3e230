"""What does a schema's grammar let through? `python tests/bench/grammar_sample.py FOLDER [COUNT] [SEED]`.

FOLDER holds `.sqlite` files; the first five are taken. COUNT strings are sampled from their grammars by walking the rules,
those used least first, to use each production 20 times at least. Each is matched by llguidance, parsed by sqlglot, its names are
looked up, and DuckDB explains it on empty tables of the schema. Prints a JSON object of counts and of refusals by class.

The writer's own names (aliases, CTEs, columns of theirs and of subqueries) are drawn from those that are there, where one is: no
grammar can say that a name was given before. Where none is, where a column's table is not in FROM, and where DuckDB does not
find a name, it counts as unresolved. The string with the names drawn is matched once more, and that is what DuckDB explains.
"""

import json
import math
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

import duckdb
import sqlglot
from grammar_golds import sqlite_tables
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType

from sql_tools.generate import sql_in
from sql_tools.grammar import accepts, lark_grammar
from sql_tools.grammar.scope import ALIAS, COUNT, CTES, DERIVED, layout, places, span
from sql_tools.grammar.stack import KINDS
from sql_tools.models import Table

SCHEMAS = 5
AT_LEAST = 20
MAX_STEPS = 80  # on the way to an alternative whose condition may not hold there
DEPTH_LIMIT = 20_000  # Python's own is too small: a SELECT list is a chain of rules, each called by the one before
RULE = re.compile(r"^([a-z_0-9]+)(?:::_)? *:((?:.*\n(?!\S))*.*)$", re.M)
TERMINAL = re.compile(r"^([A-Z][A-Z0-9_]*): /((?:\\.|[^/\\])*)/", re.M)
TOKEN = re.compile(r"\(|\)|\{\d+,\d+\}|\?|\||\"\"|[A-Za-z_0-9]+(?:::(?:\w+\([^)]*\)|\w+))?")
ALL = (1 << 64) - 1
NOT_FOUND = re.compile(r"not found|does not exist|not have a column|No such")
MADE_UP = re.compile(r"n[0-9]+\Z", re.I)
KIND_OF = defaultdict(list, {code: [kind] for kind, code in KINDS.items()})
WITH, CTE_IN_FROM, OUTPUT_ALIAS = "statement: P_WITH with", "derived: NIL? NAME", "out: I_AS OUT_NAME kept"
TURNED = {
    "THEN": ["in_when", "c: I_THEN y"],
    "ELSE": ["in_when", "c: I_THEN y", "c: I_ELSE y"],
    "ORDER_IN": ["in_listing", "c: (COMMA STRING)? I_ORDER_BY y"],
}


class InfeasibleError(Exception):
    """No alternative of a rule holds."""


class Sampler:
    """Strings of one grammar. `used` counts how often each alternative was taken."""

    def __init__(self, lark: str, rng: random.Random, asked: int) -> None:
        """`asked`: the bits of a parameter that say what has to follow."""
        first = TERMINAL.search(lark)
        assert first
        self.lark, self.asked = lark, asked
        self.rng, self.used, self.budget, self.dead_ends = rng, Counter[tuple[str, int]](), 0, Counter[str]()
        self.terminals = {m[1]: m[2] for m in TERMINAL.finditer(lark)}
        self.sources = {m[1]: re.split(r"\s+\|\s+", m[2]) for m in RULE.finditer(lark[: first.start()])}
        self.rules = {
            m[1]: [_alternative(a) for a in re.split(r"\s+\|\s+", m[2])] for m in RULE.finditer(lark[: first.start()])
        }
        self.depths = self._least_depths()
        self.users: dict[str, set[str]] = {name: set() for name in self.rules}
        for name, alternatives in self.rules.items():
            for item in _named(items for items, _ in alternatives):
                if item in self.users:
                    self.users[item].add(name)
        self.productions = {
            (n, i): _production(n, self.sources[n][i])
            for n, alternatives in self.rules.items()
            for i, (items, _) in enumerate(alternatives)
            if items != [("NIL", "", "")]  # matches nothing
        }
        self.ways: dict[str, dict[str, int]] = {}
        self.plan: list[str] = []
        self.steps = 0
        self.possible = [a for a in self.productions if self.depths[a] < math.inf]

    def sample(self, size: int, towards: set[str] | None = None) -> list[tuple[str, str]]:
        """One string as (terminal, text), the rules chosen at random, the least used first; `size` is when to come to an end.

        Every second one makes for the alternative used least of all, by some way that leads there; so does every one where
        it is said which productions to make for."""
        self.budget, self.steps, self.plan = size, 0, []
        wanted = [a for a in self.possible if not towards or self.productions[a] in towards]
        name, index = (
            self.rng.choice(wanted) if towards else min(wanted, key=lambda a: (self.used[a], self.rng.random()))
        )
        if towards or self.rng.random() < 0.5:
            before = ["in_window"] if name == "steps" else self._before(self.rules[name][index][1])
            self.plan = [*before, self.productions[name, index]]
        out: list[tuple[str, str]] = []
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(DEPTH_LIMIT)
        try:
            self._rule("start", 0, out)
        finally:
            sys.setrecursionlimit(limit)
        return out

    def _before(self, condition: str) -> list[str]:
        """What has to come first for a condition to hold: a WITH, an alias in the SELECT list, a bracket there."""
        kinds = [name for code in re.findall(r"eq\(\[[0-9:]+\], (\d+)\)", condition) for name in KIND_OF[int(code)]]
        if kinds:
            kind = self.rng.choice(kinds)
            return TURNED.get(kind, [f"in_{kind.lower()}"])
        if f"bit_set({DERIVED})" in condition:
            return [WITH, CTE_IN_FROM]
        if f"bit_set({CTES})" in condition:
            return [WITH]
        return [OUTPUT_ALIAS] if f"bit_set({ALIAS})" in condition else []

    def _way(self, what: object) -> float:
        """How many rules away is what the plan says next."""
        if not self.plan or self.steps >= MAX_STEPS:
            return math.inf
        if self.plan[0] not in self.ways:
            self.ways[self.plan[0]] = self._distances(self.plan[0])
        if isinstance(what, list):
            return min((self._way(item) for item, _, _ in what), default=math.inf)
        return self.ways[self.plan[0]].get(str(what), math.inf)

    def _distances(self, wanted: str) -> dict[str, int]:
        """From each rule to the one that is wanted, or that has the production."""
        ahead = sorted({name for (name, _), production in self.productions.items() if wanted in (name, production)})
        found = dict.fromkeys(ahead, 0)
        while ahead:
            near = ahead.pop(0)
            for rule in sorted(self.users[near] - set(found)):
                found[rule] = found[near] + 1
                ahead.append(rule)
        return found

    def _rule(self, name: str, parameter: int, out: list[tuple[str, str]]) -> None:
        options = [
            i
            for i, (items, condition) in enumerate(self.rules[name])
            if items != [("NIL", "", "")] and holds(condition, parameter)
        ]
        self.budget -= 1
        if self.budget < 0:
            options = sorted(options, key=lambda i: self._left(name, i, parameter))
        else:
            options = sorted(options, key=lambda i: (self.used[name, i] * self.rng.random(), self.rng.random()))
        self.steps += bool(self.plan)
        if self.plan and self.steps < MAX_STEPS:
            options = sorted(options, key=lambda i: -1 if self._met(name, i) else self._way(self.rules[name][i][0]))
        for chosen in options:
            written, plan = len(out), self.plan
            self.plan = plan[1:] if self._met(name, chosen) else plan
            try:
                self._items(self.rules[name][chosen][0], parameter, out)
            except InfeasibleError:
                self.dead_ends[name] += len(out) > written
                self.plan = plan
                del out[written:]
            else:
                self.used[name, chosen] += 1
                return
        raise InfeasibleError(name)

    def _met(self, name: str, index: int) -> bool:
        return bool(self.plan) and self.plan[0] in (name, self.productions[name, index])

    def _left(self, name: str, index: int, parameter: int) -> tuple[float, ...]:
        """How far this way is from an end: what would be open or asked for, then the steps."""
        after = [changed(change, parameter) for _, change, _ in self.rules[name][index][0] if change]
        asked = max(bin(p & self.asked).count("1") for p in after or [parameter])
        return asked, self.depths[name, index], self.rng.random()

    def _items(self, items: list[tuple[object, str, str]], parameter: int, out: list[tuple[str, str]]) -> None:
        plan, towards = self.plan, self._towards(items, 0)
        for place, (what, change, repeat) in enumerate(items):
            self.plan = plan if place == towards else []
            for _ in range(max(self._times(what, repeat), place == towards)):
                if isinstance(what, list):
                    self._items(what, parameter, out)
                elif str(what) in self.rules:
                    self._rule(str(what), changed(change, parameter), out)
                elif what:
                    out.append((str(what), ""))
            if place == towards:
                plan = self.plan  # the rest, where something was met
                towards = self._towards(items, place + 1)
        self.plan = plan

    def _towards(self, items: list[tuple[object, str, str]], first: int) -> int:
        """One of the items, from `first` on, that lead to the target; -1 if none does."""
        leading = [i for i, (what, _, _) in enumerate(items) if i >= first and self._way(what) < math.inf]
        return self.rng.choice(leading or [-1])

    def _times(self, what: object, repeat: str) -> int:
        if not repeat:
            return 1
        low, high = (0, 1) if repeat == "?" else (int(part) for part in repeat.strip("{}").split(","))
        if what == "NIL" or self.budget < 0:
            return 0 if what == "NIL" else low
        return (
            low + int(self.rng.random() < 0.35) * self.rng.randint(0, min(high - low, 2))
            if high > 1
            else int(self.rng.random() < 0.35)
        )

    def _least_depths(self) -> dict[tuple[str, int], float]:
        depths = {key: float("inf") for key in ((n, i) for n, alts in self.rules.items() for i in range(len(alts)))}
        for _ in range(60):
            for name, i in depths:
                depths[name, i] = 1 + self._depth(self.rules[name][i][0], depths)
        return depths

    def _depth(self, items: list[tuple[object, str, str]], depths: dict[tuple[str, int], float]) -> float:
        worst = 0.0
        for what, _, repeat in items:
            if repeat == "?" or repeat.startswith("{0"):
                continue
            if isinstance(what, list):
                worst = max(worst, self._depth(what, depths))
            elif what in self.rules:
                worst = max(worst, min(depths[str(what), i] for i in range(len(self.rules[str(what)]))))
            elif what == "NIL":
                worst = float("inf")
        return worst


def _named(bodies: Iterable[Any]) -> Iterator[str]:
    """All rules and terminals in these."""
    for items in bodies:
        for what, _, _ in items:
            yield from _named([what]) if isinstance(what, list) else [str(what)]


def _alternative(text: str) -> tuple[list[tuple[object, str, str]], str]:
    body, _, condition = text.strip().partition("%if ")
    tokens = TOKEN.findall(body)
    return _sequence(tokens), condition.strip()


def _sequence(tokens: list[str]) -> list[tuple[object, str, str]]:
    items: list[tuple[object, str, str]] = []
    while tokens and tokens[0] != ")":
        token = tokens.pop(0)
        if token == "(":
            what: object = _sequence(tokens)
            tokens.pop(0)
            change = ""
        else:
            name, _, change = token.partition("::")
            what = "" if name == '""' else name
        repeat = tokens.pop(0) if tokens and (tokens[0] == "?" or tokens[0].startswith("{")) else ""
        items.append((what, change, repeat))
    return items


def changed(change: str, parameter: int) -> int:
    """The parameter a rule is called with."""
    if change in ("", "_"):
        return parameter
    if "(" not in change:
        return int(change, 0)
    name, argument = change.rstrip(")").split("(")
    if name == "incr":
        low, high = (int(part) for part in argument.strip("[]").split(":"))
        full = (1 << (high - low)) - 1
        return parameter if (parameter >> low) & full == full else parameter + (1 << low)
    value = int(argument, 0)
    changes: dict[str, Callable[[], int]] = {
        "set_bit": lambda: parameter | 1 << value,
        "clear_bit": lambda: parameter & ~(1 << value),
        "bit_or": lambda: parameter | value,
        "bit_and": lambda: parameter & value,
    }
    return changes[name]() & ALL


def holds(condition: str, parameter: int) -> bool:
    """Is an alternative's condition true?"""
    if condition in ("", "true"):
        return True
    name, argument = re.fullmatch(r"(\w+)\((.*)\)", condition).groups()  # type: ignore[union-attr]
    if name == "not":
        return not holds(argument, parameter)
    if name in ("and", "or"):
        left, right = _two(argument)
        return (all if name == "and" else any)(holds(part, parameter) for part in (left, right))
    if name in ("bit_set", "bit_clear"):
        return bool(parameter >> int(argument) & 1) is (name == "bit_set")
    field, _, value = argument.partition(", ")
    low, high = (int(part) for part in field.strip("[]").split(":"))
    found = (parameter >> low) & ((1 << (high - low)) - 1)
    return {"lt": lambda: found < int(value), "eq": lambda: found == int(value), "is_zeros": lambda: not found}[name]()


def _two(text: str) -> tuple[str, str]:
    depth = 0
    for at, char in enumerate(text):
        depth += (char in "([") - (char in ")]")
        if char == "," and depth == 0:
            return text[:at], text[at + 1 :].strip()
    raise ValueError(text)


def texts(sampler: Sampler, size: int, towards: set[str] | None = None) -> str:
    """One string of the grammar; made-up names are n1, n2, ..."""
    out, count = "", 0
    for terminal, _ in sampler.sample(size, towards):
        if terminal in ("NAME", "OUT_NAME", "FREE", "BARE_NAME", "BARE_OUT_NAME"):
            count += 1
            spaced = terminal.startswith("BARE") or out[-1:].isalnum()
            out += f"{' ' if spaced else ''}n{count}"
            continue
        text = _from_regex(_parser.parse(sampler.terminals[terminal]), sampler.rng)
        out += f" {text}" if out[-1:].isalnum() and text[:1].isalnum() else text
    return out


def _from_regex(parsed: Any, rng: random.Random) -> str:
    out = ""
    for kind, value in parsed:
        name = str(kind)
        if name == "LITERAL":
            out += chr(value)
        elif name in ("NOT_LITERAL", "ANY"):
            out += "x"
        elif name == "IN":
            out += _from_class(value, rng)
        elif name == "BRANCH":
            out += _from_regex(rng.choice(value[1]), rng)
        elif name == "SUBPATTERN":
            out += _from_regex(value[3], rng)
        elif name == "MAX_REPEAT":
            low, high, what = value
            out += "".join(
                _from_regex(what, rng) for _ in range(min(high, low + rng.choice((0, 0, 1, 3 if high > 9 else 0))))
            )
        else:
            raise ValueError(name)
    return out


def _from_class(items: Any, rng: random.Random) -> str:
    if str(items[0][0]) == "NEGATE":
        return rng.choice("abc XYZ09%_")
    first = items[0]
    return chr(first[1]) if str(first[0]) == "LITERAL" else chr(rng.randint(first[1][0], first[1][1]))


class Source(NamedTuple):
    """What FROM names: what may stand before a dot, its columns, whether that is a table's own name, and whether the writer
    named the columns."""

    name: str
    columns: tuple[str, ...]
    bare: bool
    made: bool


Scope = tuple[Source, ...]
Outputs = dict[str, tuple[str, ...]]


class Names:
    """Gives the writer's own names of one statement a meaning, where there is one: aliases, names of CTEs and of columns of
    theirs and of subqueries, which in the sample are n1, n2, ... or, where the grammar takes a column's name for one, any of the
    schema's. What SQL names is left as it is. `unresolved` counts names without a meaning, by kind; `ambiguous` those with two.
    """

    def __init__(
        self, tables: tuple[Table, ...], rng: random.Random, outputs: Callable[[str], list[str]], sql: str
    ) -> None:
        self.tables = {t.name.lower(): tuple(c.name.lower() for c in t.columns) for t in tables}
        self.known = {name for names in self.tables.values() for name in names}
        self.rng, self.outputs, self.sql = rng, outputs, sql
        self.tokens = list(sqlglot.tokenize(sql, read="duckdb"))
        self.unresolved, self.ambiguous = Counter[str](), 0
        self.chosen: dict[tuple[int, int], str] = {}  # where a name was chosen for one of the writer's own, and which

    def resolve(self, tree: exp.Expr, outer: Scope = (), ctes: Outputs | None = None) -> tuple[str, ...]:
        """The names of a query's columns, all names in it bound on the way."""
        ctes = dict(ctes or {})
        for cte in tree.args["with_"].expressions if tree.args.get("with_") else []:
            query = cte.this.sql("duckdb")
            columns = self.resolve(cte.this, (), ctes) or self._unnamed(query)
            listed = tuple(c.name.lower() for c in cte.args["alias"].columns)
            ctes[cte.alias.lower()] = listed[: len(columns)] + columns[len(listed) :]
        if isinstance(tree, exp.Subquery):
            return self.resolve(tree.this, outer, ctes)
        if isinstance(tree, exp.SetOperation):
            left, right = self.resolve(tree.left, outer, ctes), self.resolve(tree.right, outer, ctes)
            if order := tree.args.get("order"):
                self._visit(order, (), (), ctes, (*left, *right))
            return left
        return self._select(tree, outer, ctes)

    def written(self, sql: str, low: int = 0, high: int | None = None) -> str:
        """The statement, or a part of it, with the names chosen."""
        high = len(sql) if high is None else high
        text = sql[low:high]
        for (start, end), name in sorted(self.chosen.items(), reverse=True):
            if low <= start < high:
                chosen = exp.to_identifier(name, quoted=not MADE_UP.match(name)).sql("duckdb")
                text = text[: start - low] + chosen + text[end + 1 - low :]
        return text

    def _choose(self, node: exp.Expr, part: str, name: str) -> None:
        """This name for what stands there."""
        meta = node.args[part].meta
        self.chosen[meta["start"], meta["end"]] = name
        node.set(part, exp.to_identifier(name, quoted=True))

    def _select(self, select: exp.Expr, outer: Scope, ctes: Outputs) -> tuple[str, ...]:
        own: Scope = ()
        first = select.args.get("from_")
        for part in [first, *(select.args.get("joins") or [])] if first else []:
            own += (self._source(part.this, own, outer, ctes),)
            if part.args.get("on"):
                self._visit(part.args["on"], own, outer, ctes)
            for key in part.args.get("using") or []:
                self._key(key, own)
        given = tuple(e.alias.lower() for e in select.expressions if e.args.get("alias"))
        for name, value in select.args.items():
            if name not in ("from_", "joins", "with_"):
                for part in value if isinstance(value, list) else [value]:
                    late = name in ("group", "having", "qualify", "order")
                    self._visit(part, own, outer, ctes, given if late else ())
        named = [_outputs(item, own) for item in select.expressions]
        return tuple(name for names in named for name in names if name)

    def _unnamed(self, query: str) -> tuple[str, ...]:
        """The names DuckDB gives the columns of a query in brackets: found in the statement, and asked in its very words."""
        for start in (i for i, token in enumerate(self.tokens) if token.token_type == TokenType.L_PAREN):
            depth, end = 1, start
            while depth:
                end += 1
                kind = self.tokens[end].token_type
                depth += (kind == TokenType.L_PAREN) - (kind == TokenType.R_PAREN)
            low, high = self.tokens[start].start + 1, self.tokens[end].start
            try:
                same = sqlglot.parse_one(self.sql[low:high], read="duckdb").sql("duckdb") == query
            except SqlglotError:
                continue
            if same:
                return tuple(self.outputs(self.written(self.sql, low, high))) or ("refused",)
        return ()

    def _source(self, source: exp.Expr, own: Scope, outer: Scope, ctes: Outputs) -> Source:
        alias = source.alias.lower()
        if isinstance(source, exp.Subquery):
            unnamed = sum(s.name.startswith("unnamed_subquery") for s in own)
            query = source.this.sql("duckdb")
            columns = self.resolve(source.this, own + outer, ctes) or self._unnamed(query)
            return Source(alias or f"unnamed_subquery{unnamed + 1 if unnamed else ''}", columns, bare=False, made=True)
        name = source.name.lower()
        if name in self.tables:
            return Source(alias or name, self.tables[name], bare=not alias, made=False)
        if not ctes:
            self.unresolved["no CTE of that name"] += 1
            return Source(alias or name, (), bare=False, made=True)
        chosen = self.rng.choice(sorted(ctes))
        self._choose(source, "this", chosen)
        return Source(alias or chosen, ctes[chosen], bare=False, made=True)

    def _key(self, key: exp.Expr, own: Scope) -> None:
        """A column of USING, which has to be on both sides."""
        if key.name.lower() not in {name for source in own[:-1] for name in source.columns}.intersection(
            own[-1].columns
        ):
            self.unresolved["no such column on both sides of USING"] += 1

    def _visit(self, node: Any, own: Scope, outer: Scope, ctes: Outputs, given: tuple[str, ...] = ()) -> None:
        if not isinstance(node, exp.Expression):
            return
        if isinstance(node, exp.Query):
            self.resolve(node, own + outer, ctes)
        elif isinstance(node, exp.Column):
            self._column(node, own, outer, given)
        else:
            for child in list(node.iter_expressions()):
                self._visit(child, own, outer, ctes, given)

    def _column(self, column: exp.Column, own: Scope, outer: Scope, given: tuple[str, ...]) -> None:
        name, before = column.name.lower(), column.table.lower()
        free, free_before = MADE_UP.match(name) is not None, MADE_UP.match(before) is not None
        levels = [[s for s in level if self._may_be(s, before, free_before)] for level in (own, outer)]
        if isinstance(column.this, exp.Star):
            options = [(source, "*") for source in levels[0]]
        elif free:
            options = [(s, c) for level in levels for s in level if s.made for c in s.columns]
            options += [(None, alias) for alias in given if not before]
        elif name in given and not before:
            return
        else:
            found = ([(s, name) for s in level if name in s.columns] for level in levels)
            options = next((there for there in found if there), [])
        if not options and (free_before or not before):
            options = [(s, c) for level in levels for s in level if s.made for c in s.columns if c in self.known]
        if not options:
            kind = "no column of the writer's own" if free else "its table is not in FROM"
            self.unresolved["nothing of that name before the dot" if before and not any(levels) else kind] += 1
            return
        source, chosen = self.rng.choice(options)
        if chosen not in (name, "*"):
            self._choose(column, "this", chosen)
        if free_before and source:
            self._choose(column, "table", source.name)
        self.ambiguous += not before and sum(chosen in s.columns for s in own) > 1

    def _may_be(self, source: Source, before: str, free: bool) -> bool:
        """Whether what stands before the dot can be this source."""
        return not before or (not source.bare if free else source.bare and source.name == before)


def _outputs(item: exp.Expr, own: Scope) -> tuple[str, ...]:
    """The names that an item of a SELECT list gives its columns, where it gives them names."""
    if item.is_star:
        of = item.table.lower() if isinstance(item, exp.Column) else ""
        return tuple(name for source in own if of in ("", source.name) for name in source.columns)
    return (item.alias_or_name.lower() if isinstance(item, (exp.Alias, exp.Column)) else "",)


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


def _production(name: str, source: str) -> str:
    """An alternative as the template has it: the same for each table."""
    plain = re.sub(r" %if .*|::\S+", "", source.strip())
    return re.sub(r"(?<=[a-zA-Z_])[0-9]+\b", "#", f"{name}: {plain}".replace("FUNCTION", "FUNCTION_"))


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
