"""Work on its own thread, watched by polling, so that a page never waits for a model.

A Streamlit script that blocks freezes the page, and any click cuts it off. So slow work runs in a Job, which belongs to
the session and not to the script run: the page reads `steps` and `outcome` a few times a second. Python cannot kill a
thread: `stop` cancels what it waits for, a statement in the engine or a model's answer, and it ends there or at its next
report.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from sql_tools.cancellation import Cancellation, Stopped

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """What the work is doing. `started` in seconds of time.monotonic; `fraction` 0..1 where the end is known."""

    label: str
    detail: str = ""
    fraction: float | None = None
    started: float = 0.0


Report = Callable[[str, str, float | None], None]


class Job(Generic[T]):
    """One piece of work: `steps` so far, and `outcome` once there is one.

    `work` is given `report`, and turns its own errors into an outcome.
    """

    def __init__(self, work: Callable[[Report], T]) -> None:
        self.steps: tuple[Step, ...] = ()
        self.outcome: T | None = None
        self.stopped = False
        self.started = time.monotonic()
        self._cancellation = Cancellation()
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True, name="copilot-job")
        self._thread.start()

    @property
    def done(self) -> bool:
        """Nothing more will come: there is an outcome, it was stopped, or its thread died."""
        return self.stopped or self.outcome is not None or not self._thread.is_alive()

    @property
    def seconds(self) -> float:
        """How long it has been going."""
        return time.monotonic() - self.started

    def stop(self) -> None:
        """Give the work up, wherever it is; what it still brings is ignored."""
        self.stopped = not self.done or self.stopped
        if self.stopped:
            self._cancellation.cancel()

    def wait(self, timeout_seconds: float) -> bool:
        """Whether it was done in time."""
        self._thread.join(timeout_seconds)
        return self.done

    def report(self, label: str, detail: str = "", fraction: float | None = None) -> None:
        """Note a step; the same label again updates the last one. Raises Stopped if the work was given up."""
        if self.stopped:
            raise Stopped
        last = self.steps[-1] if self.steps else None
        if last and last.label == label:
            self.steps = (*self.steps[:-1], Step(label, detail, fraction, last.started))
        else:
            self.steps = (*self.steps, Step(label, detail, fraction, time.monotonic()))

    def _run(self, work: Callable[[Report], T]) -> None:
        try:
            with self._cancellation.within():
                outcome = work(self.report)
        except Stopped:
            return
        except Exception:
            if self.stopped:  # what breaks because it was given up is no failure
                return
            raise
        if not self.stopped:
            self.outcome = outcome
