"""Snowflake's documentation against our DuckDB: each case of fixtures/snowflake_dialect.sql, with its page beside it."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot

from sql_tools.diff.cells import cell_agrees
from sql_tools.errors import InvalidSQLError
from sql_tools.transpile import to_duckdb

CASES = Path(__file__).parent / "fixtures" / "snowflake_dialect.sql"
TOP_LEVEL_ORDER = re.compile(r"\bORDER BY(?![^()]*\))", re.IGNORECASE)


@dataclass
class Case:
    """One documented query: its rows, or the words with which it is refused."""

    title: str
    source: str = ""
    sql: str = ""
    rows: list[list[Any]] = field(default_factory=list)
    refused: str = ""


def read_cases() -> list[Case]:
    cases: list[Case] = []
    for line in CASES.read_text("utf-8").splitlines():
        if line.startswith("# title: "):
            cases.append(Case(line[9:]))
        elif line.startswith("# source: "):
            cases[-1].source = line[10:]
        elif line.startswith("=> "):
            cases[-1].rows.append(json.loads(line[3:]))
        elif line.startswith("! "):
            cases[-1].refused = line[2:]
        elif line and not line.startswith("#"):
            cases[-1].sql += line + "\n"
    return cases


ALL = read_cases()


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def agrees(documented: Any, ours: Any) -> bool:
    """A documented cell and ours, each in its own types: text that stands for a decimal has its scale, and is exact."""
    if isinstance(ours, date | time):
        return bool(documented == ours.isoformat())
    if isinstance(documented, str) and isinstance(ours, int | float | Decimal):
        return cell_agrees(Decimal(documented), ours)
    if isinstance(documented, list | dict):
        return cell_agrees(documented, ours, "VARIANT")
    return (type(documented) is type(ours) and documented == ours) or _numbers(documented, ours)


def _numbers(documented: Any, ours: Any) -> bool:
    both = all(isinstance(one, int | float | Decimal) and not isinstance(one, bool) for one in (documented, ours))
    return both and cell_agrees(float(documented), float(ours))


def same_rows(documented: Sequence[Sequence[Any]], ours: Sequence[Sequence[Any]], ordered: bool) -> bool:
    """As a list where the query orders its rows, else in any order."""
    if len(documented) != len(ours):
        return False
    rest = list(ours)
    for at, row in enumerate(documented):
        places = [at] if ordered else range(len(rest))
        hit = next((i for i in places if _row(row, ours[i] if ordered else rest[i])), None)
        if hit is None:
            return False
        if not ordered:
            rest.pop(hit)
    return True


def _row(documented: Sequence[Any], ours: Sequence[Any]) -> bool:
    return len(documented) == len(ours) and all(map(agrees, documented, ours))


def rows_of(sql: str, engine: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return engine.execute(sql).fetchall()


@pytest.mark.parametrize("case", [case for case in ALL if not case.refused], ids=lambda case: case.title)
def test_duckdb_gives_the_documented_rows(case: Case, engine: duckdb.DuckDBPyConnection) -> None:
    ours = rows_of(to_duckdb(case.sql), engine)
    ordered = bool(TOP_LEVEL_ORDER.search(case.sql))
    assert same_rows(case.rows, ours, ordered), f"{to_duckdb(case.sql)}\ngave {ours}"


@pytest.mark.parametrize("case", [case for case in ALL if case.refused], ids=lambda case: case.title)
def test_what_duckdb_cannot_give_is_refused_with_the_reason(case: Case, engine: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises((InvalidSQLError, duckdb.Error)) as caught:
        rows_of(to_duckdb(case.sql), engine)
    assert case.refused in str(caught.value)


def test_there_are_at_least_forty_documented_cases_each_with_its_page() -> None:
    documented = [case for case in ALL if not case.refused]
    assert len(documented) >= 40
    assert all(re.match(r"(sql-reference|user-guide)/", case.source) for case in ALL)
    assert len({case.title for case in ALL}) == len(ALL)


def test_a_wrong_row_would_be_noticed(engine: duckdb.DuckDBPyConnection) -> None:
    """The comparison can fail: each documented cell changed a little is not what DuckDB gives."""
    case = next(case for case in ALL if case.title.startswith("DATEDIFF counts boundaries"))
    ours = rows_of(to_duckdb(case.sql), engine)
    for at in range(1, 5):
        changed = [[*row[:at], row[at] + 1, *row[at + 1 :]] for row in case.rows]
        assert not same_rows(changed, ours, ordered=False)


def _plainly_right(case: Case, engine: duckdb.DuckDBPyConnection) -> bool:
    try:
        plain = sqlglot.transpile(case.sql, read="snowflake", write="duckdb")[0]
        return same_rows(case.rows, rows_of(plain, engine), bool(TOP_LEVEL_ORDER.search(case.sql)))
    except Exception:
        return False


def test_the_rewrites_are_needed(engine: duckdb.DuckDBPyConnection) -> None:
    """sqlglot alone gives other rows, or none, in at least 20 of the cases: else rewrites here have become idle."""
    wrong = [case.title for case in ALL if not case.refused and not _plainly_right(case, engine)]
    print(f"{len(wrong)} of {sum(not case.refused for case in ALL)} documented cases need a rewrite")
    assert len(wrong) >= 20, wrong


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT 1; SELECT 2", "Only one query"),
        ("DELETE FROM t", "Only one query"),
        ("SELEC 1", "not Snowflake SQL"),
        ("SELECT FROM WHERE", "not Snowflake SQL"),
        ("SELECT RANDOM()", "other rows each time"),
        ("SELECT SEQ4() FROM TABLE(GENERATOR(ROWCOUNT => 3))", "ROW_NUMBER"),
        ("SELECT UNIFORM(1, 2, RANDOM())", "other rows each time"),
        ("SELECT * FROM t SAMPLE (10)", "other rows each time"),
        ("SELECT HLL(a) FROM t", "estimate"),
        ("SELECT REGEXP_REPLACE(a, 'x', 'y', 3) FROM t", "REGEXP_REPLACE"),
    ],
)
def test_no_query_or_nothing_to_compare_is_refused(sql: str, words: str) -> None:
    with pytest.raises(InvalidSQLError, match=words):
        to_duckdb(sql)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT DATEADD(day, 1, DATEADD(month, 1, DATE_TRUNC('month', '2024-01-31'::DATE)))", "2024-02-02"),
        ("SELECT LAST_DAY(DATEADD(month, -1, '2024-03-31'::DATE))", "2024-02-29"),
        ("SELECT '2018-04-15'::DATE + INTERVAL '1 year'", "2019-04-15"),
    ],
)
def test_dates_stay_dates_however_deep(sql: str, expected: str, engine: duckdb.DuckDBPyConnection) -> None:
    (value,) = rows_of(to_duckdb(sql), engine)[0]
    assert value.isoformat() == expected


def test_a_divisor_that_was_looked_at_is_not_looked_at_again() -> None:
    assert "ERROR" not in to_duckdb("SELECT DIV0(a, b), a / NULLIF(b, 0), a / 2, IFF(b = 0, 0, a / b) FROM t")
    assert to_duckdb("SELECT a / b FROM t").count("ERROR") == 1


@pytest.mark.parametrize(
    "condition",
    ["v:name = 'Fido'", "'Fido' = v:name", "v:name = name", "v:age = 3", "v:age > 2.5", "v:age = age", "v:name IN ('Fido')",
     "v:born = born", "v:name ILIKE 'fi%'", "v:name || '!' = 'Fido!'", "v:name::VARCHAR = name", "NOT v:age = 4"],
)  # fmt: skip
def test_a_path_is_compared_as_what_it_is_compared_with(condition: str, engine: duckdb.DuckDBPyConnection) -> None:
    row = """(SELECT PARSE_JSON('{"name": "Fido", "age": 3, "born": "2020-01-02"}') AS v, 'Fido' AS name, 3 AS age, '2020-01-02'::DATE AS born)"""
    assert rows_of(to_duckdb(f"SELECT COUNT(*) FROM {row} WHERE {condition}"), engine) == [(1,)]


def test_a_subquery_may_divide(engine: duckdb.DuckDBPyConnection) -> None:
    assert rows_of(to_duckdb("SELECT 1::FLOAT / (SELECT 4) AS quarter"), engine) == [(0.25,)]


@pytest.mark.parametrize(
    ("format", "expected"),
    [("YYYY-MM", "2024-04"), ("yyyymmdd", "20240405"), ("DD MON YYYY, HH24:MI:SS", "05 Apr 2024, 01:02:03")],
)
def test_to_char_of_a_column_whose_type_nobody_knows(
    format: str, expected: str, engine: duckdb.DuckDBPyConnection
) -> None:
    sql = f"SELECT TO_CHAR(t, '{format}') FROM (SELECT '2024-04-05 01:02:03'::TIMESTAMP AS t)"
    assert rows_of(to_duckdb(sql), engine) == [(expected,)]


def test_to_char_of_a_number_by_format_is_refused() -> None:
    with pytest.raises(InvalidSQLError, match="DuckDB has nothing like it"):
        to_duckdb("SELECT TO_CHAR(n, '$99.0') FROM t")
