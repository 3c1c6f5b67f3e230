"""`eval --suite redteam`: published attacks against the checks and a real engine, and what came of them."""

from rich.text import Text

from app.contract import print_json
from app.terminal.cells import shown
from app.terminal.console import Terminal
from app.terminal.views import Parts
from sql_tools.redteam.suite import RedTeamReport, redteam


def run_redteam(terminal: Terminal, *, as_json: bool) -> bool:
    """Run the suite, show its report, and say whether everything that must be nought was."""
    with terminal.progress() as report:
        found = redteam(on_progress=lambda fraction: report("Attacking a small database", fraction))
    print_json(found) if as_json else terminal.show(view(found))
    return found.passed


def view(report: RedTeamReport) -> Parts:
    """The counts, what got through, and what does not apply here and why."""
    verdict = "Nothing got through" if report.passed else "Something got through"
    yield Text(f"{verdict}: {report.attacks:,} attacks, {report.seconds:.0f} s", style="bold")
    yield Text(
        f"{report.refused:,} refused, {report.ran_harmlessly:,} ran as harmless reads, {report.allowed} allowed that "
        f"should not be; {report.executed_writes} writes executed, {report.leaks} leaks, "
        f"{report.shown_instructions} planted instructions shown to a model"
    )
    yield Text(f"{report.literals:,} strings that only look like attacks as literals: {report.false_refusals} refused")
    for failure in report.failures:
        yield Text(shown(f"{failure.outcome}: {failure.source}, {failure.via}: {failure.text}", max_chars=300), "red")
    for case in report.not_applicable:
        yield Text(shown(f"not run: {case.source}: {case.outcome}", max_chars=300), style="dim")
