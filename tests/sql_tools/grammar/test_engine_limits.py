"""What llguidance can follow and what it cannot: why `select.lark` is written as it is.

The SELECT list comes before FROM. One of these tests that fails after an upgrade says that the grammar could be plainer.
"""

from sql_tools.grammar import accepts

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


def test_what_goes_on_last_is_told_what_came_before() -> None:
    """A rule that calls the next one last can tell it: so the SELECT list is such a chain, and FROM has to name its tables."""
    chain = """%llguidance {}
start: query::0x0
query::_ : "SELECT a FROM " table::set_bit(0)
  | "SELECT b FROM " table::set_bit(1)
table::_ : "A" %if bit_set(0)
  | "B" %if bit_set(1)
"""
    assert [accepts(chain, sql).accepted for sql in (*RIGHT, *WRONG)] == [*(True, True), *(False, False)]


def test_whether_nothing_may_follow_is_asked_before_a_second_change() -> None:
    """What is met has to be taken off right after the source that meets it: one rule further, the end is not seen."""
    met = """%llguidance {}
start: list::0x1
list::_ : "A" after::clear_bit(0)
  | "B" between::set_bit(5)
between::_ : NIL? after::clear_bit(0)
  | NIL
after::_ : NIL? end::set_bit(6) %if bit_clear(0)
  | "," list::_
end::_ : "" | "!" %if bit_set(6)
NIL: /a/ & /b/
"""
    assert accepts(met, "A").accepted
    assert not accepts(met, "B").accepted
    assert accepts(met, "B!").accepted
