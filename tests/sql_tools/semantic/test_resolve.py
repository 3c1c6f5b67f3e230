"""Names of the file down to stored columns; and nothing of tables that the asker may not read."""

import pytest

from sql_tools.models import Table
from sql_tools.semantic.apply import SemanticWarehouse
from sql_tools.semantic.read import read_text
from sql_tools.semantic.resolve import Resolved, resolve
from sql_tools.warehouses import Warehouse

from .conftest import FILE


def resolved(bare: Warehouse, text: str, *, without: str = "", exact: bool = False) -> Resolved:
    tables: tuple[Table, ...] = tuple(t for t in bare.tables() if t.name != without)
    return resolve(read_text(text, source="f"), tables, dialect="duckdb", source="f", exact=exact)


def shown(found: Resolved) -> dict[str, str]:
    return {d.name: d.shown for d in found.semantics.definitions}


def test_names_are_replaced_by_their_expressions_down_to_stored_columns(bare: Warehouse) -> None:
    found = shown(resolved(bare, FILE))
    assert found["net_revenue"] == "SUM(amount * (1 - cut))"
    assert found["settled"] == "state = 'done'"
    assert found["share_given_away"] == "1 - SUM(amount * (1 - cut)) / SUM(amount)"
    assert found["stage"] == ""  # a column's comment says it


def test_a_filter_may_be_a_labelled_dimension(bare: Warehouse) -> None:
    assert {d.name for d in resolved(bare, FILE).semantics.definitions if d.kind == "filter"} == {"is_big", "settled"}


def test_the_files_snowflake_sql_is_written_for_the_engine(bare: Warehouse) -> None:
    found = shown(resolved(bare, FILE.replace("SUM(net)}", "\"DIV0(SUM(net), COUNT_IF(stage = 'x'))\"}")))
    assert "CASE WHEN" in found["net_revenue"]


def test_a_private_metric_is_used_but_not_shown(bare: Warehouse) -> None:
    assert shown(resolved(bare, FILE))["margin_base"] == ""


@pytest.mark.parametrize(
    ("expr", "said"),
    [
        ("SUM(nett)", "speaks of nett, which sales has not: did you mean net"),
        ("SUM(", "does not parse as SQL"),
        ("SUM(net) FROM lines", "does not parse as SQL"),
        ("(SELECT 1)", "is no single expression"),
        ("net", "aggregates nothing"),
        ("SUM(other.x)", "speaks of other, which is no table"),
        ("1 + net_revenue", "defines net_revenue by itself"),
    ],
)
def test_what_cannot_be_resolved_is_left_out_and_told(bare: Warehouse, expr: str, said: str) -> None:
    found = resolved(bare, FILE.replace("expr: SUM(net)}", f"expr: {expr!r}}}"))
    assert "net_revenue" not in shown(found)
    assert any(said in problem.words for problem in found.problems)


def test_two_names_that_define_each_other_are_told(bare: Warehouse) -> None:
    text = FILE.replace("AMOUNT * (1 - CUT)", "other").replace(
        "    filters:\n", "      - {name: other, expr: net, data_type: NUMBER}\n    filters:\n", 1
    )
    words = [problem.words for problem in resolved(bare, text).problems]
    assert any("by itself" in said for said in words)


def test_nothing_of_a_table_that_is_hidden_comes_through(bare: Warehouse) -> None:
    text = FILE.replace("custom_instructions: ", "custom_instructions: |\n  clients pay late.\n  ")
    found = resolved(bare, text, without="parties").semantics
    assert found.verified == ()
    assert found.instructions == "You should always name months."
    assert "clients" not in found.model_dump_json()
    assert {d.name for d in found.definitions} >= {"net_revenue"}


def test_a_metric_over_a_hidden_table_is_hidden(bare: Warehouse) -> None:
    found = resolved(bare, FILE, without="lines")
    assert [d.name for d in found.semantics.definitions] == ["code", "city"]
    assert all(problem.hidden for problem in found.problems)


def test_on_a_shared_engine_schema_and_database_must_agree(bare: Warehouse) -> None:
    other = FILE.replace("schema: MAIN", "schema: ELSEWHERE")
    assert resolved(bare, other).semantics.names
    assert resolved(bare, other, exact=True).semantics.names == ()


def test_a_shared_engine_gets_no_notes_on_what_a_role_may_not_see(bare: Warehouse) -> None:
    class Shared(SemanticWarehouse):
        pass

    laid = Shared(bare, read_text(FILE.replace("PARTIES", "GONE"), source="f"), "f")
    laid.remote = True
    laid.tables()
    assert laid.notes == bare.notes
