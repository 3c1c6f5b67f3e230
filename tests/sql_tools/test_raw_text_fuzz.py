"""Payloads put into every place whose text sqlglot prints as it is: nothing of them may come out as SQL.

Functions times arguments, aliases, names, casts, intervals, units, collations, options, frames. FUZZ_CALLS sets how many
are drawn (5,000 here, 400,000 by `make nightly`); the draw is seeded.
"""

import json
import os
import random
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.dialects.snowflake import Snowflake
from sqlglot.tokenizer_core import TokenType

from sql_tools.errors import InvalidSQLError
from sql_tools.models import Column, Context, DraftSQL, Table
from sql_tools.rules.allowed_functions import NAMES
from sql_tools.validate import validate

CALLS = int(os.environ.get("FUZZ_CALLS", "5000"))
MARKS = ("evil_call", "evil_table")
INSIDE = (
    "X), evil_call(5), (Y",
    "X, (SELECT a FROM evil_table) AS Y",
    "X FROM evil_table UNION ALL SELECT Y",
    "X; SELECT evil_call(1); SELECT Y",
    "DAY, D), evil_call(5), F(DAY",
    "YEAR FROM D), evil_call(5), EXTRACT(DAY",
    "10), evil_call(5), CAST(1 AS VARCHAR(3",
    "X -- evil_call(1)",
    "X /* */ , evil_call(1)",
    "X' , evil_call(1), 'Y",
    'X" , evil_call(1), "Y',
    "X\\', evil_call(1), \\'Y",
    "DAY' + evil_call(1) + INTERVAL '1",
    "UTF8), evil_call(1), CHR(66",
    "X) FROM evil_table --",
)
QUOTES = ('"{}"', "'{}'", "$${}$$", "$q${}$q$", "`{}`", "[{}]", "E'{}'", "{}")
PLACES = """
SELECT a AS {} FROM t
SELECT a {} FROM t
SELECT * FROM t AS {}
SELECT * FROM (SELECT 1 AS a) AS {}
SELECT * FROM (VALUES (1)) AS v({})
WITH {} AS (SELECT 1 AS a) SELECT * FROM {}
WITH q({}) AS (SELECT 1) SELECT * FROM q
SELECT CAST(a AS {}) FROM t
SELECT TRY_CAST(a AS {}) FROM t
SELECT a::{} FROM t
SELECT CAST(a AS DECIMAL(10, {})) FROM t
SELECT CAST(a AS VARCHAR({})) FROM t
SELECT CAST(a AS STRUCT({} INTEGER)) FROM t
SELECT INTERVAL '1' {} FROM t
SELECT INTERVAL {} DAY FROM t
SELECT d + INTERVAL {} FROM t
SELECT EXTRACT({} FROM d) FROM t
SELECT DATE_TRUNC({}, d) FROM t
SELECT DATEDIFF({}, d, d) FROM t
SELECT DATEADD({}, 1, d) FROM t
SELECT LAST_DAY(d, {}) FROM t
SELECT v COLLATE {} FROM t
SELECT COLLATE(v, {}) FROM t
SELECT TRIM({} FROM v) FROM t
SELECT CHR(65 USING {}) FROM t
SELECT CONVERT(a, {}) FROM t
SELECT SUM(a) OVER {} FROM t
SELECT SUM(a) OVER w FROM t WINDOW w AS (ORDER BY a), {} AS (ORDER BY a)
SELECT SUM(a) OVER (ORDER BY a ROWS BETWEEN {} PRECEDING AND CURRENT ROW) FROM t
SELECT a FROM t ORDER BY a NULLS {}
SELECT a FROM t LIMIT {}
SELECT a FROM t TABLESAMPLE {} (10)
SELECT a FROM t USING SAMPLE 10 ({})
SELECT {}(a) FROM t
SELECT f({} => a) FROM t
SELECT OBJECT_INSERT(v, {}, 1) FROM t
SELECT OBJECT_CONSTRUCT({}, a) FROM t
SELECT {{{}: a}} FROM t
SELECT STRUCT_PACK({} := a) FROM t
SELECT v:{} FROM t
SELECT v->{} FROM t
SELECT GET_PATH(v, {}) FROM t
SELECT * FROM t, LATERAL FLATTEN(INPUT => v, MODE => {})
SELECT * FROM TABLE(FLATTEN({} => v))
SELECT * FROM TABLE(GENERATOR({} => 3))
SELECT * FROM t PIVOT (SUM(a) FOR b IN ({}))
SELECT * FROM t PIVOT (SUM(a) FOR b IN (1 AS {}))
SELECT * FROM t UNPIVOT ({} FOR n IN (a, b))
SELECT * EXCLUDE ({}) FROM t
SELECT * RENAME (a AS {}) FROM t
SELECT * REPLACE (a AS {}) FROM t
SELECT COLUMNS({}) FROM t
SELECT t.{} FROM t
SELECT {}.a FROM t
SELECT a FROM {}.t
SELECT LIST_TRANSFORM(v, {} -> 1) FROM t
SELECT LIST_TRANSFORM(v, LAMBDA {} : 1) FROM t
SELECT a FROM t JOIN u USING ({})
SELECT a FROM t GROUP BY {}
SELECT v LIKE 'x' ESCAPE {} FROM t
SELECT d AT TIME ZONE {} FROM t
SELECT DATE {} FROM t
SELECT /*+ {} */ a FROM t
SELECT LISTAGG(v, {}) WITHIN GROUP (ORDER BY a) FROM t
SELECT a FROM t WHERE v = {}
SELECT a FROM t FETCH FIRST {} ROWS ONLY
SELECT a FROM t MATCH_RECOGNIZE (PATTERN ({}))
""".strip().splitlines()
TABLES = (
    Table(
        schema_name="main",
        name="t",
        columns=tuple(
            Column(name=n, type=k) for n, k in (("a", "BIGINT"), ("b", "BIGINT"), ("d", "DATE"), ("v", "VARCHAR"))
        ),
    ),
    Table(schema_name="main", name="u", columns=(Column(name="a", type="BIGINT"),)),
)
FUNCTIONS = {
    dialect: sorted({*NAMES[dialect], *(name.lower() for name in parser.Parser.FUNCTIONS)})
    for dialect, parser in (("duckdb", DuckDB), ("snowflake", Snowflake))
}
ARGUMENTS = ("a", "d", "v", "1", "'x'", "'day'", "DAY", "[a]", "{'k': a}")


def statements(draw: random.Random) -> Iterator[tuple[str, str]]:
    """(dialect, SQL) without end: half a payload in a place, half in an argument of a function."""
    while True:
        dialect = draw.choice(("duckdb", "snowflake"))
        payload = draw.choice(QUOTES).replace("{}", draw.choice(INSIDE))
        if draw.random() < 0.5:
            place = draw.choice(PLACES).replace("{{", "\x01").replace("}}", "\x02")
            yield dialect, place.replace("{}", payload).replace("\x01", "{").replace("\x02", "}")
            continue
        arguments = [draw.choice(ARGUMENTS) for _ in range(draw.randint(1, 5))]
        arguments[draw.randrange(len(arguments))] = payload
        yield dialect, f"SELECT {draw.choice(FUNCTIONS[dialect])}({', '.join(arguments)}) FROM t"


def outside_quotes(sql: str, dialect: str) -> set[str]:
    """The words of a text that stand outside texts and quoted names."""
    quoted = (
        TokenType.STRING,
        TokenType.IDENTIFIER,
        TokenType.RAW_STRING,
        TokenType.NATIONAL_STRING,
        TokenType.BYTE_STRING,
    )
    return {token.text.lower() for token in sqlglot.tokenize(sql, read=dialect) if token.token_type not in quoted}


def read_by_engine(node: Any) -> Iterator[str]:
    """Names of the tables and functions in DuckDB's own parse."""
    if isinstance(node, dict):
        yield from (str(node[key]).lower() for key in ("table_name", "function_name", "column_names") if key in node)
        for value in node.values():
            yield from read_by_engine(value)
    elif isinstance(node, list):
        for value in node:
            yield from read_by_engine(value)


@pytest.fixture(scope="module")
def parser() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    yield connection
    connection.close()


def escaped(sql: str, dialect: str, parser: duckdb.DuckDBPyConnection) -> str:
    """The text that would run if something of a payload comes out of its quotes in it; "" if it is refused or harmless."""
    context = Context(dialect=dialect, tables=TABLES, catalog=TABLES)
    try:
        text = validate(DraftSQL(text=sql, dialect=dialect), context).text
    except InvalidSQLError:
        return ""
    if any(mark in word for mark in MARKS for word in outside_quotes(text, dialect)):
        return text
    if dialect == "duckdb":
        read = json.loads(parser.execute("SELECT json_serialize_sql(?::VARCHAR)", [text]).fetchall()[0][0])
        if not read["error"] and any(mark == name for mark in MARKS for name in read_by_engine(read)):
            return text
    return ""


def test_nothing_of_a_payload_comes_out_of_its_quotes(parser: duckdb.DuckDBPyConnection) -> None:
    drawn = statements(random.Random(7))
    found = [
        (sql, text)
        for sql, text in ((s, escaped(s, d, parser)) for d, s in (next(drawn) for _ in range(CALLS)))
        if text
    ]
    assert found[:5] == []


def test_the_fuzzer_sees_what_comes_out(parser: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the second reading and the plain words, the same draw finds what got out before."""
    monkeypatch.setattr("sql_tools.validate.parse", _parse_the_first_text_only())
    for rules in ("READS", "FENCES", "MEANINGS"):
        monkeypatch.setattr(f"sql_tools.validate.{rules}", ())
    monkeypatch.setattr("sql_tools.validate._require_same_words", lambda *_: None)
    monkeypatch.setattr("sql_tools.validate.write", _written)
    drawn = statements(random.Random(7))
    assert any(escaped(sql, dialect, parser) for dialect, sql in (next(drawn) for _ in range(1000)))


def _written(tree: Any, dialect: str, last: bool = False) -> str:
    try:
        return str(tree.sql(dialect=dialect))
    except Exception as error:
        raise InvalidSQLError("cannot be written") from error


def _parse_the_first_text_only() -> Any:
    trees: dict[str, Any] = {}

    def parse(text: str, dialect: str) -> Any:
        try:
            tree = sqlglot.parse_one(text, read=dialect)
        except Exception as error:
            raise InvalidSQLError("does not parse") from error
        return trees.setdefault(text, tree)

    return parse
