"""Jobs run beside the page, can be watched, and can be given up."""

import threading

from app.chat.background import Job, Report

PATIENCE_SECONDS = 5


def test_the_outcome_is_there_when_it_is_done() -> None:
    job = Job(lambda report: "outcome")
    assert job.wait(PATIENCE_SECONDS)
    assert job.outcome == "outcome"


def test_steps_are_seen_as_they_happen_and_a_repeated_label_updates_the_last() -> None:
    def work(report: Report) -> str:
        report("load", "1 of 2", 0.5)
        report("load", "2 of 2", 1.0)
        report("start", "", None)
        return "done"

    job = Job(work)
    job.wait(PATIENCE_SECONDS)
    assert [(step.label, step.detail) for step in job.steps] == [("load", "2 of 2"), ("start", "")]


def test_a_stopped_job_brings_nothing_and_ends_at_its_next_report() -> None:
    go_on, after = threading.Event(), []

    def work(report: Report) -> str:
        go_on.wait(PATIENCE_SECONDS)
        report("next", "", None)
        after.append("went on")
        return "too late"

    job = Job(work)
    assert not job.done
    job.stop()
    assert job.done
    go_on.set()
    job.wait(PATIENCE_SECONDS)
    assert (job.outcome, after) == (None, [])


def test_stopping_what_is_done_keeps_its_outcome() -> None:
    job = Job(lambda report: "outcome")
    job.wait(PATIENCE_SECONDS)
    job.stop()
    assert (job.outcome, job.stopped) == ("outcome", False)
