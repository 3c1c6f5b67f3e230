"""The functions of the grammar are those the checks let pass."""

import duckdb
import pytest
import sqlglot

from sql_tools.grammar.words import TYPES, functions
from sql_tools.models import Column, Context, Table
from sql_tools.rules.reads import only_known_functions

ARGUMENTS = {
    "F1": 1,
    "F12": 1,
    "F2": 2,
    "F23": 2,
    "F3": 3,
    "FN": 3,
    "FPART": 2,
    "FDIFF": 3,
    "AGG": 1,
    "AGG2": 2,
    "LISTAGG": 2,
}
CASES = [(d, kind, name) for d in ("duckdb", "snowflake") for kind, names in functions(d).items() for name in names]


@pytest.mark.parametrize(("dialect", "kind", "name"), CASES)
def test_every_function_of_the_grammar_passes_the_checks(dialect: str, kind: str, name: str) -> None:
    arguments = ["a"] * ARGUMENTS.get(kind, 1)
    if kind in ("FPART", "FDIFF"):
        arguments[0] = "day"
    tail = " OVER (ORDER BY a)" if kind in ("W1", "WN") else ""
    tables = (Table(schema_name="main", name="t", columns=(Column(name="a", type="VARCHAR"),)),)
    tree = sqlglot.parse_one(f"SELECT {name}({', '.join(arguments)}){tail} FROM t", read=dialect)
    only_known_functions(tree, Context(dialect=dialect, tables=tables, catalog=tables))


@pytest.mark.parametrize(
    ("dialect", "name"), [(d, n) for d, names in TYPES.items() for n in names.split() if not n.endswith("_")]
)
def test_every_type_parses(dialect: str, name: str) -> None:
    assert sqlglot.parse_one(f"SELECT a::{name} FROM t", read=dialect).find(sqlglot.exp.Cast)


def test_duckdb_has_every_function_of_its_grammar() -> None:
    syntax = {"coalesce", "ifnull", "date"}  # not in its list, yet it knows them
    have = {name for (name,) in duckdb.sql("SELECT function_name FROM duckdb_functions()").fetchall()}
    assert {name for names in functions("duckdb").values() for name in names} - have - syntax == set()
