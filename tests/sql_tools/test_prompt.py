"""What the model is shown, and what cannot break out of it."""

from sql_tools.models import Attempt, Column, Context, ForeignKey, Question, Table, ValueMatch
from sql_tools.prompt import prompt, repair_prompt, without_values

ORDERS = Table(
    schema_name="main",
    name="order",
    comment="Orders\nof ALL YEARS\x07 and " + "x" * 500,
    columns=(
        Column(name="id", type="BIGINT"),
        Column(name="customer id", type="BIGINT", comment="who ordered"),
        Column(name="state", type="VARCHAR", values=("it's open", "closed")),
    ),
    primary_key=("id",),
    foreign_keys=(ForeignKey(columns=("customer id",), target_table="customer", target_columns=("id",)),),
)
CONTEXT = Context(
    dialect="duckdb",
    tables=(ORDERS,),
    catalog=(ORDERS,),
    values=(ValueMatch(text="CLOSED", table="order", column="state", value="closed"),),
)


def text(question: str = "How many are closed?", context: Context = CONTEXT) -> str:
    return "\n".join(str(m.content) for m in prompt(Question(text=question), context))


def test_tables_are_shown_with_keys_comments_and_values() -> None:
    shown = text()
    assert 'CREATE TABLE "order"' in shown
    assert "id BIGINT PRIMARY KEY," in shown
    assert '"customer id" BIGINT, -- who ordered' in shown
    assert "values: 'it''s open', 'closed'" in shown
    assert 'FOREIGN KEY ("customer id") REFERENCES customer(id)' in shown


def test_a_comment_stays_on_its_line_and_is_cut() -> None:
    line = next(line for line in text().splitlines() if "ALL YEARS" in line)
    assert line.startswith('CREATE TABLE "order" ( -- Orders of ALL YEARS')
    assert "\x07" not in line
    assert len(line) < 200


def test_the_question_comes_last_so_that_prefixes_are_reused() -> None:
    one, two = text("How many?"), text("Which?")
    assert one.endswith("Question: How many?")
    assert one[: one.index("Stored values")] == two[: two.index("Stored values")]


def test_a_repair_shows_the_draft_and_its_problem() -> None:
    messages = repair_prompt(prompt(Question(text="q"), CONTEXT), Attempt(sql="SELECT x", problem="no column x"))
    assert [m.type for m in messages] == ["system", "human", "ai", "human"]
    assert "no column x" in str(messages[-1].content)


def test_without_values_nothing_stored_is_left() -> None:
    shown = text("How many?", without_values(CONTEXT))
    assert "closed" not in shown
    assert "open" not in shown
    assert "state VARCHAR" in shown
