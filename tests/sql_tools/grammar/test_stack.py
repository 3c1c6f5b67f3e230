"""The stack of open brackets in a rule's parameter."""

import re
from importlib.resources import files

import pytest

from sql_tools.grammar.stack import FRAME, KINDS, VALUES, Stack

TEMPLATE = files("sql_tools.grammar").joinpath("select.lark").read_text()
STACK = Stack(0, 2)  # bit 0: compared outside; bits 1 to 5 the first bracket, 6 to 10 the second
TESTED = 1 << (FRAME - 1)


def changed(written: str, parameter: int) -> int:
    """The parameter after the change that an alternative makes."""
    name, value = re.search(r"::(\w+)\((\w+)\)", written).groups()  # type: ignore[union-attr]
    number = int(value, 0)
    return parameter | number if name == "bit_or" else parameter & number


def test_a_bracket_is_pushed_at_each_depth_there_is_room() -> None:
    first, second = STACK.expanded("LPAR x::push(ONE)")
    assert first == f"LPAR x::bit_or({hex(KINDS['ONE'] << 1)}) %if and(true, is_zeros([1:6]))"
    assert changed(second, KINDS["CAST"] << 1) == KINDS["CAST"] << 1 | KINDS["ONE"] << 6
    assert "not(is_zeros([1:6]))" in second
    assert "is_zeros([6:11])" in second


def test_a_bracket_that_closes_is_gone_with_what_was_compared_in_it() -> None:
    first, second = STACK.expanded("RPAR a::pop(ONE CAST)")
    assert changed(first, 1 | (KINDS["ONE"] | TESTED) << 1) == 1
    assert changed(second, 1 | KINDS["WHEN"] << 1 | (KINDS["CAST"] | TESTED) << 6) == 1 | KINDS["WHEN"] << 1
    assert "eq([1:5], 3)" in first  # without the bit that says that something was compared


def test_what_does_not_touch_the_stack_is_left_as_it_is() -> None:
    assert list(STACK.expanded("LITERAL a::_ %if lt([4:10], 3)")) == ["LITERAL a::_ %if lt([4:10], 3)"]
    assert list(STACK.expanded("RPAR out::_ %if base")) == ["RPAR out::_ %if is_zeros([1:6])"]


@pytest.mark.parametrize(("before", "after"), re.findall(r"::turn\((\w+) (\w+)\)", TEMPLATE))
def test_one_kind_becomes_the_other_whatever_was_compared(before: str, after: str) -> None:
    """Each change is of bits that are only set, or only cleared: for all kinds the template turns, that is enough."""
    first = next(iter(STACK.expanded(f"x::turn({before} {after})")))
    assert changed(first, KINDS[before] << 1) == KINDS[after] << 1
    if KINDS[before] < VALUES:
        assert changed(first, (KINDS[before] | TESTED) << 1) == KINDS[after] << 1


def test_the_kinds_are_told_apart() -> None:
    assert len(set(KINDS.values())) == len(KINDS)
    assert all(0 < code < 1 << FRAME for code in KINDS.values())
    assert {code | TESTED for code in KINDS.values() if code < VALUES}.isdisjoint(KINDS.values())
    used = set(
        re.findall(r"[A-Z][A-Z0-9_]+", " ".join(re.findall(r"(?:push|pop|turn|test_push|top)\(([^)]*)\)", TEMPLATE)))
    )
    assert used == set(KINDS)
