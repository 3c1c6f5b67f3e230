"""Texts that are printed without quotes are words."""

import pytest
import sqlglot
from sqlglot import exp

from sql_tools.errors import InvalidSQLError
from sql_tools.models import Context
from sql_tools.rules.plain_words import only_plain_words

CONTEXT = Context(dialect="duckdb", tables=(), catalog=())


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id AS $$x, f() AS y$$ FROM orders",
        "SELECT sum(id) OVER w FROM orders WINDOW w AS (ORDER BY id), $$z AS (ORDER BY f()), q$$ AS (ORDER BY id)",
        'SELECT EXTRACT("YEAR FROM ts), f(), EXTRACT(DAY" FROM ts) FROM orders',
        'SELECT CAST(m AS "mood), (SELECT 1), CAST(m AS mood") FROM orders',
        "SELECT note COLLATE 'nocase, f()' FROM orders",
    ],
)
def test_a_text_with_sql_in_it_is_refused(sql: str) -> None:
    with pytest.raises(InvalidSQLError, match="only a plain word may"):
        only_plain_words(sqlglot.parse_one(sql, read="duckdb"), CONTEXT)


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT "a b" AS "c, (d)", größe, a$1 FROM "Order Details" WHERE x = \'a); DROP TABLE t\'',
        "SELECT sum(a) OVER (ORDER BY b ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM t",
        "SELECT 1.5e3, .5, 1_000, TRIM(LEADING 'x' FROM a), INTERVAL '1' DAY, EXTRACT(YEAR FROM d) FROM t",
        "SELECT * FROM t NATURAL FULL JOIN u TABLESAMPLE RESERVOIR (10 ROWS)",
        "SELECT j->'$.a.b', j->>'k' FROM t",
    ],
)
def test_what_people_write_passes_and_the_tree_comes_out_equal(sql: str) -> None:
    tree = sqlglot.parse_one(sql, read="duckdb")
    before = tree.copy()
    only_plain_words(tree, CONTEXT)
    assert tree == before


def test_a_number_with_words_in_it_is_refused() -> None:
    with pytest.raises(InvalidSQLError):
        only_plain_words(exp.select(exp.Literal(this="1, f()", is_string=False)), CONTEXT)
