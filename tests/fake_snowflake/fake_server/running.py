"""Statements that are being run, or were: for clients that cancel them or come back for what they gave."""

import threading
from typing import Any

from fake_server.account import Ran, Session
from fake_server.engine import Watch


class Running:
    """A statement that is being run: how to stop it, and what came of it."""

    def __init__(self, session: Session, ran: Ran, watch: Watch) -> None:
        self.session, self.ran, self.watch = session, ran, watch
        self.answer: dict[str, Any] | None = None
        self.done = threading.Event()


RUNNING: dict[str, Running] = {}  # by request id and by query id
