"""Tables alike but for digits, and which of them a question asks for."""

import doctest

import pytest

from sql_tools.models import Column, Table
from sql_tools.retrieval import table_families as module
from sql_tools.retrieval import terms
from sql_tools.retrieval.table_families import Asked, families, told_apart

DAYS = [f"E_2018{month:02}{day:02}" for month in (6, 7, 8, 9) for day in range(1, 31)]
YEARS = [f"GSOD{year}" for year in range(1990, 2021)]


def table(name: str, column: str) -> Table:
    return Table(schema_name="S", name=name, columns=(Column(name=column, type="VARCHAR"),))


def named(text: str, names: list[str]) -> list[str]:
    return [names[i] for i in Asked(text).split(told_apart(dict(enumerate(names))))[0]]


def test_tables_that_only_look_alike_are_no_family() -> None:
    tables = [table("T1", "A"), table("T2", "A"), table("T3", "B"), table("T", "A")]
    assert families(tables) == [(0, 1), (2,), (3,)]


@pytest.mark.parametrize(
    ("text", "first", "last", "count"),
    [
        ("on September 15, 2018", "E_20180915", "E_20180915", 1),
        ("on 15 September 2018", "E_20180915", "E_20180915", 1),
        ("on 2018-09-15", "E_20180915", "E_20180915", 1),
        ("from July 2, 2018 to July 16, 2018", "E_20180702", "E_20180716", 15),
        ("between August 1 and August 15, 2018", "E_20180801", "E_20180815", 15),
        ("from 2018-07-30 to 2018-08-02", "E_20180730", "E_20180802", 3),
        ("in July 2018", "E_20180701", "E_20180730", 30),
        ("during August and September 2018", "E_20180801", "E_20180930", 60),
        ("in 2018", "E_20180601", "E_20180930", 120),
    ],
)
def test_days_and_months_are_found(text: str, first: str, last: str, count: int) -> None:
    found = named(f"How many users came {text}?", DAYS)
    assert (found[0], found[-1], len(found)) == (first, last, count)


@pytest.mark.parametrize(
    ("text", "names", "found"),
    [
        ("from 2011 through 2013", YEARS, ["GSOD2011", "GSOD2012", "GSOD2013"]),
        ("between 2019 and 2020", YEARS, ["GSOD2019", "GSOD2020"]),
        ("in 2012 or 2015", YEARS, ["GSOD2012", "GSOD2015"]),
        ("of the 2016 cycle", ["CCL14", "CCL16", "CCL18"], ["CCL16"]),
        ("v2.1.1, chromosome 17", ["V2_1_1__CHR1", "V2_1_1__CHR2", "V2_1_1__CHR17"], ["V2_1_1__CHR17"]),
        ("the 2017 5-year survey", ["C_2016_5YR", "C_2017_5YR", "C_2017_1YR"], ["C_2017_5YR"]),
        ("who is oldest", YEARS, []),
        ("on February 31, 2012", YEARS, ["GSOD2012"]),
        ("in July 99999999999999999999", YEARS, []),
        ("on 2012-02-31 and 2012-13-01", YEARS, ["GSOD2012"]),
    ],
)
def test_numbers_and_years_are_found(text: str, names: list[str], found: list[str]) -> None:
    assert named(text, names) == found


def test_others_come_the_likeliest_first_else_the_last_one() -> None:
    apart = told_apart({0: "E_20180101", 1: "E_20180914", 2: "E_20180915", 3: "E_20190101"})
    assert Asked("on September 15, 2018").split(apart) == ([2], [1, 0, 3])
    assert Asked("ever").split(apart) == ([], [3, 2, 1, 0])


@pytest.mark.parametrize("documented", [module, terms], ids=["families", "terms"])
def test_the_examples_in_the_docstrings_hold(documented: object) -> None:
    done = doctest.testmod(documented)  # type: ignore[arg-type]
    assert done.attempted
    assert not done.failed
