"""Queries read aloud: each construct by its words, and properties that must hold for any query at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlglot import exp, parse_one

from sql_tools.models import Column, Context, ForeignKey, Table
from sql_tools.proof.describe import filters, reading

GOLDS = Path(__file__).parents[1] / "fixtures" / "spider_golds.sql"
CUSTOMER = Table(
    schema_name="main",
    name="CUSTOMER",
    columns=tuple(Column(name=n, type="VARCHAR") for n in ("ID", "NAME", "CITY", "NATION_ID", "BALANCE")),
    primary_key=("ID",),
    foreign_keys=(ForeignKey(columns=("NATION_ID",), target_table="NATION", target_columns=("ID",)),),
)
NATION = Table(
    schema_name="main",
    name="NATION",
    columns=tuple(Column(name=n, type="VARCHAR") for n in ("ID", "N_NAME")),
    primary_key=("ID",),
)
CONTEXT = Context(dialect="duckdb", tables=(CUSTOMER, NATION), catalog=(CUSTOMER, NATION))
JOINED = "CUSTOMER c JOIN NATION n ON c.NATION_ID = n.ID"
ON_KEY = "CUSTOMER joined with NATION on their key (CUSTOMER.NATION_ID = NATION.ID)"

SAID = [
    (f"SELECT count(*) FROM {JOINED} WHERE n.N_NAME = 'GERMANY'", f"Counts rows of {ON_KEY}, where NATION.N_NAME is 'GERMANY'."),
    ("SELECT DISTINCT city FROM customer", "Shows the different city from customer."),
    ("SELECT DISTINCT city, name FROM customer", "Shows the different combinations of city and name from customer."),
    ("SELECT count(DISTINCT city), sum(balance) AS total FROM customer",
     "Shows the number of different city and the sum of balance (called total) from customer."),
    ("SELECT count(city) FROM customer", "Counts rows with a value for city from customer."),
    ("SELECT c.name FROM customer c LEFT JOIN nation n ON c.nation_id = n.id",
     "Shows customer.name from customer joined with nation on their key (customer.nation_id = nation.id) "
     "(rows without a match there are kept)."),
    ("SELECT a.name FROM customer a JOIN customer b ON a.city = b.name",
     "Shows a.name from customer as a joined with customer as b on a.city = b.name."),
    ("SELECT name FROM customer, nation", "Shows name from customer paired with every row of nation."),
    ("SELECT name FROM customer JOIN nation USING (id)", "Shows name from customer joined with nation on the same id."),
    ("SELECT name FROM customer WHERE (city = 'a' OR city = 'b') AND balance >= 3",
     "Shows name from customer, where (city is 'a' or city is 'b') and balance is at least 3."),
    ("SELECT name FROM customer WHERE city NOT IN ('a', 'b') AND balance NOT BETWEEN 1 AND -2",
     "Shows name from customer, where city is not one of 'a' or 'b' and balance is not from 1 to -2, both included."),
    ("SELECT name FROM customer WHERE city IS NULL OR NOT name IS NULL",
     "Shows name from customer, where city has no value or name has a value."),
    ("SELECT name FROM customer WHERE name LIKE '%an%' AND city NOT ILIKE 'b%' AND name LIKE '_x%'",
     "Shows name from customer, where name contains 'an' and city does not start with 'b' in any case "
     "and name matches the pattern '_x%' (% is any text, _ any letter)."),
    ("SELECT name FROM customer WHERE NOT (city = 'a' AND name = 'b')",
     "Shows name from customer, where it is not so that (city is 'a' and name is 'b')."),
    ("SELECT name FROM customer WHERE balance > (SELECT avg(balance) FROM customer)",
     "Shows name from customer, where balance is more than (the average of balance from customer)."),
    ("SELECT name FROM customer WHERE nation_id IN (SELECT id FROM nation)",
     "Shows name from customer, where nation_id is among (id from nation)."),
    ("SELECT n_name FROM nation WHERE NOT EXISTS (SELECT 1 FROM customer WHERE nation_id = nation.id)",
     "Shows n_name from nation, where there is nothing in (1 from customer, where nation_id equals nation.id)."),
    ("SELECT city, count(*) FROM customer GROUP BY city HAVING count(*) > 2",
     "For each city, shows city and the number of rows from customer, only groups where the number of rows is more than 2."),
    ("SELECT city FROM customer GROUP BY 1", "For each city (column 1), shows city from customer."),
    ("SELECT name FROM customer ORDER BY balance DESC LIMIT 5", "Shows name from customer, only the 5 with the highest balance."),
    ("SELECT city FROM customer GROUP BY city ORDER BY count(*), city DESC LIMIT 1",
     "For each city, shows city from customer, only the 1 with the lowest number of rows, then the highest city."),
    ("SELECT name FROM customer ORDER BY name, 1 DESC NULLS FIRST",
     "Shows name from customer, in order of name, then name (column 1), highest first (missing values first)."),
    ("SELECT name FROM customer LIMIT 3 OFFSET 2", "Shows name from customer, only 3 rows, after the first 2, whichever come first."),
    ("SELECT name FROM customer UNION SELECT n_name FROM nation",
     "Shows name from customer, together with (n_name from nation), each row once."),
    ("SELECT name FROM customer EXCEPT ALL SELECT n_name FROM nation",
     "Shows name from customer, leaving out (n_name from nation), repeats kept."),
    ("WITH rich AS (SELECT name FROM customer), r AS (FROM rich) SELECT count(*) FROM r",
     "First, rich is made: shows name from customer. Then, r is made: shows all columns from rich. Counts rows of r."),
    ("SELECT CASE WHEN balance > 1 THEN 'rich' ELSE 'poor' END FROM customer",
     "Shows 'rich' if balance is more than 1; otherwise 'poor' from customer."),
    ("SELECT rank() OVER (PARTITION BY city ORDER BY balance DESC) AS r, sum(balance) OVER (ORDER BY name) FROM customer QUALIFY r = 1",
     "Shows (the rank within each city in order of balance, highest first) (called r) and "
     "(the sum of balance so far in order of name) from customer, then only rows where r is 1."),
    ("SELECT balance * (1 + 2) / 3 FROM customer", "Shows (balance times (1 plus 2)) divided by 3 from customer."),
    ("SELECT year(d), CAST(x AS DATE), coalesce(a, 0) FROM t",
     "Shows the year of d, (x as DATE) and (a, or where that has no value 0) from t."),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "words"), SAID)
def test_each_construct_has_its_words(sql: str, words: str) -> None:
    assert reading(parse_one(sql, read="duckdb"), CONTEXT) == words


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT name FROM customer USING SAMPLE 10 ROWS",
        "SELECT name FROM customer TABLESAMPLE (10 PERCENT)",
        "SELECT count(*) FROM customer GROUP BY CUBE (city)",
        "SELECT name FROM customer LIMIT 10%",
        "SELECT * EXCLUDE (name) FROM customer",
        "SELECT name FROM customer POSITIONAL JOIN nation",
        "SELECT name FROM customer ASOF JOIN nation ON customer.id >= nation.id",
        "SELECT sum(balance) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM customer",
        "SELECT first(name ORDER BY id) FROM customer",
        "SELECT levenshtein(name, 'x') FROM customer",
        "SELECT x FROM unnest([1, 2]) AS t(x)",
        "SELECT name FROM customer WHERE city IS DISTINCT FROM 'x'",
        "SELECT list_filter([1, 2], lambda x: x > 1)",
    ],
)
def test_what_has_no_words_is_quoted_and_said_to_be_sql(sql: str) -> None:
    assert "[as SQL: " in reading(parse_one(sql, read="duckdb"), CONTEXT)


@pytest.mark.parametrize("text", ["x' and city is 'y", "it's"])
def test_a_value_cannot_pass_for_words_of_the_sentence(text: str) -> None:
    tree = exp.select("name").from_("customer").where(exp.column("name").eq(text))
    assert reading(tree, CONTEXT).endswith("where name is '" + text.replace("'", "''") + "'.")


def test_a_name_with_spaces_stands_in_quotes() -> None:
    assert reading(parse_one('SELECT "where x is 1" FROM customer'), CONTEXT) == 'Shows "where x is 1" from customer.'


def test_filters_are_told_one_by_one() -> None:
    sql = f"SELECT n.N_NAME FROM {JOINED} WHERE c.CITY = 'a' AND (c.BALANCE > 1 OR c.ID = 2) GROUP BY 1 HAVING count(*) > 3"
    assert filters(parse_one(sql, read="duckdb"), CONTEXT) == (
        "CUSTOMER.CITY is 'a'",
        "CUSTOMER.BALANCE is more than 1 or CUSTOMER.ID is 2",
        "the number of rows is more than 3",
    )


def golds() -> list[str]:
    return [line for line in GOLDS.read_text().splitlines() if not line.startswith("--")]


@pytest.mark.parametrize("sql", golds())
def test_every_literal_table_and_column_is_read(sql: str) -> None:
    tree = parse_one(sql, read="duckdb")
    words = reading(tree, CONTEXT).casefold()
    names = [literal.name.strip("%").replace("'", "''") for literal in tree.find_all(exp.Literal)]
    names += [node.name for node in tree.find_all(exp.Column, exp.Table)]
    assert [name for name in names if name.casefold() not in words] == []


OTHERS: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.GT: exp.GTE, exp.GTE: exp.LT, exp.LT: exp.LTE, exp.LTE: exp.GT, exp.EQ: exp.NEQ, exp.NEQ: exp.EQ, exp.And: exp.Or,
    exp.Or: exp.And, exp.Sum: exp.Avg, exp.Avg: exp.Max, exp.Max: exp.Min, exp.Min: exp.Sum, exp.Union: exp.Except,
    exp.Except: exp.Intersect, exp.Intersect: exp.Union, exp.Like: exp.EQ, exp.Add: exp.Sub, exp.Sub: exp.Add,
}  # fmt: skip
DROPPED = ("where", "having", "order", "limit", "distinct", "offset", "qualify", "group")


def mutants(tree: exp.Expr) -> Iterator[exp.Expr]:
    """The query with one thing in it changed, for each thing that could be."""
    for at, node in enumerate(tree.walk()):
        for change in changes(node):
            copied = tree.copy()
            change_at = list(copied.walk())[at]
            if (changed := apply(change, change_at)) is not None:
                yield changed if change_at is copied else copied


def changes(node: exp.Expr) -> Iterator[str]:
    if type(node) in OTHERS:
        yield "other"
    yield from (clause for clause in DROPPED if isinstance(node, exp.Query) and node.args.get(clause))
    if isinstance(node, exp.Ordered):
        yield from ("turn", "nulls")
    if isinstance(node, exp.Column) and not node.is_star:
        yield "column"
    if isinstance(node, (exp.Between, exp.Sub, exp.Div, exp.GT, exp.LT)):
        yield "swap"
    if isinstance(node, exp.Join):
        yield "side"
    if isinstance(node, exp.Not):
        yield "affirm"
    if isinstance(node, exp.Literal):
        yield "value"


def apply(change: str, node: exp.Expr) -> exp.Expr | None:
    if change == "other":
        other = OTHERS[type(node)](**node.args)
        node.replace(other)
        return other
    if change == "affirm":
        node.replace(node.this)
        return node.this
    if change == "value":
        node.set("this", node.name + "7")
    elif change == "side":
        node.set("side", "" if node.args.get("side") else "LEFT")
    elif change == "turn":
        node.set("desc", not node.args.get("desc"))
    elif change == "nulls":
        node.set("nulls_first", not node.args.get("nulls_first"))
    elif change == "column":
        node.set("this", exp.to_identifier(f"other_{node.name}"))
    elif change == "swap":
        left, right = ("low", "high") if isinstance(node, exp.Between) else ("this", "expression")
        if node.args[left] == node.args[right]:
            return None
        first, second = node.args[left].copy(), node.args[right].copy()
        node.set(left, second)
        node.set(right, first)
    else:
        node.set(change, None)
    return node


@pytest.mark.parametrize("sql", golds())
def test_another_query_is_read_otherwise(sql: str) -> None:
    tree = parse_one(sql, read="duckdb")
    words = reading(tree, CONTEXT)
    same = [mutant.sql("duckdb") for mutant in mutants(tree) if reading(mutant, CONTEXT) == words]
    assert same == []


def test_the_mutants_are_many() -> None:
    assert sum(len(list(mutants(parse_one(sql, read="duckdb")))) for sql in golds()) > 400
