"""Why a sampled string may name a column whose table FROM then leaves out: what llguidance cannot follow.

The SELECT list comes before FROM, so the grammar has to guess what FROM will name. These tests hold the limits that decide how;
one that fails after an upgrade of llguidance says that the grammar can be made tighter (`select.lark`, its first comment).
"""

import pytest

from sql_tools.grammar import accepts, lark, lark_grammar
from sql_tools.models import Column, Table

QUERY = """%llguidance {}
start: guess::0x0
guess::_ : $GUESSES
query::_ : "SELECT " column::_ " FROM " table::_
  | "-"
column::_ : "a" %if bit_set(0)
  | "b" %if bit_set(1)
table::_ : "A" %if bit_set(0)
  | "B" %if bit_set(1)
"""
RIGHT, WRONG = ("SELECT a FROM A", "SELECT b FROM B"), ("SELECT a FROM B", "SELECT b FROM A")


def test_two_parameters_guessed_at_one_place_are_not_kept_apart() -> None:
    """A bit set before the list, one guess a table: the list takes one guess's column, FROM the other's table."""
    guessed = QUERY.replace("$GUESSES", 'query::set_bit(0) "!"?\n  | query::set_bit(1) "!"?')
    assert all(accepts(guessed, sql).accepted for sql in (*RIGHT, *WRONG))


def test_only_text_before_the_list_tells_parameters_apart() -> None:
    """As soon as the text says which, nothing slips through: so FROM could only be kept to if it came first."""
    told = QUERY.replace("$GUESSES", '"0" query::set_bit(0)\n  | "1" query::set_bit(1)')
    assert [accepts(told, f"{0 if 'A' in sql else 1}{sql}").accepted for sql in (*RIGHT, *WRONG)] == [
        *(True, True),
        *(False, False),
    ]


def test_what_the_list_says_is_forgotten_after_it() -> None:
    """A parameter goes down into a rule and never comes back out of it."""
    written = """%llguidance {}
start: query::0x0
query::_ : list::_ " FROM " table::_
  | "-"
list::_ : "SELECT a" seen::set_bit(0)
  | "SELECT b" seen::set_bit(1)
seen::_ : "" %if or(bit_set(0), bit_set(1))
  | "!" %if bit_set(2)
table::_ : "A" %if bit_set(0)
  | "B" %if bit_set(1)
"""
    stopped = accepts(written, "SELECT a FROM A")
    assert not stopped.accepted
    assert stopped.stopped_at == len("SELECT a FROM ")


@pytest.mark.parametrize(("guesses", "followed"), [(15, True), (24, True), (31, False), (63, False)])
def test_a_guess_for_each_set_of_five_tables_is_more_than_the_engine_follows(
    guesses: int, followed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guesses kept apart by the names of rules cost about 70 items each, of the 2,000 a place may have: four
    tables have 15 sets, five 31, six 63."""
    monkeypatch.setattr(lark, "SINGLE_TABLES", guesses)
    lark._written.cache_clear()
    column = Column(name="c", type="INTEGER")
    tables = [Table(schema_name="main", name=f"t{i}", columns=(column,)) for i in range(guesses)]
    try:
        assert accepts(lark_grammar(tables, "duckdb"), "SELECT t1.c FROM t1").accepted is followed
    finally:
        lark._written.cache_clear()
