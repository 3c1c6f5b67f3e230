"""What was given up raises Stopped where it runs; what was not, is left alone."""

import threading

import pytest

from sql_tools.cancellation import Cancellation, Stopped, on_cancel, require_wanted, stopping


def test_what_was_given_up_before_it_began_does_not_begin() -> None:
    cancellation, ran = Cancellation(), []
    cancellation.cancel()
    with cancellation.within(), pytest.raises(Stopped), stopping(list):
        ran.append("begun")
    assert not ran


def test_a_failure_that_comes_of_being_stopped_is_no_failure() -> None:
    cancellation = Cancellation()

    def break_off() -> None:
        cancellation.cancel()
        raise OSError("the line broke")

    with cancellation.within(), pytest.raises(Stopped), stopping(list):
        break_off()


def test_a_result_that_came_too_late_is_none() -> None:
    cancellation = Cancellation()
    with cancellation.within(), pytest.raises(Stopped), stopping(list):
        cancellation.cancel()


def test_a_failure_of_its_own_is_left_as_it_is() -> None:
    with Cancellation().within(), pytest.raises(OSError, match="broke"), stopping(list):
        raise OSError("broke")


def test_each_way_to_stop_is_tried_once_and_only_while_it_is_needed() -> None:
    cancellation, stopped = Cancellation(), []

    def fails() -> None:
        raise OSError

    with cancellation.within():
        with stopping(lambda: stopped.append("over")):
            pass
        on_cancel(fails)
        on_cancel(lambda: stopped.append("early"))
        cancellation.cancel()
        cancellation.cancel()
        on_cancel(lambda: stopped.append("late"))
    assert stopped == ["early", "late"]


def test_another_thread_and_another_asker_are_not_meant() -> None:
    cancellation, other = Cancellation(), []

    def elsewhere() -> None:
        require_wanted()
        other.append("goes on")

    with cancellation.within():
        cancellation.cancel()
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    require_wanted()
    with Cancellation().within():
        require_wanted()
    assert other == ["goes on"]
