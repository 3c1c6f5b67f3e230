"""The rules, case by case: fixtures/validate.sql holds title, draft, and what may run or why not."""

import re
from pathlib import Path

import pytest

from sql_tools.errors import InvalidSQLError, WarehouseError
from sql_tools.models import Column, Context, DraftSQL, ForeignKey, Table
from sql_tools.validate import validate

FIXTURES = Path(__file__).parent / "fixtures" / "validate.sql"


def table(name: str, columns: dict[str, str], key: str = "", refers: dict[str, tuple[str, str]] | None = None) -> Table:
    values = {"country": ("France", "Haiti"), "stadium_name": ("Anfield", "Wembley"), "is_confirmed": ("F", "T")}
    return Table(
        schema_name="main",
        name=name,
        columns=tuple(Column(name=n, type=t, values=values.get(n, ())) for n, t in columns.items()),
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
    question = title.partition(" | ")[2] or "What is asked of singers, concerts and stadiums?"
    if expected.startswith("! "):
        with pytest.raises(InvalidSQLError, match=re.escape(expected[2:])):
            validate(DraftSQL(text=draft, dialect="duckdb"), context(question))
    else:
        valid = validate(DraftSQL(text=draft, dialect="duckdb"), context(question))
        assert re.sub(r"\( | \)", lambda m: m.group().strip(), " ".join(valid.text.split())) == expected


def test_what_was_mended_is_told_in_the_checks() -> None:
    valid = validate(DraftSQL(text="SELECT x.name FROM singer WHERE country = 'FRANCE'", dialect="duckdb"), context())
    details = {check.name: check.detail for check in valid.checks}
    assert details["known_columns"] == "x is not a table or alias in FROM: x.name read as singer.name"
    assert details["stored_values"] == "'FRANCE' is stored as 'France' in country"
    assert all(check.passed for check in valid.checks)


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


@pytest.mark.parametrize(
    "text",
    [
        "SELECT s.name FROM singer AS s JOIN singer_in_concert AS c ON s.singer_id = c.singer_id",
        "SELECT name FROM singer WHERE country = 'FRANCE' AND name LIKE 'a%'",
    ],
)
def test_sql_that_nobody_asked_for_in_words_keeps_its_meaning(text: str) -> None:
    valid = validate(DraftSQL(text=text, dialect="duckdb"), context(""))
    assert " ".join(valid.text.split()) == text


def test_sql_too_long_to_be_meant_is_refused() -> None:
    with pytest.raises(InvalidSQLError, match="longer than"):
        validate(DraftSQL(text="SELECT " + "1," * 50_000 + "1", dialect="duckdb"), context())


def test_deep_nesting_is_refused_not_a_crash() -> None:
    with pytest.raises(InvalidSQLError):
        validate(DraftSQL(text="SELECT " + "(" * 5000 + "1" + ")" * 5000, dialect="duckdb"), context())


def test_two_equated_columns_lead_to_a_missing_table_one_way() -> None:
    refers = {"channel": ("channel", "id")}
    series = table("series", {"episode": "VARCHAR", "channel": "BIGINT"}, "", refers)
    cartoon = table("cartoon", {"title": "VARCHAR", "channel": "BIGINT"}, "", refers)
    catalog = (table("channel", {"id": "BIGINT", "series_name": "VARCHAR"}, "id"), series, cartoon)
    asked = Context(dialect="duckdb", question="Which series is it?", tables=catalog, catalog=catalog)
    draft = "SELECT t2.series_name FROM cartoon AS t1 JOIN series AS t2 ON t1.channel = t2.channel"
    valid = validate(DraftSQL(text=draft, dialect="duckdb"), asked)
    assert "JOIN channel ON t1.channel = channel.id" in " ".join(valid.text.split())
    apart = draft.replace("t1.channel = t2.channel", "t1.title = t2.episode")  # two ways that may differ
    with pytest.raises(InvalidSQLError, match="series_name"):
        validate(DraftSQL(text=apart, dialect="duckdb"), asked)
