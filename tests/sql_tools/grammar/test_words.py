"""The functions of the grammar are those the checks let pass."""

import duckdb
import pytest
import sqlglot
from sqlglot.errors import ParseError

from sql_tools.errors import InvalidSQLError
from sql_tools.grammar.words import TYPES, functions
from sql_tools.models import Column, Context, Table
from sql_tools.rules.reads import only_known_functions

CASES = [(d, kind, name) for d in ("duckdb", "snowflake") for kind, names in functions(d).items() for name in names]

ARGUMENTS = {
    **{"FUNCTION1": 1, "FUNCTION2": 2, "FUNCTION3": 3, "FUNCTION": 2},
    **{"AGGREGATE": 1, "AGGREGATE2": 2, "WINDOW1": 1, "WINDOW": 2},
}


@pytest.mark.parametrize(("dialect", "kind", "name"), CASES)
def test_every_function_of_the_grammar_passes_the_checks(dialect: str, kind: str, name: str) -> None:
    """With one to four arguments: the grammar does not count them, the checks do."""
    tail = " OVER (ORDER BY a)" if kind in ("RANK", "WINDOW1", "WINDOW") else ""
    first = ["day"] if kind in ("FPART", "OPERAND_PART") else []
    calls = [f"{name}({', '.join([*first, *['a'] * count])}){tail}" for count in range(5)]
    assert any(_passes(f"SELECT {call} FROM t", dialect) for call in calls)


@pytest.mark.parametrize(
    "argument", ["a AND a", "NOT a", "a IN (a)", "a LIKE a", "a IS NULL", "a BETWEEN a AND a", "a = a"]
)
@pytest.mark.parametrize(("dialect", "kind", "name"), [case for case in CASES if case[1] in ARGUMENTS])
def test_a_function_parses_with_a_condition_in_each_place_the_grammar_allows_one(
    dialect: str, kind: str, name: str, argument: str
) -> None:
    over = " OVER (ORDER BY a)" if kind.startswith("WINDOW") else ""
    for place in range(ARGUMENTS[kind]):
        given = ["a"] * ARGUMENTS[kind]
        given[place] = argument
        assert sqlglot.parse_one(f"SELECT {name}({', '.join(given)}){over} FROM t", read=dialect)


def _passes(sql: str, dialect: str) -> bool:
    tables = (Table(schema_name="main", name="t", columns=(Column(name="a", type="VARCHAR"),)),)
    try:
        only_known_functions(
            sqlglot.parse_one(sql, read=dialect), Context(dialect=dialect, tables=tables, catalog=tables)
        )
    except (InvalidSQLError, ParseError):
        return False
    return True


@pytest.mark.parametrize(
    ("dialect", "name"), [(d, n) for d, names in TYPES.items() for n in names.split() if not n.endswith("_")]
)
def test_every_type_parses(dialect: str, name: str) -> None:
    assert sqlglot.parse_one(f"SELECT a::{name} FROM t", read=dialect).find(sqlglot.exp.Cast)


def test_duckdb_has_every_function_of_its_grammar() -> None:
    syntax = {"coalesce", "ifnull", "date", "percentile_cont", "percentile_disc"}  # not in its list, yet it knows them
    have = {name for (name,) in duckdb.sql("SELECT function_name FROM duckdb_functions()").fetchall()}
    assert {name for names in functions("duckdb").values() for name in names} - have - syntax == set()
