"""Cancelling from another thread: what runs for one asker is stopped in the engine; other askers' work goes on.

One warehouse and one model serve everybody of a process, so neither has a `cancel` of its own: it would stop strangers'
queries. Instead whoever may want to stop runs the work `within` a Cancellation; an engine or a model that starts something
long says how to end it (`stopping`, `on_cancel`); `cancel` ends all that was said. A context variable, as the query's tag.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

Stop = Callable[[], object]  # must return at once, and may be called when there is nothing to stop any more


class Stopped(BaseException):
    """The work was given up; not an Exception, so that no retry loop and no second opinion swallows it."""


class Cancellation:
    """What one asker may give up. Thread-safe."""

    def __init__(self) -> None:
        self.cancelled = False
        self._stops: list[Stop] = []
        self._lock = threading.Lock()

    @contextmanager
    def within(self) -> Iterator[None]:
        """What is started inside can be given up."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def cancel(self) -> None:
        """End what runs, and all that would be started inside from now on; twice is fine."""
        with self._lock:
            self.cancelled, stops, self._stops = True, self._stops, []
        for stop in stops:
            _call(stop)

    def add(self, stop: Stop) -> None:
        """How to end what is about to start; called at once if it was given up already."""
        with self._lock:
            late = self.cancelled
            if not late:
                self._stops.append(stop)
        if late:
            _call(stop)

    def remove(self, stop: Stop) -> None:
        """It has ended by itself."""
        with self._lock:
            self._stops = [one for one in self._stops if one is not stop]


_current: ContextVar[Cancellation | None] = ContextVar("cancellation", default=None)


def may_be_given_up() -> bool:
    """Could somebody want to stop what runs here?"""
    return _current.get() is not None


def require_wanted() -> None:
    """Raises Stopped if what runs here was given up."""
    current = _current.get()
    if current is not None and current.cancelled:
        raise Stopped


def on_cancel(stop: Stop) -> None:
    """Have this called if what runs here is given up: for what ends with the asker's question at the latest."""
    if (current := _current.get()) is not None:
        current.add(stop)


@contextmanager
def stopping(stop: Stop) -> Iterator[None]:
    """`stop` ends what runs inside, which then raises Stopped, whatever else it would have raised or returned."""
    require_wanted()
    current = _current.get()
    if current is None:
        yield
        return
    current.add(stop)
    try:
        yield
    except Exception:
        require_wanted()
        raise
    finally:
        current.remove(stop)
    require_wanted()


def _call(stop: Stop) -> None:
    with suppress(Exception):  # that one cannot be stopped must not keep the others running
        stop()
