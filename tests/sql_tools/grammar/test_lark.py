"""What a schema's grammar allows, and what it does not."""

import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sql_tools.errors import CopilotError
from sql_tools.grammar import accepts, grammar_key, lark_grammar, problem_of
from sql_tools.grammar.scope import (
    ALIAS,
    BY_ALIAS,
    BY_NAME,
    COUNT,
    CTES,
    DEPTH,
    DERIVED,
    EARLIER_ALIAS,
    NEED_ALIAS,
    NEED_DERIVED,
    REAL_OUTPUT,
    SETS,
    bits,
    layout,
    span,
)
from sql_tools.models import Column, Table

SAMPLE = json.loads((Path(__file__).parent / "fixtures" / "spider_sample.json").read_text())


def table(name: str, *columns: str, schema: str = "main", database: str = "") -> Table:
    listed = tuple(Column(name=column, type="VARCHAR") for column in columns)
    return Table(database=database, schema_name=schema, name=name, columns=listed)


TABLES = (
    table("singer", "id", "name", "age", "my col"),
    table("concert", "cid", "title", "singer_id"),
    table("order", "id", "when"),
)
GRAMMAR = lark_grammar(TABLES, "duckdb")
SNOWFLAKE = lark_grammar((table("SINGER", "ID", "name", schema="PUBLIC", database="DB"),), "snowflake")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT name FROM singer",
        "select NAME from SINGER",
        'SELECT "name", "my col" FROM "singer"',
        "SELECT id FROM main.singer",
        "SELECT count(*), count(DISTINCT age) FROM singer",
        "SELECT T1.name, title FROM singer AS T1 JOIN concert AS T2 ON T1.id = T2.singer_id WHERE age > 3",
        "SELECT name FROM singer s WHERE EXISTS (SELECT 1 FROM concert WHERE singer_id = s.id AND age > 3)",
        "SELECT age, count(*) AS n FROM singer GROUP BY age HAVING n > 2 ORDER BY n DESC NULLS LAST LIMIT 3",
        "SELECT name AS n FROM singer UNION SELECT title FROM concert ORDER BY n LIMIT 3",
        "(SELECT name FROM singer) EXCEPT (SELECT title FROM concert)",
        "WITH z AS (SELECT age, count(*) AS c FROM singer GROUP BY 1) SELECT z.c FROM z WHERE c > 2",
        "WITH x AS (SELECT count(*) AS n FROM singer GROUP BY age) SELECT avg(n) FROM x",
        "SELECT count(*) FROM (SELECT age AS n FROM singer) AS x WHERE x.n > 3 AND n < 9",
        "SELECT CASE WHEN age > 3 THEN 'a''b' ELSE NULL END, CASE age WHEN 3 THEN 4 END FROM singer",
        "SELECT row_number() OVER (PARTITION BY age ORDER BY name) AS r FROM singer QUALIFY r = 1",
        "SELECT sum(age) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM singer",
        "SELECT CAST(age AS INTEGER), age::DOUBLE, extract(year FROM name), date_trunc('month', name) FROM singer",
        "SELECT name FROM singer WHERE name LIKE '%x%' OR age NOT IN (1, 2) AND age BETWEEN -1 AND 1.5",
        "SELECT name FROM singer WHERE when_ IS NULL".replace("when_", "age"),
        'SELECT "when" FROM "order" WHERE id IS NOT NULL ORDER BY "when"',
        "SELECT max(age) filter (WHERE age > 1) FROM singer",
        "SELECT * FROM singer, concert",
        "SELECT s.* FROM singer s",
        "SELECT date '2020-01-01' + INTERVAL 1 DAY",
        "SELECT sum(s.age * c.cid) AS n FROM singer AS s JOIN concert AS c ON s.id = c.singer_id",
        "SELECT name, title, age + cid FROM singer JOIN concert ON singer.id = concert.singer_id",
        "SELECT singer.name, concert.title FROM singer, concert WHERE singer.id = singer_id",
        "SELECT round(100.0 * sum(CASE WHEN coalesce(age, 0) > 3 THEN 1 ELSE 0 END) / count(*), 2) FROM singer",
        "SELECT name, row_number() OVER (PARTITION BY title ORDER BY age DESC) FROM singer JOIN concert ON id = singer_id",
        "SELECT string_agg(DISTINCT name, ', ' ORDER BY name), sum(age) FILTER (WHERE title LIKE 'a%') FROM singer, concert",
        "SELECT CASE WHEN age BETWEEN 1 AND cid THEN name ELSE title END, age IN (1, 2) OR age IS NULL FROM singer, concert",
        'SELECT name FROM singer JOIN "order" USING (id)',
        "SELECT name FROM (SELECT name, age FROM singer) AS x",
        "SELECT a.name, b.name FROM singer AS a JOIN singer AS b ON a.age = b.age",
        "SELECT age, (SELECT max(cid) FROM concert) FROM singer",
        "SELECT last_value(age IGNORE NULLS) OVER (ORDER BY id) FROM singer",
        "SELECT lag(age, 1, 0) OVER (ORDER BY id) FROM singer ORDER BY lead(age, 2, id) OVER (ORDER BY id)",
        "SELECT age != -1 FROM singer WHERE age !=2",
        "SELECT 1;",
        "```sql\nSELECT name\nFROM singer;\n```",
    ],
)
def test_what_a_model_may_write_is_accepted(sql: str) -> None:
    assert accepts(GRAMMAR, sql).accepted, sql[accepts(GRAMMAR, sql).stopped_at :]


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT nme FROM singer", "no such column"),
        ("SELECT title FROM singer", "another table's column"),
        ("SELECT count(*) AS n, title FROM singer", "another table's, after an alias"),
        ("SELECT name FROM singers", "no such table"),
        ("SELECT nme", "a column of nothing"),
        ("SELECT s.nme FROM singer s", "no table has it"),
        ("SELECT singer.title FROM singer JOIN concert ON id = cid", "not that table's"),
        ("SELECT name FROM singer WHERE title = 'x'", "not in FROM"),
        ('SELECT name FROM singer JOIN concert ON id = cid ORDER BY "when"', "not in FROM"),
        ("SELECT name FROM singer WHERE id IN (SELECT title FROM singer)", "not in either FROM"),
        ("SELECT name FROM singer UNION SELECT name FROM concert", "the other SELECT's"),
        ("SELECT count(*) FROM singer ORDER BY n", "an alias nobody gave"),
        ("SELECT name, title FROM singer", "of two tables, FROM names one"),
        ("SELECT sum(age * cid) FROM singer", "of two tables in one sum"),
        ("SELECT sum(CASE WHEN age > 3 THEN cid END) FROM concert", "in a CASE in a sum"),
        ("SELECT row_number() OVER (PARTITION BY title ORDER BY age) FROM singer", "in a window"),
        ("SELECT age, (SELECT title FROM singer) FROM singer", "in a subquery of the list"),
        ("SELECT s.name FROM singer", "an alias before the dot that nobody gave"),
        ("SELECT s.* FROM singer", "everything of an alias that nobody gave"),
        ("SELECT name FROM singer WHERE s.age > 1", "the same in WHERE"),
        ("SELECT singer.name FROM singer AS s", "a name that the alias hides"),
        ("SELECT name FROM singer AS s WHERE singer.age > 1", "the same in WHERE"),
        ("SELECT name FROM singer JOIN concert USING (title)", "not on both sides"),
        ("SELECT name FROM (SELECT count(*) AS n FROM concert) AS x", "no column of any table is there"),
        ("SELECT age --1 FROM singer", "a comment made of two minus signs"),
        ("SELECT age !=-1 FROM singer", "one operator to DuckDB"),
        ("SELECT age = 1 = true FROM singer", "compared twice"),
        ("SELECT age IS NULL + 1 FROM singer", "a sum of a test"),
        ("SELECT last_value(age) IGNORE NULLS OVER (ORDER BY id) FROM singer", "Snowflake's place for it"),
        ("SELECT lag(age, 1, 0, 2) OVER (ORDER BY id) FROM singer", "four arguments where three may be"),
        ("SELECT age::number FROM singer", "Snowflake's type"),
        ("SELECT age AS n FROM singer WHERE n > 1", "an alias in WHERE"),
        ("SELECT nme FROM singer JOIN concert ON id = cid", "no table has it, in a join"),
        ("SELECT my_function(name) FROM singer", "no such function"),
        ("SELECT lower() FROM singer", "too few arguments"),
        ("SELECT rank(age) OVER (ORDER BY age) FROM singer", "arguments where there are none"),
        ("SELECT row_number() FROM singer", "a window function without OVER"),
        ("SELECT *", "everything of nothing"),
        ("SELECT name FROM singer UNIONSELECT title FROM concert", "no space"),
        ("SELECT avg(n) FROM singer", "not a subquery's"),
        ("SELECT cast(name AS blobby) FROM singer", "no such type"),
        ("SELECT name FROM read_csv('x')", "a table function"),
        ("SELECT name FROM 'x.csv'", "a file"),
        ("SELECT name FROM singer; SELECT 1", "two statements"),
        ("SELECT name FROM singer -- x", "a comment"),
        ("SELECT name /* x */ FROM singer", "a comment"),
        ("DELETE FROM singer", "a write"),
        ("SELECTname FROM singer", "no space"),
        ("\u017fELECT name FROM singer", "a long s is no s"),
        ("SELECT name FROM \u017finger", "nor in a name"),
        ("SELECT name FROM singer ORDER BY age UNION SELECT title FROM concert", "ORDER BY in the middle"),
        ("SELECT name FROM", "not finished"),
        ("```sql\nSELECT 1", "the fence is open"),
        ("SELECT name" + " " * 100 + "FROM singer", "spaces without end"),
        ("SELECT " + ", ".join(["name"] * 60) + " FROM singer", "a list without end"),
        ("SELECT " + "(" * 20 + "1" + ")" * 20, "nesting without end"),
        ("SELECT '" + "x" * 200 + "'", "a string without end"),
        ("SELECT name AS " + "x" * 100 + " FROM singer", "a name without end"),
    ],
)
def test_what_is_not_there_or_never_ends_is_not_accepted(sql: str, why: str) -> None:
    assert not accepts(GRAMMAR, sql).accepted, why


@pytest.mark.parametrize(
    ("sql", "accepted"),
    [
        ('SELECT "name" FROM DB.PUBLIC.SINGER', True),
        ("SELECT name FROM SINGER", False),  # bare, it would be NAME
        ('SELECT "Name" FROM SINGER', False),
        ("SELECT id FROM singer QUALIFY row_number() OVER (ORDER BY id) = 1", True),
        ("SELECT DATEADD(day, -1, id), iff(id > 1, 1, 0), id:a.b[0]::string FROM SINGER", True),
        ("SELECT f.value FROM singer s, LATERAL FLATTEN(input => s.id) f", True),
        ("SELECT strftime(id, '%Y') FROM singer", False),  # DuckDB's
    ],
)
def test_snowflake_has_its_own_quoting_and_functions(sql: str, accepted: bool) -> None:
    assert accepts(SNOWFLAKE, sql).accepted is accepted


@pytest.mark.parametrize("db", SAMPLE["schemas"])
def test_right_queries_are_not_forbidden(db: str) -> None:
    grammar = lark_grammar(tuple(table(name, *columns) for name, columns in SAMPLE["schemas"][db].items()), "duckdb")
    golds = [sql for owner, sql in SAMPLE["golds"] if owner == db]
    assert len(golds) >= 8
    assert [sql for sql in golds if not accepts(grammar, sql).accepted] == []


def test_another_database_s_queries_are_forbidden() -> None:
    """The grammar of one database takes hardly a query of the others: it binds names."""
    tables = tuple(table(name, *columns) for name, columns in SAMPLE["schemas"]["pets_1"].items())
    others = [sql for db, sql in SAMPLE["golds"] if db != "pets_1"]
    assert [sql for sql in others if accepts(lark_grammar(tables, "duckdb"), sql).accepted] == []


@pytest.mark.parametrize(
    "name", ['say "hi"', "back\\slash", "a/b", "naïve", "日本", "x.y", "(", "tab\there", "50%", "'", "^", "]"]
)
def test_a_column_of_any_name_can_be_written(name: str) -> None:
    for dialect in ("duckdb", "snowflake"):
        grammar = lark_grammar((table("T", name, "B"),), dialect)
        quoted = name.replace('"', '""')
        assert problem_of(grammar) == ""
        assert accepts(grammar, f'SELECT "{quoted}" FROM T').accepted
        assert not accepts(grammar, f'SELECT "{quoted}x" FROM T').accepted


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 64])
def test_schemas_of_all_sizes_have_a_valid_grammar(count: int) -> None:
    tables = tuple(table(f"t{i}", *(f"c{i}_{j}" for j in range(25))) for i in range(count))
    grammar = lark_grammar(tables, "duckdb")
    assert problem_of(grammar) == ""
    last = count - 1
    assert accepts(grammar, f"SELECT c{last}_3 FROM t{last} WHERE c{last}_24 = 1").accepted
    assert not accepts(grammar, f"SELECT c{last}_3 FROM t{last} WHERE c{last}_25 = 1").accepted
    if count > 1:
        assert not accepts(grammar, "SELECT c0_1 FROM t0 WHERE c1_1 = 1").accepted
        assert accepts(grammar, "SELECT c0_1, sum(c0_1 + c1_1) FROM t0 JOIN t1 ON c0_2 = c1_2 GROUP BY 1").accepted
        held = layout([[c.name for c in t.columns] for t in tables]).exact
        assert held is (count <= 12)
        assert accepts(grammar, "SELECT c0_1, c1_1 FROM t0").accepted is not held


@given(
    st.integers(1, 14).flatmap(
        lambda n: st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, unique=True), min_size=n, max_size=n)
    )
)
def test_no_two_things_share_a_bit(columns: list[list[str]]) -> None:
    """Whatever the tables have in common: one bit each, none beyond 64, the stack's apart from all."""
    found = layout(columns)
    assume(found.exact)
    tables = {*found.own, *found.alias, *found.need}
    named = [bit for _, bit in found.shared]
    assert len(tables) == (3 if found.hides else 2) * len(columns)
    assert len(tables | set(named)) == len(tables) + len(named)
    taken = bits(*tables, *named)
    flags = bits(DERIVED, CTES, ALIAS, EARLIER_ALIAS, NEED_DERIVED, NEED_ALIAS, REAL_OUTPUT)
    flags |= bits(BY_ALIAS, BY_NAME) if found.hides else 0
    parts = [taken, found.stack.mask, flags, span(SETS), span(COUNT), span(DEPTH)]
    assert sum(parts) == bits(*(b for part in parts for b in range(64) if part >> b & 1))
    assert sum(parts) < 1 << 64
    assert set(found.beside) <= {b for b in range(64) if found.stack.mask >> b & 1}


def test_the_same_schema_has_the_same_grammar() -> None:
    again = lark_grammar(tuple(t.model_copy() for t in TABLES), "duckdb")
    assert grammar_key(again) == grammar_key(GRAMMAR)
    assert grammar_key(lark_grammar(TABLES[:2], "duckdb")) != grammar_key(GRAMMAR)


def test_what_has_no_grammar_is_said_in_words() -> None:
    with pytest.raises(CopilotError, match="no table"):
        lark_grammar((), "duckdb")
    with pytest.raises(CopilotError, match="'oracle'"):
        lark_grammar(TABLES, "oracle")
    with pytest.raises(CopilotError, match="at most 64"):
        lark_grammar(TABLES * 30, "duckdb")
