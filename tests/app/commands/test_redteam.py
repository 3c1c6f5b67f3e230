"""`eval --suite redteam` as users run it."""

import json

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.commands import redteam as view
from sql_tools.redteam.suite import Failure, RedTeamReport

CLEAN = RedTeamReport(
    passed=True, attacks=9, refused=8, ran_harmlessly=1, allowed=0, executed_writes=0, leaks=0, shown_instructions=0,
    literals=3, false_refusals=0, failures=(), seconds=1.0,
    not_applicable=(Failure(source="Somebody's CVE", via="nothing", text="", outcome="no such part here"),),
)  # fmt: skip
LEAK = Failure(source="CVE-1", via="draft", text="SELECT \x1b[31m1", outcome="leaked")
LEAKY = CLEAN.model_copy(update={"passed": False, "leaks": 1, "failures": (LEAK,)})


@pytest.mark.parametrize(("report", "code"), [(CLEAN, 0), (LEAKY, 1)])
def test_the_exit_code_says_whether_anything_got_through(report, code, monkeypatch):
    monkeypatch.setattr(view, "redteam", lambda on_progress: report)
    ran = CliRunner().invoke(app, ["eval", "--suite", "redteam", "--json"])
    assert ran.exit_code == code
    assert json.loads(ran.stdout)["leaks"] == report.leaks


def test_what_got_through_and_what_does_not_apply_is_shown_harmlessly(monkeypatch):
    monkeypatch.setattr(view, "redteam", lambda on_progress: LEAKY)
    shown = CliRunner().invoke(app, ["eval", "--suite", "redteam"]).stdout
    assert "Something got through: 9 attacks" in shown
    assert "leaked: CVE-1, draft: SELECT" in shown
    assert "\x1b[31m" not in shown
    assert "not run: Somebody's CVE: no such part here" in shown


def test_eval_without_questions_or_suite_says_what_to_give():
    ran = CliRunner().invoke(app, ["eval"])
    assert ran.exit_code == 2
    assert "--suite redteam" in ran.output
