"""The chat in the browser: page set-up, the desk opened once a process, and one loop over the chat."""

from typing import Protocol

import streamlit as st

from app.chat import state
from app.chat.background import Job
from app.chat.plain import plain
from app.chat.render import render_answer, render_note, render_progress, render_trouble
from app.chat.sidebar import render_sidebar
from app.chat.turn import Desk, Trouble, settings_or_trouble, start_opening
from sql_tools.conversation.suggest import onboarding_questions, suggest_questions
from sql_tools.models import Answer
from sql_tools.semantic import semantics_of
from sql_tools.settings import Settings

POLL_SECONDS = 0.4
# Streamlit's own highlighting has a contrast of 2.6 to 4.4; text needs 4.5.
SQL_COLOURS = """<style>
.token.keyword, .token.function { color: light-dark(#0b5c8a, #6cc1e6) !important; }
.token.operator, .token.number, .token.string { color: light-dark(#9a3f12, #f0a070) !important; }
.token.punctuation, .token.comment { color: light-dark(#59626c, #a3afbb) !important; }
</style>"""


class Opening(Protocol):
    """A cached function that starts opening the desk; `clear` forgets it, so that it is tried again."""

    def __call__(self, warehouse: str, model: str, _settings: Settings) -> Job[Desk | Trouble]: ...

    def clear(self) -> None: ...


@st.cache_resource(show_spinner=False)
def opening(warehouse: str, model: str, _settings: Settings) -> Job[Desk | Trouble]:
    """The one warehouse connection and model that all sessions of this process share."""
    return start_opening(_settings)


def main(settings: Settings | Trouble, opening: Opening) -> None:
    """Draw the page once; Streamlit calls this after every event."""
    st.set_page_config(page_title="Arctic Copilot", layout="centered")
    st.html(SQL_COLOURS)
    if isinstance(settings, Trouble):
        render_trouble(settings, "Arctic Copilot cannot start")
        return
    job = opening(settings.warehouse, settings.model, settings)
    desk = job.outcome if isinstance(job.outcome, Desk) else None
    render_sidebar(settings, desk, state.new_chat)
    question = st.chat_input("Ask a question about this data", max_chars=settings.max_question_chars)
    if question:
        state.add_question(question)
    if desk:
        state.start_next(desk)
    _show_chat(desk)
    if not desk:
        _show_opening(job, opening)


def _show_chat(desk: Desk | None) -> None:
    if desk and not state.exchanges():
        _show_welcome(desk)
    for number, exchange in enumerate(state.exchanges()):
        with st.chat_message("user", avatar=":material/person:"):
            st.markdown(plain(exchange.question))
        with st.chat_message("assistant", avatar=":material/database:"):
            _show_outcome(exchange, str(number))


def _show_outcome(exchange: state.Exchange, key: str) -> None:
    if exchange.job is None:
        render_note("Waiting for its turn")
    elif exchange.running:
        _watch_turn(exchange.job)
    elif isinstance(exchange.job.outcome, Answer):
        render_answer(exchange.job.outcome, key)
        _show_choices(exchange.job.outcome, key)
    else:
        _show_trouble(exchange, key)


def _show_choices(answer: Answer, key: str) -> None:
    """Questions that may come next, each a click; and of a follow-up, the same message without what stands above."""
    for number, question in enumerate(answer.suggestions):
        icon, name = ":material/arrow_forward:", f"choice-{key}-{number}"
        st.button(plain(question), key=name, type="tertiary", icon=icon, on_click=state.add_question, args=(question,))
    if answer.intent == "follow_up":
        icon, asked = ":material/call_split:", (answer.question, True)
        st.button(
            "Ask this by itself", f"alone-{key}", type="tertiary", icon=icon, on_click=state.add_question, args=asked
        )


def _show_trouble(exchange: state.Exchange, key: str) -> None:
    """Why there is no answer, and one click to ask once more."""
    outcome = exchange.job.outcome if exchange.job else None
    if isinstance(outcome, Trouble):
        render_trouble(outcome)
    else:
        render_note("Stopped.")
    icon, asked = ":material/refresh:", (exchange.question,)
    st.button("Ask again", key=f"again-{key}", icon=icon, type="tertiary", on_click=state.add_question, args=asked)


@st.fragment(run_every=POLL_SECONDS)
def _watch_turn(job: Job[Answer | Trouble]) -> None:
    """The stages as they happen; the page is drawn anew once there is an outcome."""
    if job.done:
        st.rerun()
    render_progress(job, "Starting")
    st.button("Stop", icon=":material/stop_circle:", on_click=job.stop)


@st.fragment(run_every=POLL_SECONDS)
def _watch_opening(job: Job[Desk | Trouble]) -> None:
    if job.done:
        st.rerun()
    render_progress(job, "Getting ready")


def _show_opening(job: Job[Desk | Trouble], opening: Opening) -> None:
    """The first start: downloads and loading, or why it cannot start."""
    if not job.done:
        _watch_opening(job)
        return
    if isinstance(job.outcome, Desk):
        st.rerun()  # it came while this page was being drawn
    unknown = Trouble("Opening ended without a result.", "Try again; the terminal may say more.")
    render_trouble(job.outcome if isinstance(job.outcome, Trouble) else unknown, "Arctic Copilot cannot start")
    st.button("Try again", icon=":material/refresh:", on_click=opening.clear)


def _show_welcome(desk: Desk) -> None:
    st.subheader("Ask your data in words", anchor=False)
    questions = suggest_questions(desk.tables, first=onboarding_questions(semantics_of(desk.warehouse)))
    invitation = " Try one of these:" if questions else ""
    st.caption(f"Every query is checked before it runs, and nothing can be changed.{invitation}")
    for number, question in enumerate(questions):
        st.button(
            plain(question), key=f"suggestion-{number}", on_click=state.add_question, args=(question,), width="stretch"
        )


if __name__ == "__main__":
    main(settings_or_trouble(), opening)
