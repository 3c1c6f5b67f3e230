"""What one browser session remembers; the only file that touches st.session_state."""

from dataclasses import dataclass

import streamlit as st

from app.chat.background import Job
from app.chat.turn import Desk, Trouble, start_turn
from sql_tools.models import Answer


@dataclass
class Exchange:
    """One question of the chat; no job yet means that it waits for its turn."""

    question: str
    alone: bool = False
    job: Job[Answer | Trouble] | None = None

    @property
    def running(self) -> bool:
        return self.job is not None and not self.job.done

    @property
    def answer(self) -> Answer | None:
        return self.job.outcome if self.job and isinstance(self.job.outcome, Answer) else None


def exchanges() -> list[Exchange]:
    """This session's chat, oldest first."""
    chat: list[Exchange] = st.session_state.setdefault("exchanges", [])
    return chat


def add_question(text: str, alone: bool = False) -> None:
    """Queue a question; it is asked when those before it are done. `alone`: without what stands above it."""
    if text.strip():
        exchanges().append(Exchange(text.strip(), alone))


def start_next(desk: Desk) -> None:
    """Ask the oldest waiting question, unless one is being asked."""
    waiting = [exchange for exchange in exchanges() if exchange.job is None]
    if waiting and not any(exchange.running for exchange in exchanges()):
        waiting[0].job = start_turn(desk, waiting[0].question, _answers(), alone=waiting[0].alone)


def new_chat() -> None:
    """Forget the chat and give up what is being asked."""
    for exchange in exchanges():
        if exchange.job:
            exchange.job.stop()
    st.session_state["exchanges"] = []


def _answers() -> tuple[Answer, ...]:
    """What stands above, oldest first: what a message may lean on. Trouble is none of it, and ends nothing."""
    return tuple(answer for exchange in exchanges() if (answer := exchange.answer))
