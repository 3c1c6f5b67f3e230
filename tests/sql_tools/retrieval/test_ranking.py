"""Tables found by words, in catalogs too large for a prompt."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pytest

from sql_tools.models import Column, ForeignKey, Table
from sql_tools.retrieval.ranking import SLOTS, TableIndex, Weights

SNOW = Path(__file__).parent / "fixtures" / "snow_small"


def table(name: str, *columns: str, database: str = "D", comment: str = "", keys: tuple[ForeignKey, ...] = ()) -> Table:
    found = tuple(Column(name=column, type="VARCHAR") for column in columns)
    return Table(database=database, schema_name="S", name=name, columns=found, comment=comment, foreign_keys=keys)


def best(tables: Sequence[Table], text: str) -> list[str]:
    index = TableIndex(tables)
    return [tables[i].name for i in index.in_order([family for family, _ in index.ranked(text)], text)]


NOISE = [table(f"PART{chr(65 + n)}", f"C{chr(65 + n)}", "MADE_AT") for n in range(20)]


def test_a_table_named_in_the_question_comes_before_one_with_such_a_column() -> None:
    tables = [*NOISE, table("INVOICES", "ID", "CUSTOMER"), table("CUSTOMERS", "CODE", "NAME")]
    assert best(tables, "How many customers are there?")[:2] == ["CUSTOMERS", "INVOICES"]


def test_a_rare_word_inside_a_longer_name_is_found() -> None:
    assert best([*NOISE, table("HIGHSCHOOLERS", "ID")], "Which schooler is oldest?")[0] == "HIGHSCHOOLERS"


@pytest.mark.parametrize("name", ["ORDER_LINES", "orderLines", "ORDERLINES"])
def test_two_words_of_a_name_are_found_together_however_they_are_written(name: str) -> None:
    lone = [table(f"LINES{letter}", "ORDER") for letter in "ABC"]
    assert best([*NOISE, *lone, table(name, "X")], "How many order lines were late?")[0] == name


def test_a_table_whose_whole_name_is_said_comes_before_one_of_whose_name_a_part_is() -> None:
    tables = [*NOISE, table("PLAYER_ATTRIBUTES", "HEIGHT"), table("PLAYER", "HEIGHT")]
    assert best(tables, "the height of each player")[0] == "PLAYER"


def test_a_table_that_shares_a_rare_column_with_a_fitting_one_comes_along() -> None:
    tables = [*NOISE, table("MOVIE", "MID", "TITLE"), table("CAST_OF", "MID", "PID")]
    assert best(tables, "Which movie has the longest title?") == ["MOVIE", "CAST_OF"]


def test_a_table_that_a_key_leads_to_comes_along() -> None:
    key = ForeignKey(columns=("maker",), target_table="FIRMS", target_columns=("no",))
    tables = [*NOISE, table("FIRMS", "no"), table("MODELS", "maker", keys=(key,))]
    assert best(tables, "all models") == ["MODELS", "FIRMS"]


def test_a_column_that_every_table_has_brings_none() -> None:
    assert best([*NOISE, table("MOVIE", "MADE_AT")], "How many movies?") == ["MOVIE"]


def test_days_of_one_table_take_one_place_unless_the_question_names_some() -> None:
    days = [table(f"SESSIONS_201708{day:02}", "VISITOR", "PAGE") for day in range(1, 31)]
    tables = [*NOISE, *days, table("VISITS", "VISITOR")]
    assert best(tables, "How many sessions had a visitor?")[:2] == ["SESSIONS_20170830", "VISITS"]
    assert best(tables, "How many sessions had a visitor on August 5, 2017?")[:2] == ["SESSIONS_20170805", "VISITS"]


def test_all_that_are_asked_for_come_but_after_the_families() -> None:
    years = [table(f"STORMS_{year}", "DAMAGE") for year in range(1950, 2000)]
    found = best([*years, table("STORM_TYPES", "NAME")], "storm damage from 1980 through 1989")
    assert found[:4] == ["STORMS_1980", "STORMS_1981", "STORMS_1982", "STORM_TYPES"]
    assert found[4:11] == [f"STORMS_{year}" for year in range(1983, 1990)]


def test_a_family_far_down_keeps_its_place_alone() -> None:
    named = [table(f"STORM{chr(65 + n)}", "STORM", "RAIN") for n in range(SLOTS)]
    years = [table(f"RECORDS_{year}", "RAIN", "A", "B", "C", "D", "E") for year in range(1950, 2000)]
    found = best([*NOISE, *named, *years], "rain of each storm")
    assert [name for name in found if name.startswith("RECORDS")] == ["RECORDS_1999"]


def test_tables_of_the_database_that_fits_move_up() -> None:
    tables = [
        *NOISE,
        table("ORDERS", "PRICE", database="X"),
        table("WEATHER", "ID"),
        table("ORDERS", "PRICE", "WEATHER"),
    ]
    index = TableIndex(tables)
    first = index.families[index.ranked("orders and the weather")[0][0]]
    assert tables[first[0]].database == "D"


def test_a_table_called_by_a_word_that_questions_often_use_is_found() -> None:
    assert best([*NOISE, table("ORDERS", "ID")], "How many orders are there?") == ["ORDERS"]


def test_a_question_that_shares_no_word_finds_nothing() -> None:
    assert best(NOISE, "zebra crossings") == []


def test_no_tables_no_error() -> None:
    assert best([], "anything") == []


@lru_cache
def read_snow() -> tuple[list[Table], list[tuple[set[str], str]]]:
    tables = []
    for line in (SNOW / "tables.txt").read_text(encoding="utf-8").splitlines():
        name, *columns = line.split(" ")
        database, schema, own = name.split(".", 2)
        found = tuple(Column(name=column, type="") for column in columns)
        tables.append(Table(database=database, schema_name=schema, name=own, columns=found))
    lines = (SNOW / "questions.tsv").read_text(encoding="utf-8").splitlines()
    return tables, [(set(names.split(" ")), text) for names, text in (line.split("\t", 1) for line in lines)]


@lru_cache
def recall(weights: Weights) -> float:
    """Mean share of the needed tables among the first ten."""
    tables, questions = read_snow()
    index, shares = TableIndex(tables, weights), []
    for needed, text in questions:
        order = index.in_order([family for family, _ in index.ranked(text)], text)[:10]
        found = {f"{tables[i].database}.{tables[i].schema_name}.{tables[i].name}".upper() for i in order}
        shares.append(len(needed & found) / len(needed))
    return sum(shares) / len(shares)


def test_real_questions_find_their_tables_among_423_of_49_databases() -> None:
    assert recall(Weights()) >= 0.87  # 0.882; the ranking before had 0.774


@pytest.mark.parametrize("weight", ["database", "gram", "link", "whole_name"])
def test_each_weight_earns_its_place_on_real_questions(weight: str) -> None:
    assert recall(Weights(**{weight: 0.0})) < recall(Weights()) - 0.005
