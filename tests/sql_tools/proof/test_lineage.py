"""Where output columns come from: by hand, against sqlglot's own lineage, and by changing what is stored."""

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from sqlglot import exp, parse_one
from sqlglot.lineage import Node
from sqlglot.lineage import lineage as sqlglot_lineage

from sql_tools.models import Column, Context, Table
from sql_tools.proof.lineage import lineage

SHOP = (Path(__file__).parents[1] / "fixtures" / "shop.sql").read_text()
COLUMNS = {
    "customers": "id name region credit",
    "orders": "id customer_id total status day",
    "rates": "region rate",
    "returns": "order_id amount",
    "staff": "id name salary manager_id",
}
TEXT = ("name", "region", "status")


def table(name: str, columns: str) -> Table:
    kinds = ("VARCHAR" if c in TEXT else "DATE" if c == "day" else "INTEGER" for c in columns.split())
    described = tuple(Column(name=c, type=kind) for c, kind in zip(columns.split(), kinds, strict=True))
    return Table(schema_name="main", name=name, columns=described)


CATALOG = tuple(table(name, columns) for name, columns in COLUMNS.items())
CONTEXT = Context(dialect="duckdb", tables=CATALOG, catalog=CATALOG)

SOURCES = [
    # CTEs, of which one may hide a stored table or another CTE
    ("WITH x AS (SELECT total AS t FROM orders), y AS (SELECT t + 1 AS u FROM x) SELECT sum(u) AS s FROM y", "s: orders.total"),
    ("WITH orders AS (SELECT credit AS total FROM customers) SELECT total FROM orders", "total: customers.credit"),
    ("WITH a AS (SELECT id FROM customers), b AS (WITH a AS (SELECT total AS id FROM orders) SELECT id FROM a) "
     "SELECT a.id, b.id AS other FROM a, b", "id: customers.id; other: orders.total"),
    ("WITH b AS (SELECT id FROM orders), orders AS (SELECT credit AS id FROM customers) SELECT b.id, orders.id AS o FROM b, orders",
     "id: orders.id; o: customers.credit"),
    ("WITH x(k) AS (SELECT id FROM orders UNION ALL SELECT total FROM orders) SELECT k FROM x", "k: orders.id, orders.total"),
    ("WITH RECURSIVE t(n) AS (SELECT min(id) FROM orders UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT n FROM t", "n: orders.id"),
    # nested, correlated and scalar subqueries
    ("SELECT k FROM (SELECT j AS k FROM (SELECT total AS j FROM orders))", "k: orders.total"),
    ("SELECT name, (SELECT max(total) FROM orders o WHERE o.customer_id = c.id) AS m FROM customers c", "name: customers.name; m: orders.total"),
    ("SELECT (SELECT credit + total FROM orders LIMIT 1) AS s FROM customers", "s: customers.credit, orders.total"),
    ("SELECT id IN (SELECT customer_id FROM orders) AS b FROM customers", "b: customers.id, orders.customer_id"),
    ("SELECT EXISTS (SELECT 1 FROM orders WHERE total > 3) AS b", "b: orders.*"),
    ("(SELECT id FROM customers) ORDER BY 1", "id: customers.id"),
    ("SELECT l.total FROM customers c, LATERAL (SELECT total FROM orders WHERE customer_id = c.id) l", "total: orders.total"),
    ("SELECT u FROM customers, unnest([id, credit]) AS t(u)", "u: customers.id, customers.credit"),
    # set operations, by place and by name
    ("SELECT id, name FROM customers UNION SELECT total, status FROM orders", "id: customers.id, orders.total; name: customers.name, orders.status"),
    ("SELECT id, name FROM customers UNION BY NAME SELECT status AS name, total AS id FROM orders",
     "id: customers.id, orders.total; name: customers.name, orders.status"),
    ("SELECT id FROM customers UNION ALL BY NAME SELECT rate FROM rates", "id: customers.id; rate: rates.rate"),
    ("SELECT id FROM customers EXCEPT SELECT customer_id FROM orders", "id: customers.id"),
    ("SELECT id FROM customers INTERSECT SELECT customer_id FROM orders", "id: customers.id, orders.customer_id"),
    # stars
    ("SELECT * FROM rates", "region: rates.region; rate: rates.rate"),
    ("FROM (FROM (FROM rates))", "region: rates.region; rate: rates.rate"),
    ("SELECT r.* FROM rates r, returns", "region: rates.region; rate: rates.rate"),
    ("SELECT * EXCLUDE (region) FROM rates", "rate: rates.rate"),
    ("SELECT * REPLACE (rate * 2 AS region) FROM rates", "region: rates.rate; rate: rates.rate"),
    ("SELECT * RENAME (rate AS r) FROM rates", "region: rates.region; r: rates.rate"),
    # one column of two: USING and NATURAL
    ("SELECT * FROM rates JOIN rates r2 USING (region)", "region: rates.region; rate: rates.rate; rate: rates.rate"),
    ("SELECT region FROM customers RIGHT JOIN rates USING (region)", "region: rates.region"),
    ("SELECT region FROM customers FULL JOIN rates USING (region)", "region: customers.region, rates.region"),
    ("SELECT * EXCLUDE (id, name, credit) FROM customers NATURAL JOIN rates", "region: customers.region; rate: rates.rate"),
    ("SELECT * FROM rates ANTI JOIN customers USING (region)", "region: rates.region; rate: rates.rate"),
    # names that several things have
    ("SELECT c.id, o.id FROM customers c JOIN orders o ON o.customer_id = c.id", "id: customers.id; id: orders.id"),
    ("SELECT a.name, b.name AS boss FROM staff a JOIN staff b ON a.manager_id = b.id", "name: staff.name; boss: staff.name"),
    ("SELECT rate AS region, region AS rate FROM rates", "region: rates.rate; rate: rates.region"),
    ("SELECT total * 2 AS d, d + 1 AS e FROM orders", "d: orders.total; e: orders.total"),
    ("SELECT total + 1 AS total FROM orders", "total: orders.total"),
    ("SELECT k FROM rates AS x(j, k)", "k: rates.rate"),
    ("SELECT ID AS x FROM MAIN.Customers", "x: customers.id"),
    # aggregates with and without columns, windows, CASE
    ("SELECT count(*), count(1) AS n FROM customers, rates", "count(*): customers.*, rates.*; n: customers.*, rates.*"),
    ("SELECT count(*) FROM (SELECT 1 FROM orders UNION ALL SELECT 2 FROM rates)", "count(*): orders.*, rates.*"),
    ("SELECT n FROM (SELECT region, count(*) AS n FROM customers GROUP BY 1)", "n: customers.*"),
    ("SELECT count(DISTINCT region) AS n FROM rates", "n: rates.region"),
    ("SELECT sum(1) AS n FROM rates", "n: rates.*"),
    ("SELECT row_number() OVER () AS n FROM rates", "n: rates.*"),
    ("SELECT rank() OVER (PARTITION BY region ORDER BY rate) AS n FROM rates", "n: rates.region, rates.rate"),
    ("SELECT sum(total) OVER w AS s FROM orders WINDOW w AS (PARTITION BY customer_id ORDER BY day)",
     "s: orders.customer_id, orders.day, orders.total"),
    ("SELECT CASE WHEN region = 'N' THEN credit ELSE 0 END AS x FROM customers", "x: customers.credit, customers.region"),
    ("SELECT arg_max(name, credit) AS x FROM customers", "x: customers.name, customers.credit"),
    ("SELECT list_transform([1, 2], lambda x: x + credit) AS x FROM customers", "x: customers.credit"),
    ("SELECT 1 AS one, current_date AS d FROM rates", "one: ; d: "),
]  # fmt: skip


def told(sql: str) -> str:
    columns = lineage(parse_one(sql, read="duckdb"), CONTEXT)
    return "; ".join(f"{c.name.lower()}: {', '.join(f'{s.table}.{s.column}' for s in c.sources)}" for c in columns)


def as_sets(text: str) -> list[tuple[str, set[str]]]:
    parts = (part.partition(": ") for part in (text + " ").split("; "))
    return [(name, {source for source in sources.strip().split(", ") if source}) for name, _, sources in parts]


@pytest.mark.parametrize(("sql", "sources"), SOURCES)
def test_each_column_is_traced_to_what_is_stored(sql: str, sources: str) -> None:
    assert as_sets(told(sql)) == as_sets(sources)
    assert all(column.complete for column in lineage(parse_one(sql, read="duckdb"), CONTEXT))


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """The shop without its keys, so that any column can be changed."""
    with duckdb.connect() as connection:
        connection.execute(re.sub(r", PRIMARY KEY \([^)]*\)| PRIMARY KEY| REFERENCES \w+\(\w+\)", "", SHOP))
        yield connection


@pytest.mark.parametrize(("sql", "sources"), SOURCES)
def test_the_columns_are_those_the_engine_gives(engine: duckdb.DuckDBPyConnection, sql: str, sources: str) -> None:
    given = engine.execute(sql).description
    assert [column[0].lower().removesuffix("_star()").replace("count(*)", "count") for column in given] == [
        name.replace("count(*)", "count") for name, _ in as_sets(sources)
    ]


def leaves(name: str, sql: str) -> set[str]:
    """What sqlglot's lineage ends in."""
    schema = {table.name: {column.name: column.type for column in table.columns} for table in CATALOG}
    found: Node = sqlglot_lineage(name, sql, schema=schema, dialect="duckdb")
    ends = [node for node in found.walk() if not node.downstream and isinstance(node.expression, exp.Table)]
    return {f"{node.expression.name}.{node.name.split('.')[-1]}".lower() for node in ends}


# Where sqlglot stops, or counts what only takes rows away: what is outside of a subquery, stars, functions in FROM.
THEIR_OWN = ("(SELECT id", "(SELECT credit + ", "EXCEPT SELECT", "BY NAME", "RECURSIVE", "REPLACE", "RENAME", "EXISTS", "LATERAL", "unnest", "FULL JOIN",
             "RIGHT JOIN", "x(j, k)", "OVER w", "*", "sum(1)", "row_number() OVER ()", "lambda", "MAIN.")  # fmt: skip
COMPARED = [sql for sql, _ in SOURCES if not any(words in sql for words in THEIR_OWN)]


@pytest.mark.parametrize("sql", COMPARED)
def test_sqlglot_traces_them_to_the_same(sql: str) -> None:
    mine = as_sets(told(sql))
    if len({name for name, _ in mine}) == len(mine):
        assert {name: leaves(name, sql) for name, _ in mine} == dict(mine)


def steering(tree: exp.Expr) -> set[str]:
    """Names of columns that decide which rows there are, how they group and in which order they come."""
    clauses = tree.find_all(exp.Where, exp.Join, exp.Group, exp.Order, exp.Except, exp.Intersect, exp.Lateral)
    names = {column.name for clause in clauses for column in clause.find_all(exp.Column)}
    names |= {name.name for join in tree.find_all(exp.Join) for name in join.args.get("using") or []}
    return names | ({"region"} if "NATURAL" in tree.sql() else set())


def values(engine: duckdb.DuckDBPyConnection, sql: str) -> list[list[str]]:
    """Each output column's values, sorted."""
    rows = engine.execute(sql).fetchall()
    return [sorted(map(repr, column)) for column in zip(*rows, strict=True)]


CHANGES = {"VARCHAR": "'x' || {}", "INTEGER": "100 + 7 * {}", "DATE": "{} + 40"}


@pytest.mark.parametrize(("sql", "sources"), SOURCES)
def test_a_column_changes_only_with_its_sources(engine: duckdb.DuckDBPyConnection, sql: str, sources: str) -> None:
    """Every stored column that steers nothing is changed in turn, and only columns made of it become others."""
    steers, before = steering(parse_one(sql, read="duckdb")), values(engine, sql)
    for stored in CATALOG:
        for column in stored.columns:
            if column.name not in steers:
                changed = f"UPDATE {stored.name} SET {column.name} = {CHANGES[column.type].format(column.name)}"
                engine.execute(f"BEGIN; {changed}")
                after = values(engine, sql)
                engine.execute("ROLLBACK")
                made_of_it = [n for n, (_, s) in enumerate(as_sets(sources)) if f"{stored.name}.{column.name}" in s]
                assert {n for n in range(len(before)) if before[n] != after[n]} <= set(made_of_it), column.name


def test_what_cannot_be_traced_is_said() -> None:
    (column,) = lineage(parse_one("SELECT total + nowhere.x AS y FROM orders", read="duckdb"), CONTEXT)
    assert not column.complete
    assert [s.column for s in column.sources] == ["total"]
