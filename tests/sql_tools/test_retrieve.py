"""Which tables and stored values a question brings."""

from collections.abc import Iterable

import pytest

from sql_tools.errors import WarehouseError
from sql_tools.models import Column, Context, ForeignKey, QueryResult, Question, Table
from sql_tools.retrieve import retrieve


class Shelf:
    """A warehouse that only lists tables."""

    name, dialect, remote, notes = "shelf", "duckdb", False, ()

    def __init__(self, tables: Iterable[Table]) -> None:
        self._tables = tuple(tables)

    def tables(self) -> tuple[Table, ...]:
        return self._tables

    def explain(self, sql: str) -> None: ...

    def run(self, sql: str, *, max_rows: int, timeout_seconds: float) -> QueryResult:
        raise AssertionError("nothing runs here")

    def close(self) -> None: ...


def table(
    name: str, columns: dict[str, tuple[str, ...]], keys: tuple[ForeignKey, ...] = (), comment: str = ""
) -> Table:
    made = tuple(Column(name=n, type="VARCHAR", values=v) for n, v in columns.items())
    return Table(schema_name="main", name=name, columns=made, foreign_keys=keys, comment=comment)


def key(column: str, target: str) -> ForeignKey:
    return ForeignKey(columns=(column,), target_table=target, target_columns=("id",))


def many(count: int) -> list[Table]:
    return [table(f"filler_{i}", {f"thing_{i}_{j}": () for j in range(10)}) for i in range(count)]


def ask(text: str, tables: Iterable[Table], max_columns: int = 40) -> Context:
    return retrieve(Question(text=text), Shelf(tables), max_columns=max_columns)


def test_a_small_schema_passes_whole() -> None:
    tables = (table("a", {"x": ()}), table("b", {"y": ()}))
    assert ask("anything", tables).tables == tables


def test_a_large_schema_is_cut_to_the_tables_asked_about() -> None:
    context = ask("What is the salary of each employee?", [*many(20), table("employees", {"salary": (), "name": ()})])
    assert "employees" in [t.name for t in context.tables]
    assert sum(len(t.columns) for t in context.tables) <= 50
    assert len(context.catalog) == 21


def test_a_word_inside_a_longer_name_is_found() -> None:
    context = ask("How many gas stations are there?", [*many(20), table("gasstations", {"id": ()})])
    assert "gasstations" in [t.name for t in context.tables]


def test_a_table_named_only_by_its_comment_is_found() -> None:
    context = ask("total revenue", [*many(20), table("f01", {"x": ()}, comment="Revenue by day")])
    assert "f01" in [t.name for t in context.tables]


def test_a_table_that_links_two_chosen_ones_comes_along() -> None:
    link = table("zz_link", {"p": (), "q": ()}, (key("p", "players"), key("q", "clubs")))
    context = ask("players of clubs", [*many(20), table("players", {"id": ()}), table("clubs", {"id": ()}), link])
    assert {"players", "clubs", "zz_link"} <= {t.name for t in context.tables}


def test_a_table_of_two_thousand_columns_is_cut_to_those_asked_about() -> None:
    wide = table("sensor", {f"reading_{i}": () for i in range(1999)} | {"wind_speed": ()})
    shown = ask("What is the average wind speed?", [wide], max_columns=100)
    assert "wind_speed" in [c.name for c in shown.tables[0].columns]
    assert len(shown.tables[0].columns) == 50
    assert len(shown.catalog[0].columns) == 2000


def test_tables_stay_in_the_catalogs_order() -> None:
    tables = [*many(20), table("players", {"id": ()}), table("clubs", {"id": ()})]
    names = [t.name for t in ask("clubs of players", tables).tables]
    assert names == [t.name for t in tables if t.name in names]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Who is from HAITI?", "haiti"),
        ("orders in New York please", "New York"),
        ("all 'spare parts'", "Spare Part"),
        ("東京の注文は何件ですか", "東京"),
    ],
)
def test_stored_values_are_found_however_they_are_written(text: str, value: str) -> None:
    places = table("places", {"place": ("haiti", "New York", "Spare Part", "東京", "York")})
    assert value in [match.value for match in ask(text, [places]).values]


def test_a_value_inside_a_longer_one_is_left_out() -> None:
    places = table("places", {"place": ("New York", "York")})
    assert [m.value for m in ask("orders in New York", [places]).values] == ["New York"]


def test_common_words_are_no_values() -> None:
    assert ask("How many are in it?", [table("t", {"c": ("in", "it", "many")})]).values == ()


def test_a_warehouse_without_tables_is_an_error() -> None:
    with pytest.raises(WarehouseError, match="holds no tables"):
        ask("anything", [])
