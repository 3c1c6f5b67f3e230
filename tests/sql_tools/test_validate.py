"""The rules, case by case: fixtures/validate.sql holds title, draft, and what may run or why not."""

import re
from pathlib import Path

import pytest

from sql_tools.errors import InvalidSQLError, WarehouseError
from sql_tools.models import Column, Context, DraftSQL, ForeignKey, Table, ValidSQL
from sql_tools.validate import REPAIRS, validate

FIXTURES = Path(__file__).parent / "fixtures" / "validate.sql"


def table(name: str, columns: dict[str, str], key: str = "", refers: dict[str, tuple[str, str]] | None = None) -> Table:
    values = {"country": ("France", "Haiti"), "stadium_name": ("Anfield", "Wembley"), "is_confirmed": ("F", "T")}
    return Table(
        schema_name="main",
        name=name,
        columns=tuple(
            Column(name=n, type=t, values=values.get(n, ()), values_are_all=True) for n, t in columns.items()
        ),
        primary_key=(key,) if key else (),
        foreign_keys=tuple(
            ForeignKey(columns=(c,), target_table=t, target_columns=(k,)) for c, (t, k) in (refers or {}).items()
        ),
    )


CATALOG = (
    table("arena", {"arena_id": "BIGINT", "stadium": "VARCHAR"}, "arena_id"),
    table("booking", {"booking_id": "BIGINT", "stadium": "BIGINT", "is_confirmed": "VARCHAR"},
          "booking_id", {"stadium": ("arena", "arena_id")}),
    table("concert", {"concert_id": "BIGINT", "theme": "VARCHAR", "stadium_id": "BIGINT", "year": "VARCHAR"},
          "concert_id", {"stadium_id": ("stadium", "stadium_id")}),
    table("island", {"area": "BIGINT"}),
    table("singer", {"singer_id": "BIGINT", "name": "VARCHAR", "country": "VARCHAR", "age": "BIGINT", "order": "BIGINT"},
          "singer_id"),
    table("singer_in_concert", {"concert_id": "BIGINT", "singer_id": "BIGINT"}, "",
          {"concert_id": ("concert", "concert_id"), "singer_id": ("singer", "singer_id")}),
    table("stadium", {"stadium_id": "BIGINT", "stadium_name": "VARCHAR", "capacity": "BIGINT"}, "stadium_id"),
)  # fmt: skip


def context(question: str = "What is asked?") -> Context:
    return Context(dialect="duckdb", question=question, tables=CATALOG, catalog=CATALOG)


def cases() -> list[tuple[str, str, str]]:
    blocks = [block.strip().splitlines() for block in FIXTURES.read_text().split("\n\n")]
    return [(b[0][2:], b[1], b[2]) for b in blocks if b[0].startswith("# ")]


@pytest.mark.parametrize(("title", "draft", "expected"), cases(), ids=[case[0] for case in cases()])
def test_a_draft_is_mended_or_refused(title: str, draft: str, expected: str) -> None:
    if expected.startswith("! "):
        with pytest.raises(InvalidSQLError, match=re.escape(expected[2:])):
            mended(draft)
    else:
        valid = mended(draft)
        assert valid.text == expected
        assert bool(valid.changes) is not title.startswith("stays: ")


@pytest.mark.parametrize("title", [title for title, _, _ in cases() if title.startswith("stays: ")])
def test_what_stays_stays_by_the_rules_alone(title: str) -> None:
    draft, expected = next(case[1:] for case in cases() if case[0] == title)
    valid = validate(DraftSQL(text=draft, dialect="duckdb"), context())
    assert (valid.text, valid.changes) == (expected, ())


@pytest.mark.parametrize(
    "draft", [d for t, d, e in cases() if not t.startswith("stays: ") and not e.startswith("! ") and "FRANCE" not in d]
)
def test_what_a_person_wrote_is_refused_where_a_draft_is_mended(draft: str) -> None:
    with pytest.raises(InvalidSQLError):
        validate(DraftSQL(text=draft, dialect="duckdb"), context())


def test_what_was_mended_is_told() -> None:
    valid = mended("SELECT x.name FROM singer WHERE country = 'FRANCE'")
    told = [(change.rule, change.before, change.after) for change in valid.changes]
    assert told == [("column_names", "x.name", "singer.name"), ("stored_texts", "'FRANCE'", "'France'")]
    assert all(change.why for change in valid.changes)
    assert {check.outcome for check in valid.checks} == {"passed"}


def test_a_literal_is_left_alone_where_values_may_be_missing_from_the_list() -> None:
    catalog = tuple(
        t.model_copy(update={"columns": tuple(c.model_copy(update={"values_are_all": False}) for c in t.columns)})
        for t in CATALOG
    )
    part = Context(dialect="duckdb", tables=catalog, catalog=catalog)
    draft = DraftSQL(text="SELECT name FROM singer WHERE country = 'FRANCE'", dialect="duckdb")
    assert validate(draft, part, repairs=REPAIRS).changes == ()


def mended(draft: str) -> ValidSQL:
    return validate(DraftSQL(text=draft, dialect="duckdb"), context(), repairs=REPAIRS)


@pytest.mark.parametrize("text", ["DROP TABLE singer", "DELETE FROM singer", "SELECT 1; DROP TABLE singer"])
def test_a_write_is_fatal_so_no_repair_is_tried(text: str) -> None:
    with pytest.raises(InvalidSQLError) as caught:
        validate(DraftSQL(text=text, dialect="duckdb"), context())
    assert caught.value.fatal


def test_an_unknown_name_is_not_fatal() -> None:
    with pytest.raises(InvalidSQLError) as caught:
        validate(DraftSQL(text="SELECT nope FROM singer", dialect="duckdb"), context())
    assert not caught.value.fatal


def test_the_engine_has_the_last_word() -> None:
    def explain(sql: str) -> None:
        raise WarehouseError("Binder Error: no such thing")

    with pytest.raises(InvalidSQLError, match="no such thing") as caught:
        validate(DraftSQL(text="SELECT name FROM singer", dialect="duckdb"), context(), explain=explain)
    assert caught.value.rule == "engine_explain"


def test_sql_too_long_to_be_meant_is_refused() -> None:
    with pytest.raises(InvalidSQLError, match="longer than"):
        validate(DraftSQL(text="SELECT " + "1," * 50_000 + "1", dialect="duckdb"), context())


def test_deep_nesting_is_refused_not_a_crash() -> None:
    with pytest.raises(InvalidSQLError):
        validate(DraftSQL(text="SELECT " + "(" * 5000 + "1" + ")" * 5000, dialect="duckdb"), context())


def test_two_ways_to_a_missing_table_that_may_differ_are_not_chosen_between() -> None:
    refers = {"channel": ("channel", "id")}
    series = table("series", {"episode": "VARCHAR", "channel": "BIGINT"}, "", refers)
    cartoon = table("cartoon", {"title": "VARCHAR", "channel": "BIGINT"}, "", refers)
    catalog = (table("channel", {"id": "BIGINT", "series_name": "VARCHAR"}, "id"), series, cartoon)
    asked = Context(dialect="duckdb", question="Which series is it?", tables=catalog, catalog=catalog)
    apart = "SELECT series_name FROM cartoon AS t1 JOIN series AS t2 ON t1.title = t2.episode"
    with pytest.raises(InvalidSQLError, match="series_name"):
        validate(DraftSQL(text=apart, dialect="duckdb"), asked, repairs=REPAIRS)
    one = validate(DraftSQL(text="SELECT series_name FROM cartoon", dialect="duckdb"), asked, repairs=REPAIRS)
    assert one.text == "SELECT channel.series_name FROM cartoon LEFT JOIN channel ON cartoon.channel = channel.id"
