"""Properties of the checks over SQL nobody thought of: no crash, no hang, and nothing but a read is allowed.

DuckDB's own parser is the second opinion: what is allowed must be one SELECT to it, and call only what reads.
"""

import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sql_tools.errors import InvalidSQLError
from sql_tools.models import Column, Context, DraftSQL, Table
from sql_tools.validate import RULES, validate

FIXTURES = Path(__file__).parent / "rules" / "fixtures"
DATA = Path(__file__).parents[2] / "sql_tools" / "redteam" / "data"
SECONDS = 6.0  # for the fuzzer
MAX_SECONDS_EACH = 2.0
SERIES = {"range", "generate_series", "unnest", "flatten"}  # DuckDB has no table function flatten: it refuses
WORDS = (
    """SELECT FROM WHERE GROUP BY HAVING ORDER LIMIT WITH AS UNION ALL EXCEPT JOIN ON USING LEFT CROSS LATERAL CASE WHEN
    THEN END AND OR NOT IN EXISTS BETWEEN LIKE IS NULL DISTINCT OVER PARTITION QUALIFY UNNEST VALUES CAST INTERVAL DATE
    INSERT INTO UPDATE SET DELETE DROP TABLE CREATE COPY TO ATTACH PRAGMA CALL LOAD INSTALL RETURNING DESCRIBE PIVOT
    ( ) ( ) , , . ; * = < > + - / || :: [ ] { } -> => ? $1 @x 'a' "b" 1 2.5 -- /* */ t u t.a u.k a b k r x read_text
    read_csv getenv nextval duckdb_settings count sum max lower list_transform lambda range repeat current_setting"""
).split()


def table(name: str, columns: str, rows: int) -> Table:
    return Table(
        schema_name="main",
        name=name,
        columns=tuple(Column(name=c, type="VARCHAR" if c in "vx" else "BIGINT") for c in columns.split()),
        row_count=rows,
    )


CATALOG = (table("t", "a b k d v", 1000), table("u", "a b k", 2000), table("users", "id name email", 10))
CONTEXTS = [
    Context(dialect=dialect, question=question, tables=CATALOG, catalog=CATALOG)
    for dialect in ("duckdb", "snowflake")
    for question in ("", "How many a are there for each b?")
]


@pytest.fixture(scope="module")
def parser():
    connection = duckdb.connect(":memory:")
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def side_effects(parser) -> set[str]:
    """Functions DuckDB itself calls volatile, but for random numbers."""
    rows = parser.execute("SELECT function_name FROM duckdb_functions() WHERE stability = 'VOLATILE'").fetchall()
    return {row[0] for row in rows} - {"random", "uuid", "uuidv4", "uuidv7", "gen_random_uuid"}


def allowed(sql: str, context: Context) -> str:
    """The SQL as it would run, "" if it is refused; anything but a refusal in words fails the test."""
    started = time.monotonic()
    try:
        text = validate(DraftSQL(text=sql, dialect=context.dialect), context).text
    except InvalidSQLError as error:
        text, refusal = "", error.message
        cause = error.__cause__
    else:
        refusal, cause = "passed", None
    assert refusal
    assert " broke (" not in refusal, (sql, context.dialect, refusal, cause)
    assert time.monotonic() - started < MAX_SECONDS_EACH, sql
    return text


def nodes(tree: object) -> Iterator[dict[str, object]]:
    """Every object of DuckDB's own tree."""
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from nodes(value)


def not_a_read(text: str, parser: duckdb.DuckDBPyConnection, side_effects: set[str]) -> str:
    """Why DuckDB's parser would not call it a harmless read; "" if it would, or cannot parse it."""
    try:
        statements = parser.extract_statements(text)
    except duckdb.Error:
        return ""  # the engine refuses it
    if [s.type for s in statements] != [duckdb.StatementType.SELECT]:
        return f"{[s.type for s in statements]}"
    tree = json.loads(parser.execute("SELECT json_serialize_sql(?::VARCHAR)", [text]).fetchall()[0][0])
    for node in nodes(tree):
        name = str(node.get("function_name", "")).lower()
        if node.get("type") == "TABLE_FUNCTION":
            inner = node.get("function")
            called = str(inner.get("function_name", "")).lower() if isinstance(inner, dict) else ""
            if called not in SERIES:
                return f"table function {called}"
        if name in side_effects or re.match(
            r"read_|getenv|current_setting|glob$|query(_table)?$|duckdb_|pragma_", name
        ):
            return f"function {name}"
        if node.get("type") == "SHOW_REF" or str(node.get("type", "")).endswith(("INSERT", "DELETE", "UPDATE")):
            return str(node["type"])
    return ""


def hold(sql: str, parser: duckdb.DuckDBPyConnection, side_effects: set[str]) -> bool:
    """Check every property on one text; was it allowed anywhere?"""
    found = False
    for context in CONTEXTS:
        text = allowed(sql, context)
        if text and context.dialect == "duckdb":
            assert not_a_read(text, parser, side_effects) == "", (sql, text)
        found = found or bool(text)
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(sql=st.text(max_size=80))
def test_any_text_is_refused_or_read(sql, parser, side_effects):
    hold(sql, parser, side_effects)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(words=st.lists(st.sampled_from(WORDS), max_size=25))
def test_any_words_of_sql_are_refused_or_read(words, parser, side_effects):
    hold("SELECT " + " ".join(words), parser, side_effects)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.text(max_size=60).filter(lambda s: "\x00" not in s and s.isprintable()))
def test_any_text_is_allowed_as_a_literal(text):
    quoted = "'" + text.replace("'", "''") + "'"
    written = allowed(f"SELECT a FROM t WHERE v = {quoted}", CONTEXTS[0])
    assert quoted in written


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    depth=st.integers(0, 400),
    kind=st.sampled_from(("({})", "(SELECT {})", "abs({})", "NOT {}", "-{}", "[{}]", "CASE WHEN {} THEN 1 END")),
)
def test_any_depth_is_refused_in_words_or_read(depth, kind):
    sql = "1"
    for _ in range(depth):
        sql = kind.replace("{}", sql)
    allowed(f"SELECT {sql}", CONTEXTS[0])


def seeds() -> list[str]:
    lines = [line.split(" | ")[1] for line in (FIXTURES / "reads.sql").read_text("utf-8").splitlines() if " | " in line]
    lines += [json.loads(line).get("text", "") for line in (DATA / "redteam.jsonl").read_text("utf-8").splitlines()]
    return [line for line in lines if line]


def mutated(draw: random.Random, pool: list[str]) -> str:
    """A seed with words taken out, doubled, swapped with another's, or the whole put inside another query."""
    words = re.findall(r"\w+|\s+|[^\w\s]", draw.choice(pool))
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(words) + 1)
        other = re.findall(r"\w+|\s+|[^\w\s]", draw.choice(pool))
        start = draw.randrange(len(other))
        piece = other[start : start + draw.randint(1, 8)]
        words[at : at + draw.randint(0, 3)] = draw.choice(([], piece, piece, ["/**/"], ["\n"]))
    sql = "".join(words)
    wrap = draw.choice(("{}", "{}", "SELECT * FROM ({}) AS x", "WITH x AS ({}) SELECT * FROM x", "SELECT ({})"))
    return wrap.replace("{}", sql)


def test_no_mutation_of_a_known_attack_gets_through(parser, side_effects):
    draw, pool = random.Random(7), seeds()
    deadline = time.monotonic() + SECONDS
    tried = passed = 0
    while time.monotonic() < deadline:
        passed += hold(mutated(draw, pool), parser, side_effects)
        tried += 1
    assert tried > 100
    assert passed > 0  # it reaches what is allowed, too


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("DROP TABLE t", "DROP"),
        ("SELECT 1; SELECT 2", "SELECT"),
        ("SELECT * FROM read_text('x')", "table function read_text"),
        ("SELECT nextval('s')", "function nextval"),
        ("SELECT * FROM (DESCRIBE t)", "SHOW_REF"),
        ("SELECT count(*) FROM range(3)", ""),
    ],
)
def test_the_second_opinion_tells_reads_from_others(sql, why, parser, side_effects):
    found = not_a_read(sql, parser, side_effects)
    assert why in found
    assert bool(found) == bool(why)


def test_the_rules_that_keep_reads_come_first():
    names = [rule.__name__ for rule in RULES[:5]]
    assert names == [
        "only_a_select",
        "only_known_nodes",
        "only_plain_words",
        "only_known_functions",
        "only_plain_tables",
    ]
