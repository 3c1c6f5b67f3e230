"""The export for llama.cpp's own grammar engine, read back by llguidance's converter."""

import pytest
from llguidance.gbnf_to_lark import gbnf_to_lark

from sql_tools.grammar import accepts, gbnf_grammar
from sql_tools.models import Column, Table

COLUMNS = tuple(Column(name=name, type="VARCHAR") for name in ("id", "name", 'my "col"', "a\\b"))
TABLES = (Table(schema_name="main", name="singer", columns=COLUMNS),)
GBNF = gbnf_grammar(TABLES, "duckdb")
READ_BACK = "%llguidance {}\n" + gbnf_to_lark(GBNF)


@pytest.mark.parametrize(
    ("sql", "accepted"),
    [
        ("SELECT name, count(*) AS n FROM singer GROUP BY name ORDER BY n DESC LIMIT 3", True),
        ("select NAME from SINGER where id in (select id from singer) or name like '%x%'", True),
        ('SELECT "my ""col""", "a\\b" FROM "singer"', True),
        ("SELECT nme FROM singer", False),
        ("SELECT name FROM singers", False),
        ("SELECT my_function(name) FROM singer", False),
        ("DROP TABLE singer", False),
    ],
)
def test_gbnf_binds_names_too(sql: str, accepted: bool) -> None:
    assert accepts(READ_BACK, sql).accepted is accepted


def test_gbnf_has_no_rule_that_is_not_defined() -> None:
    heads = {line.split(" ::= ")[0] for line in GBNF.splitlines()}
    assert "root" in heads
    assert len(heads) == len(GBNF.splitlines())
    assert not any(mark in GBNF for mark in ("::_", "%if", "NIL", "$"))
