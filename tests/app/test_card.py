"""What the proof card and the checks say in words."""

from app import card
from sql_tools import diagnostics, validate
from sql_tools.models import Change, Check


def test_an_area_is_named_only_where_all_its_checks_passed() -> None:
    checks = [
        Check(name="known_tables", outcome="passed"),
        Check(name="known_columns", outcome="not_checked", detail="rows of a PIVOT"),
        Check(name="each_row_counted_once", outcome="passed"),
    ]
    words = "Checked: that no join counts a row twice. Not checked: known columns; whether this is what you meant."
    assert card.checked(checks) == words


def test_nothing_passed_is_nothing_checked() -> None:
    warned = [Check(name="known_tables", outcome="warned", detail="odd")]
    assert card.checked(warned) == "Not checked: whether this is what you meant."


def test_a_change_says_what_became_of_what() -> None:
    change = Change(rule="names", before="o.name", after="c.name", why="orders has no column name")
    assert card.changed(change) == "o.name became c.name: orders has no column name"
    added = Change(rule="joins", before="", after="JOIN city", why="name is a column of city")
    assert card.changed(added) == "JOIN city was added: name is a column of city"


def test_every_rule_and_diagnostic_has_its_area() -> None:
    known = {name for names in card.AREAS.values() for name in names}
    run = {one.__name__ for one in (*validate.RULES, *diagnostics.diagnose.ALL)}
    assert run - known == set()
