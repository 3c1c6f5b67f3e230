"""An Answer as widgets; makes no calls and keeps no state. Statuses differ by icon and words, not by colour alone."""

from collections.abc import Sequence
from typing import Any, Literal

import streamlit as st

from app import card
from app.chat.background import Job
from app.chat.charts import BigNumber, Plot, asked_chart, natural_chart
from app.chat.frames import csv_bytes, number_format, to_frame
from app.chat.plain import plain
from app.chat.turn import Trouble
from app.contract import json_line
from sql_tools.conversation.column_roles import classify
from sql_tools.models import Answer, Attempt, Change, Check, Proof
from sql_tools.query.text import pretty

STAGES = {
    "retrieve": "Choosing tables",
    "judge": "Asking whether the schema can tell",
    "generate": "Writing SQL",
    "validate": "Checking the SQL",
    "repair": "Repairing the SQL",
    "execute": "Running the query",
    "answer": "Reading the result",
}
AXIS_COLOURS = {"light": "#47525d", "dark": "#b8c2cc"}
NOTICEABLE_SECONDS = 0.1
ROW_PIXELS = 35
DONE = ":green[:material/check_circle:]"


def render_answer(answer: Answer, key: str) -> None:
    """Everything there is to say about one outcome; `key` is unique on the page."""
    if answer.resolved_question:
        st.caption(f"You asked: {plain(answer.resolved_question)}")
    if answer.dropped:
        st.caption(f":orange[No longer asked: {plain('; '.join(answer.dropped))}]")
    if answer.status == "answered":
        _render_changes(answer.changes)
        _render_result(answer, key)
    else:
        _render_declined(answer)
    if answer.proof:
        _render_card(answer.proof)
    if answer.sql:
        st.code(pretty(answer.sql, answer.dialect), language="sql", wrap_lines=True)
    if answer.status == "answered":
        _render_doubts(answer)
    _render_checks(answer.checks)
    if answer.proof:
        _render_details(answer, answer.proof, key)
    _render_attempts(answer.attempts)
    _render_timings(answer)


def render_trouble(trouble: Trouble, title: str = "That did not work") -> None:
    """What went wrong and what to do, without a traceback."""
    body = plain(trouble.message) + (f"\n\n{plain(trouble.hint)}" if trouble.hint else "")
    st.error(body, title=title, icon=":material/error:")


def render_note(text: str) -> None:
    """A quiet line: stopped, waiting."""
    st.caption(text)


def render_progress(job: Job[Any], title: str) -> None:
    """The steps so far, the last one still going, with the seconds it has taken."""
    current = job.steps[-1] if job.steps else None
    label = STAGES.get(current.label, current.label) if current else title
    box = st.status(f"{plain(label)} \u2026 {job.seconds:.0f} s", state="running", expanded=True)
    for step in job.steps:
        mark = DONE if step is not current else ":material/more_horiz:"
        detail = f" \u00b7 {plain(step.detail)}" if step.detail else ""
        box.caption(f"{mark} {plain(STAGES.get(step.label, step.label))}{detail}")
    if current and current.fraction is not None:
        box.progress(min(max(current.fraction, 0.0), 1.0))


def _render_result(answer: Answer, key: str) -> None:
    chart = (
        asked_chart(answer.chart, answer.columns, answer.rows)
        if answer.chart
        else natural_chart(answer.columns, answer.rows)
    )
    if isinstance(chart, BigNumber):
        st.metric(plain(chart.label), plain(chart.value))
    if not isinstance(chart, BigNumber) or answer.rows == ((0,),):  # of a zero, the message says why
        st.markdown(plain(answer.message))
    if isinstance(chart, Plot):
        spec = {**chart.spec, "config": _axis_config()}
        st.vega_lite_chart(spec=spec, width="stretch", alt=chart.summary, key=f"chart-{key}")
    if answer.rows and not isinstance(chart, BigNumber):
        _render_table(answer, key, max_rows_high=7 if chart else 12)
        _render_download(answer, key)


def _axis_config() -> dict[str, Any]:
    """Axis text dark or light enough to read; Streamlit's own grey has a contrast of 3.7."""
    colour = AXIS_COLOURS.get(str(st.context.theme.type))
    return {"axis": {"labelColor": colour, "titleColor": colour}} if colour else {}


def _render_table(answer: Answer, key: str, max_rows_high: int) -> None:
    """Amounts with thousands marks; keys and years as they are. Longer tables scroll inside."""
    frame = to_frame(answer.columns, answer.rows)
    series = [classify(name, tuple(row[i] for row in answer.rows)) for i, name in enumerate(frame.columns)]
    amounts = {one.name: number_format(one.values) for one in series if one.role == "number"}
    formats = {name: st.column_config.NumberColumn(format=form) for name, form in amounts.items() if form}
    height: int | Literal["content"] = "content" if len(frame) <= max_rows_high else ROW_PIXELS * (max_rows_high + 1)
    table, alt = f"table-{key}", "The rows of the answer"
    st.dataframe(frame, height=height, hide_index=True, column_config=formats, key=table, alt=alt)


def _render_download(answer: Answer, key: str) -> None:
    """The rows as CSV; and, where the row cap cut them, that it did."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Download CSV",
            data=lambda: csv_bytes(answer.columns, answer.rows),
            file_name="answer.csv",
            mime="text/csv",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            key=f"csv-{key}",
        )
        if answer.truncated:
            st.caption(
                f"Cut at {len(answer.rows):,} rows. Narrow the question, or raise ARCTIC\\_COPILOT\\_MAX\\_ROWS."
            )


def _render_declined(answer: Answer) -> None:
    message = plain(answer.message)
    if answer.status == "refused":
        st.warning(message, title="Refused", icon=":material/block:")
    elif answer.status == "clarify":
        st.info(message, title="Which do you mean?", icon=":material/help:")
    elif answer.status == "abstained":
        with st.container(border=True):
            st.markdown(f":material/search_off: **This data cannot answer that**\n\n{message}")
    else:
        st.error(message, title="No working SQL was found", icon=":material/error:")


def _render_card(proof: Proof) -> None:
    """What a reader wants first: the SQL in words, the tables, the joins."""
    with st.container(border=True, gap="xsmall"):
        for about, words in card.summary(proof):
            st.markdown(f"**{plain(about)}** {plain(words)}")


def _render_details(answer: Answer, proof: Proof, key: str) -> None:
    """Folded: where each column comes from, the filters, and what it takes to run it again."""
    with st.expander("Where each column comes from, and how to run it again", icon=":material/account_tree:"):
        st.markdown("\n\n".join(f"**{plain(about)}** {plain(words)}" for about, words in card.details(proof)))
        st.download_button(
            "Download the proof",
            data=lambda: json_line(answer),
            file_name="answer.json",
            mime="application/json",
            help="`arctic-copilot replay answer.json` runs it again and says what changed.",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            key=f"proof-{key}",
        )


def _render_doubts(answer: Answer) -> None:
    """What may be wrong with the number, in sight; and the SQL to use instead, if there is any."""
    odd = [check for check in answer.checks if check.outcome == "warned"]
    if odd:
        words = "\n\n".join(plain(check.detail) for check in odd)
        st.warning(words, title="Look twice", icon=":material/warning:")
    if answer.rewritten:
        with st.expander("The same with each row counted once", icon=":material/difference:"):
            st.code(answer.rewritten, language="sql", wrap_lines=True)


def _render_checks(checks: Sequence[Check]) -> None:
    """One line: what was looked at, and what was not."""
    if checks:
        st.caption(plain(card.checked(checks)))


def _render_changes(changes: Sequence[Change]) -> None:
    """What was changed in the draft before it ran, above its rows."""
    if changes:
        words = "\n\n".join(plain(card.changed(change)) for change in changes)
        st.info(words, title="Changed before it ran", icon=":material/edit:")


def _render_attempts(attempts: Sequence[Attempt]) -> None:
    """The drafts that did not pass, with the problem that sent each back."""
    drafts = [attempt for attempt in attempts if attempt.problem]
    if not drafts:
        return
    count = "1 draft was" if len(drafts) == 1 else f"{len(drafts)} drafts were"
    with st.expander(f"{count} rejected on the way", icon=":material/build:"):
        for attempt in drafts:
            st.code(attempt.sql, language="sql", wrap_lines=True)
            st.caption(plain(attempt.problem))


def _render_timings(answer: Answer) -> None:
    """The whole time, and the stages that took a noticeable part of it."""
    long = {stage: seconds for stage, seconds in answer.timings.items() if seconds >= NOTICEABLE_SECONDS}
    stages = [f"{STAGES.get(stage, stage)} {seconds:.1f} s" for stage, seconds in long.items()]
    total = [f"{sum(answer.timings.values()):.1f} s"] if answer.timings else []
    if total or answer.model:
        st.caption(plain(" \u00b7 ".join([*total, *stages, *([answer.model] if answer.model else [])])))
