"""Each outcome looks like what it is, and says all there is to say."""

from decimal import Decimal
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from sql_tools.models import Answer, Attempt, Change, Check, ResultColumn

ROWS = {
    "columns": (ResultColumn(name="N_NAME", type="VARCHAR"), ResultColumn(name="REVENUE", type="DECIMAL(18,2)")),
    "rows": (("FRANCE", Decimal("12.50")), ("PERU", Decimal("9.25"))),
    "row_count": 2,
}


def page(answer: "Answer") -> None:
    """Streamlit runs this function's source as a script, so all that it names is imported inside."""
    from app.chat.render import render_answer

    render_answer(answer, "0")


def show(status: str, **fields: Any) -> AppTest:
    answer = Answer(status=status, question="Q?", **fields)  # type: ignore[arg-type]
    shown = AppTest.from_function(page, args=(answer,)).run()
    assert not shown.exception
    return shown


def text_of(shown: AppTest) -> str:
    elements = [*shown.markdown, *shown.caption, *shown.info, *shown.warning, *shown.error, *shown.code]
    return "\n".join(str(element.value) for element in elements).replace("\\", "")


def charts(shown: AppTest) -> list[Any]:
    return list(shown.get("vega_lite_chart") or shown.get("arrow_vega_lite_chart"))


def test_an_answer_has_its_sentence_sql_table_and_chart() -> None:
    shown = show("answered", message="2 rows.", sql="SELECT 1", **ROWS)
    assert "2 rows." in text_of(shown)
    assert shown.code[0].value == "SELECT\n  1"
    assert list(shown.dataframe[0].value["N_NAME"]) == ["FRANCE", "PERU"]
    assert len(charts(shown)) == 1


def test_one_value_is_a_big_number_without_a_table() -> None:
    columns = (ResultColumn(name="customers", type="BIGINT"),)
    shown = show("answered", message="customers: 15,000.", columns=columns, rows=((15000,),), row_count=1)
    assert shown.metric[0].value == "15,000"
    assert not shown.dataframe


def test_no_rows_is_said_without_an_empty_table() -> None:
    shown = show("answered", message="No rows match.", columns=ROWS["columns"])
    assert "No rows match." in text_of(shown)
    assert not shown.dataframe


def test_a_cut_result_says_so() -> None:
    assert "Cut at 2 rows" in text_of(show("answered", truncated=True, **ROWS))
    assert "Cut at" not in text_of(show("answered", truncated=False, **ROWS))


def test_one_line_says_what_was_looked_at_and_what_was_not() -> None:
    checks = (
        Check(name="only_a_select", outcome="passed", detail="1 SELECT"),
        Check(name="each_row_counted_once", outcome="not_checked", detail="UNNEST"),
        Check(name="known_columns", outcome="warned", detail="NOPE"),
    )
    shown = show("answered", checks=checks, **ROWS)
    words = "Checked: that it only reads. Not checked: each row counted once; whether this is what you meant."
    assert words in [caption.value.replace("\\", "") for caption in shown.caption]
    assert [warning.value for warning in shown.warning] == ["NOPE"]


def test_what_a_repair_changed_stands_above_the_rows() -> None:
    change = Change(rule="names", before="o.name", after="c.name", why="orders has no column name")
    shown = show("answered", changes=(change,), **ROWS)
    assert [info.value.replace("\\", "") for info in shown.info] == ["o.name became c.name: orders has no column name"]


def test_a_failed_check_and_the_query_offered_instead_are_in_sight() -> None:
    checks = (Check(name="each_row_counted_once", outcome="warned", detail="orders are repeated"),)
    shown = show("answered", checks=checks, rewritten="SELECT 2", **ROWS)
    assert [warning.value for warning in shown.warning] == ["orders are repeated"]
    assert "SELECT 2" in [code.value for code in shown.code]
    assert not show("answered", **ROWS).warning


def test_a_zero_says_why() -> None:
    columns = (ResultColumn(name="n", type="BIGINT"),)
    shown = show("answered", message="n: 0. No row meets x.", columns=columns, rows=((0,),), row_count=1)
    assert "No row meets x" in text_of(shown).replace("\\", "")


def test_rejected_drafts_are_folded_with_their_problem() -> None:
    attempts = (Attempt(sql="SELECT NOPE", problem="Column NOPE is not there"), Attempt(sql="SELECT 1"))
    shown = show("answered", attempts=attempts, **ROWS)
    assert shown.expander[0].label == "1 draft was rejected on the way"
    assert "Column NOPE is not there" in text_of(shown)


@pytest.mark.parametrize(
    ("status", "sign"),
    [
        ("refused", "Refused"),
        ("clarify", "Which do you mean?"),
        ("abstained", "This data cannot answer that"),
        ("failed", "No working SQL was found"),
    ],
)
def test_each_status_without_an_answer_has_its_own_sign(status: str, sign: str) -> None:
    shown = show(status, message="Because of *that*.")
    titles = [alert.proto.title for kind in ("info", "warning", "error") for alert in shown.get(kind)]
    assert sign in "\n".join([*titles, text_of(shown)])
    assert "Because of *that*." in text_of(shown)
    assert not shown.dataframe


def test_markup_in_messages_is_shown_not_obeyed() -> None:
    shown = show("answered", message="costs $5 and $6 :red[x]", columns=ROWS["columns"])
    assert shown.markdown[0].value == r"costs \$5 and \$6 \:red\[x\]"


def test_every_stage_has_words_on_both_surfaces() -> None:
    from typing import get_args

    from app.chat import render
    from app.terminal import console as terminal
    from sql_tools.models import Stage

    assert set(get_args(Stage)) == set(render.STAGES) == set(terminal.STAGES)
