"""A stack in a rule's parameter: which brackets are open in the SELECT list, and whether a comparison was made in each.

llguidance passes a parameter down, never back, so what an expression names can only be told to what follows it by a rule
that goes on to that last (`select.lark`). Such a chain cannot come back out of a bracket by itself: what the bracket was is
kept in five bits a level. In the template, changes and conditions of the stack are words:

    rule::push(KIND)        a bracket opens                     room              one may open
    rule::pop(KIND ...)     it was one of these, and closes     top(KIND ...)     the last one opened is one of these
    rule::turn(ONE TWO)     one kind becomes another            base              none is open
    rule::test              a comparison is made here           testable          it may be
    rule::test_push(KIND)   both, outside of the bracket        logical           AND and OR may stand here
    rule::untest            another may be made

An alternative with a change is written once for each depth, with the condition that this is the depth.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

FRAME = 5
# Up to 7, conditions may stand inside, and the fifth bit says that one was compared; the others hold values. A kind that
# turns into another does so by bits that are set, or that are cleared.
KINDS = {
    "WHEN": 1,
    "THREE": 2,
    "ONE": 3,
    "AGGREGATE": 4,
    "CAST": 5,
    "FILTER": 6,
    "SOME": 7,
    "ORDER_IN": 8,
    "CASE": 9,
    "LISTING": 10,
    "COLLECT": 11,
    "AGGREGATE2": 12,
    "ORDER": 13,
    "BY_ONE": 14,
    "PARTITION": 15,
    "IN": 16,
    "ONE_VALUE": 24,
    "THEN": 25,
    "TWO": 26,
    "ELSE": 27,
    "WINDOW1": 28,
    "WINDOW": 29,
    "THREE_VALUES": 30,
    "BETWEEN": 31,
}
VALUES = 8
NEVER, ALWAYS = "not(true)", "true"
CALLED = re.compile(r"::(push|pop|turn|test_push|test|untest)\b(?:\(([A-Z0-9_ ]+)\))?")
ASKED = re.compile(r"\btop\(([A-Z0-9_ ]+)\)|\b(?:base|room|testable|logical)\b")


@dataclass(frozen=True)
class Stack:
    """`levels` brackets at most, five bits each, after the bit that says whether one was compared outside of all."""

    first: int
    levels: int

    @property
    def mask(self) -> int:
        """All its bits."""
        return ((1 << (self.levels * FRAME + 1)) - 1) << self.first if self.levels else 0

    def expanded(self, alternative: str) -> Iterator[str]:
        """The alternative for each depth at which it may stand; once, if it does not change the stack."""
        text, _, asked = alternative.partition(" %if ")
        own = ASKED.sub(lambda m: self._asked(m[0], (m[1] or "").split()), asked)
        called = CALLED.search(text)
        if not called:
            yield f"{text} %if {own}" if own else text
            return
        for depth in range(self.levels + 1):
            for change, condition in self._changes(called[1], (called[2] or "").split(), depth):
                conditions = [condition, *self._closed(depth + 1), *([own] if own else [])]
                yield f"{text.replace(called[0], change)} %if {joined('and', conditions)}"

    def _low(self, depth: int) -> int:
        """The first bit of the bracket that makes this depth."""
        return self.first + 1 + FRAME * (depth - 1)

    def _tested(self, depth: int) -> int:
        return self._low(depth) + FRAME - 1

    def _slice(self, depth: int, size: int = FRAME) -> str:
        return f"[{self._low(depth)}:{self._low(depth) + size}]"

    def _closed(self, depth: int) -> list[str]:
        """That there is no bracket of this depth."""
        return [f"is_zeros({self._slice(depth)})"] if depth <= self.levels else []

    def _here(self, depth: int, condition: str) -> str:
        """That this is the depth, and the condition holds of its bracket."""
        return joined("and", [condition, *self._closed(depth + 1)])

    def _is(self, kinds: Sequence[str], depth: int) -> str:
        codes = [KINDS[kind] for kind in kinds]
        return joined("or", [f"eq({self._slice(depth, FRAME if c >= VALUES else FRAME - 1)}, {c})" for c in codes])

    def _asked(self, word: str, kinds: Sequence[str]) -> str:
        """A condition on the stack, at any depth."""
        depths = range(1, self.levels + 1)
        if word == "base":
            return joined("and", self._closed(1))
        if word == "room":
            return joined("and", self._closed(self.levels))
        if kinds:
            return joined("or", [self._here(depth, self._is(kinds, depth)) for depth in depths])
        ground = ALWAYS if word == "logical" else f"bit_clear({self._tested(0)})"
        return joined("or", [self._here(0, ground), *(self._here(d, self._holds(word, d)) for d in depths)])

    def _holds(self, word: str, depth: int) -> str:
        """Whether conditions may stand in this bracket and, for `testable`, none was compared."""
        part = self._slice(depth, FRAME - 1 if word == "logical" else FRAME)
        return f"and(not(is_zeros({part})), lt({part}, {VALUES}))"

    def _changes(self, name: str, kinds: list[str], depth: int) -> Iterator[tuple[str, str]]:
        """What may happen to the parameter at this depth, and the condition of it."""
        here = f"not(is_zeros({self._slice(depth)}))" if depth else ALWAYS
        if name == "untest":
            yield _without(1 << self._tested(depth)), here
        elif name == "test":
            yield f"::set_bit({self._tested(depth)})", here
        elif name in ("push", "test_push") and depth < self.levels:
            opened = KINDS[kinds[0]] << self._low(depth + 1)
            yield _with(opened if name == "push" else opened | 1 << self._tested(depth)), here
        elif name == "pop" and depth:
            yield _without(((1 << FRAME) - 1) << self._low(depth)), self._is(kinds, depth)
        elif name == "turn" and depth:
            before, after = (KINDS[kind] << self._low(depth) for kind in kinds)
            change = _with(after) if before | after == after else _without(before & ~after)
            yield change, self._is(kinds[:1], depth)


def _with(mask: int) -> str:
    return f"::bit_or({hex(mask)})"


def _without(mask: int) -> str:
    return f"::bit_and({hex(((1 << 64) - 1) & ~mask)})"


def joined(word: str, conditions: Sequence[str]) -> str:
    """Conditions as one, two by two as llguidance wants them; of none, `and` is true and `or` false."""
    if not conditions:
        return NEVER if word == "or" else ALWAYS
    return conditions[0] if len(conditions) == 1 else f"{word}({conditions[0]}, {joined(word, conditions[1:])})"
