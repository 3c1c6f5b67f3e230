"""Sample questions are read off the schema and fit it."""

from sql_tools.conversation.suggest import suggest_questions
from sql_tools.models import Column, Table

ORDERS = Table(
    schema_name="main",
    name="ORDERS",
    row_count=15000,
    primary_key=("O_ORDERKEY",),
    columns=(
        Column(name="O_ORDERKEY", type="BIGINT", values=("1", "2")),
        Column(name="O_ORDERSTATUS", type="VARCHAR", values=("F", "O", "P")),
        Column(name="O_ORDERDATE", type="DATE"),
    ),
)
CUSTOMER = Table(
    schema_name="main",
    name="CUSTOMER",
    row_count=1500,
    primary_key=("C_CUSTKEY",),
    columns=(
        Column(name="C_CUSTKEY", type="BIGINT"),
        Column(name="C_NAME", type="VARCHAR"),
        Column(name="C_ACCTBAL", type="DECIMAL(15,2)"),
    ),
)


def test_each_kind_of_column_gives_its_question() -> None:
    assert suggest_questions([CUSTOMER, ORDERS]) == (
        "How many orders are there for each order status?",
        "How many orders are there per year, by order date?",
        "Which 5 customers have the highest acctbal?",
        "How many orders are there?",
    )


def test_keys_are_neither_groups_nor_amounts() -> None:
    assert "orderkey" not in " ".join(suggest_questions([ORDERS], count=10))


def test_no_tables_give_no_questions() -> None:
    assert suggest_questions([]) == ()


def test_a_table_of_nothing_but_names_can_still_be_counted() -> None:
    country = Table(schema_name="main", name="countryCity", columns=(Column(name="x", type="VARCHAR"),))
    assert suggest_questions([country]) == ("How many country cities are there?",)


def test_never_more_than_asked_for_and_none_twice() -> None:
    many = [CUSTOMER.model_copy(update={"name": f"T{i}"}) for i in range(9)] + [ORDERS, ORDERS]
    questions = suggest_questions(many)
    assert len(questions) == len(set(questions)) == 4
