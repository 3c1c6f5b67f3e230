"""Strings drawn from a Lark grammar as `sql_tools.grammar` writes it, by walking its rules as llguidance would."""

import math
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from re import _parser  # type: ignore[attr-defined]
from typing import Any

from sql_tools.grammar.scope import ALIAS, CTES, DERIVED
from sql_tools.grammar.stack import KINDS

MAX_STEPS = 80  # on the way to an alternative whose condition may not hold there
DEPTH_LIMIT = 20_000  # Python's own is too small: a SELECT list is a chain of rules, each called by the one before
RULE = re.compile(r"^([a-z_0-9]+)(?:::_)? *:((?:.*\n(?!\S))*.*)$", re.M)
TERMINAL = re.compile(r"^([A-Z][A-Z0-9_]*): /((?:\\.|[^/\\])*)/", re.M)
TOKEN = re.compile(r"\(|\)|\{\d+,\d+\}|\?|\||\"\"|[A-Za-z_0-9]+(?:::(?:\w+\([^)]*\)|\w+))?")
ALL = (1 << 64) - 1
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


def _production(name: str, source: str) -> str:
    """An alternative as the template has it: the same for each table."""
    plain = re.sub(r" %if .*|::\S+", "", source.strip())
    return re.sub(r"(?<=[a-zA-Z_])[0-9]+\b", "#", f"{name}: {plain}".replace("FUNCTION", "FUNCTION_"))
