import pytest

from app.card import details, summary
from sql_tools.models import JoinUsed, KeyPair, OutputColumn, Proof, SourceColumn, TableUsed

JOIN = JoinUsed(
    left="customer",
    right="orders",
    kind="inner",
    condition="c.id = o.customer_id",
    keys=(KeyPair(left="customer.id", right="orders.customer_id"),),
    key="declared",
    left_unique=True,
    right_unique=False,
    rows_before=3,
    rows_after=1200,
)


def card(**fields: object) -> Proof:
    plain = dict.fromkeys("reading dialect sql sql_hash warehouse role query_id model weights".split(), "-")
    hashes = dict.fromkeys("prompt_hash catalog_hash rows_hash time".split(), "-")
    empty = dict.fromkeys("columns tables joins filters checks".split(), ())
    return Proof.model_validate({**plain, **hashes, **empty, **fields})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "customer.id = orders.customer_id (a declared key; unique in customer; 3 rows before, 1,200 after)"),
        ({"rows_after": None}, "customer.id = orders.customer_id (a declared key; unique in customer)"),
        ({"left_unique": False, "rows_after": None}, "customer.id = orders.customer_id (a declared key; unique on neither side)"),
        ({"left_unique": None, "rows_after": None}, "customer.id = orders.customer_id (a declared key)"),
        ({"key": "inferred", "kind": "left", "left_unique": None, "rows_after": None},
         "left: customer.id = orders.customer_id (a key inferred from names and values)"),
        ({"key": "none", "kind": "cross", "keys": (), "condition": "", "rows_after": 9},
         "every row with every row of orders (no known key; 3 rows before, 9 after)"),
    ],
)  # fmt: skip
def test_a_join_says_its_key_who_vouches_for_it_and_its_rows(changes: dict[str, object], said: str) -> None:
    assert list(summary(card(joins=(JOIN.model_copy(update=changes),))))[-1] == ("Join", said)


def test_tables_come_with_their_rows_where_they_are_known() -> None:
    lines = dict(summary(card(tables=(TableUsed(name="a", row_count=1), TableUsed(name="b")))))
    assert lines["Tables"] == "a (1 row), b"


@pytest.mark.parametrize(
    ("expression", "sources", "said"),
    [
        ("COUNT(*)", [("t", "*")], "COUNT(*), from rows of t"),
        ("SUM(a)\n  + b", [("t", "a"), ("u", "b")], "SUM(a) + b, from t.a, u.b"),
        ("t.a", [("t", "a")], "from t.a"),
        ("1", [], "1, from no table"),
    ],
)
def test_a_column_says_what_it_is_made_of(expression: str, sources: list[tuple[str, str]], said: str) -> None:
    places = tuple(SourceColumn(table=table, column=column) for table, column in sources)
    column = OutputColumn(name="x", expression=expression, sources=places)
    assert next(details(card(columns=(column,)))) == ("Column x", said)


def test_weights_nobody_knows_are_said_to_be_unknown() -> None:
    assert "weights not known here" in dict(details(card(weights="")))["Model"]


@pytest.mark.parametrize(
    ("warehouse", "said"), [("shop.db", "on shop.db (duckdb)"), ("a.duckdb", "on a.duckdb,"), ("duckdb", "on duckdb,")]
)
def test_the_dialect_is_told_where_the_warehouse_does_not_say_it(warehouse: str, said: str) -> None:
    assert said in dict(details(card(warehouse=warehouse, dialect="duckdb")))["Ran"]
