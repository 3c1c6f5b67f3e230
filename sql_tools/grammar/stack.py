"""A stack in a rule's parameter: which brackets are open in the SELECT list, and whether a comparison was made in each.

llguidance passes a parameter down, never back, so what an expression names can only be told to what follows it by a rule
that goes on to that last (`select.lark`). Such a chain cannot come back out of a bracket by itself: what the bracket was is
kept in five bits a level. An alternative of the template with one of these is written once for each depth at which it may
stand, with the condition that this is the depth:

    rule::push(KIND)      a bracket opens                       rule::pop(KIND ...)    it was one of these, and closes
    rule::turn(ONE TWO)   one kind becomes another              top(KIND ...)          it is one of these
    rule::test            a comparison is made here             base                   no bracket is open
    rule::test_push(KIND) both                                  logical                AND and OR may stand here
    rule::untest          another may be made
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
ASKED = re.compile(r"\b(?:top\(([A-Z0-9_ ]+)\)|base\b|logical\b)")


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
        """The alternative for each depth at which it may stand; itself, if depth does not matter to it."""
        called, asked = CALLED.search(alternative), ASKED.search(alternative)
        if not called and not asked:
            yield alternative
            return
        for depth in range(self.levels + 1):
            state = self._asked(asked, depth) if asked else ""
            for change, *needed in self._changes(called[1], (called[2] or "").split(), depth) if called else [("",)]:
                if state is not None:
                    written = alternative.replace(called[0], change) if called else alternative
                    text, _, own = (written.replace(asked[0], state) if asked else written).partition(" %if ")
                    yield f"{text} %if {joined('and', [c for c in (self._at(depth), *needed, own) if c])}"

    def _low(self, depth: int) -> int:
        """The first bit of the bracket that makes this depth."""
        return self.first + 1 + FRAME * (depth - 1)

    def _tested(self, depth: int) -> int:
        return self._low(depth) + FRAME - 1

    def _slice(self, depth: int, size: int = FRAME) -> str:
        return f"[{self._low(depth)}:{self._low(depth) + size}]"

    def _at(self, depth: int) -> str:
        here = [f"not(is_zeros({self._slice(depth)}))"] if depth else []
        above = [f"is_zeros({self._slice(depth + 1)})"] if depth < self.levels else []
        return joined("and", here + above)

    def _is(self, kinds: Sequence[str], depth: int) -> str:
        codes = [KINDS[kind] for kind in kinds]
        return joined("or", [f"eq({self._slice(depth, FRAME if c >= VALUES else FRAME - 1)}, {c})" for c in codes])

    def _logical(self, depth: int) -> str:
        return f"bit_clear({self._tested(depth) - 1})" if depth else ALWAYS

    def _asked(self, asked: re.Match[str], depth: int) -> str | None:
        if asked[0] == "logical":
            return self._logical(depth)
        if asked[0] == "base":
            return None if depth else ALWAYS
        return self._is(asked[1].split(), depth) if depth else None

    def _changes(self, name: str, kinds: list[str], depth: int) -> Iterator[tuple[str, ...]]:
        """What may happen to the parameter at this depth, each with the conditions of it."""
        once = (f"bit_clear({self._tested(depth)})", self._logical(depth))
        if name == "untest":
            yield _without(1 << self._tested(depth)), self._logical(depth)
            if depth:
                yield "::_", f"not({self._logical(depth)})"
        elif name == "test":
            yield f"::set_bit({self._tested(depth)})", *once
        elif name in ("push", "test_push") and depth < self.levels:
            opened = KINDS[kinds[0]] << self._low(depth + 1)
            yield (_with(opened),) if name == "push" else (_with(opened | 1 << self._tested(depth)), *once)
        elif name == "pop" and depth:
            yield _without(((1 << FRAME) - 1) << self._low(depth)), self._is(kinds, depth)
        elif name == "turn" and depth:
            before, after = (KINDS[kind] << self._low(depth) for kind in kinds)
            yield _with(after) if before | after == after else _without(before & ~after), self._is(kinds[:1], depth)


def _with(mask: int) -> str:
    return f"::bit_or({hex(mask)})"


def _without(mask: int) -> str:
    return f"::bit_and({hex(((1 << 64) - 1) & ~mask)})"


def joined(word: str, conditions: Sequence[str]) -> str:
    """Conditions as one, two by two as llguidance wants them; of none, `and` is true and `or` false."""
    if not conditions:
        return NEVER if word == "or" else ALWAYS
    return conditions[0] if len(conditions) == 1 else f"{word}({conditions[0]}, {joined(word, conditions[1:])})"
