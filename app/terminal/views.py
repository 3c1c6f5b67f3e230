"""Answers, verdicts, schemas and findings as parts a terminal can print; pure, each part top to bottom.

Names, cells and SQL are others' text: shown as they are, never read as markup, without control characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table as Grid
from rich.text import Text

from app import card
from app.terminal.cells import safe, shown
from app.terminal.rows import rows_view
from sql_tools.query.text import pretty

if TYPE_CHECKING:
    from app.doctor import Finding
    from app.terminal.console import Terminal
    from model_service.llama.client import LocalModel
    from sql_tools.copilot import CheckReport
    from sql_tools.evaluation.report import EvalReport
    from sql_tools.models import Answer, Change, Check, Table
    from sql_tools.proof.replay import ReplayReport

Parts = Iterator[RenderableType]

MAX_WORDS_CHARS = 2000
OUTCOMES: dict[str, bool | None] = {"passed": True, "warned": False, "not_checked": None}
VERDICTS = {"clarify": "A question back", "abstained": "Declined", "refused": "Refused", "failed": "Failed"}


def title(words: str, terminal: Terminal) -> Parts:
    """The heading of what follows."""
    yield ""
    yield Rule(Text(words, style="dim"), align="left", style="dim", characters="─" if terminal.has_unicode else "-")


def answer(answer: Answer, terminal: Terminal, *, details: bool = False) -> Parts:
    """Question, SQL, rows, the sentence that answers it, and its proof; `details` unfolds every check and all else."""
    yield Text(shown(answer.question, max_chars=MAX_WORDS_CHARS), style="bold")
    if answer.resolved_question:
        yield Text(f"You asked: {shown(answer.resolved_question, max_chars=MAX_WORDS_CHARS)}", style="italic")
    if answer.dropped:
        yield Text(f"No longer asked: {shown('; '.join(answer.dropped), max_chars=MAX_WORDS_CHARS)}", style="yellow")
    if answer.sql:
        yield _indented(_sql(pretty(answer.sql, answer.dialect)))
    yield from _changes(answer.changes)
    if answer.columns:
        yield from rows_view(answer, terminal)
    verdict = Text(f"{VERDICTS[answer.status]}: " if answer.status in VERDICTS else "", style="bold yellow")
    yield verdict.append(shown(answer.message, max_chars=MAX_WORDS_CHARS), style="bold default")
    if answer.proof:
        yield _lines(card.summary(answer.proof))
    yield from _checks(answer.checks, terminal, details=details or not answer.proof)
    if answer.proof and details:
        yield _lines(card.details(answer.proof))
    yield from _offer(answer.rewritten)
    for suggestion in answer.suggestions:
        yield _indented(Text(f"- {shown(suggestion, max_chars=MAX_WORDS_CHARS)}"))
    if answer.timings:
        yield Text(_cost(answer), style="dim")


def replay_report(report: ReplayReport, terminal: Terminal) -> Parts:
    """What changed since an answer was kept."""
    same = report.status == "same"
    verdict = Text(f"{_tick(same, terminal)} ", style="green" if same else "bold red")
    yield verdict.append(shown(report.message, max_chars=MAX_WORDS_CHARS))
    if report.data_changed is not None:
        was = {"SQL": report.sql_changed, "catalog": report.catalog_changed, "data": report.data_changed}
        for name, changed in was.items():
            yield _indented(_marked(not changed, name, "changed" if changed else "as it was", terminal))


def check_report(report: CheckReport, terminal: Terminal) -> Parts:
    """The verdict on one statement."""
    if report.allowed:
        yield Text(f"{_tick(True, terminal)} Allowed. It would run as", style="green")
        yield _indented(_sql(pretty(report.sql, report.dialect)))
    yield from _changes(report.changes)
    for problem in report.problems:
        yield _marked(False, problem.rule, problem.message, terminal)
    if report.allowed:
        yield from _checks(report.checks, terminal, details=False)
    yield from _offer(report.rewritten)


def schema(tables: Sequence[Table], notes: Sequence[str]) -> Parts:
    """Every table as the copilot sees it, and what it does not see."""
    for table in tables:
        rows = "" if table.row_count is None else f"  {table.row_count:,} rows"
        yield Text(shown(".".join(table.path)), style="bold").append(rows, style="dim")
        if table.comment:
            yield _indented(Text(shown(table.comment, max_chars=MAX_WORDS_CHARS), style="italic"))
        yield _columns(table)
        for key in table.foreign_keys:
            target = f"{key.target_table} ({', '.join(key.target_columns)})"
            yield _indented(Text(shown(f"{', '.join(key.columns)} -> {target}"), style="dim"))
        yield ""
    yield from (Text(shown(note), style="yellow") for note in notes)


def report(report: EvalReport) -> Parts:
    """An evaluation's numbers."""
    low, high = report.interval95
    share = f"{report.accuracy:.1%} (95%: {low:.1%} to {high:.1%})"
    yield Text(f"{report.correct} of {report.scored} correct: {share}", style="bold")
    statuses = ", ".join(f"{count} {status}" for status, count in report.by_status.items())
    yield Text(f"{statuses or 'nothing scored'}; {report.seconds_median:.1f} s a question (median)")
    if report.not_scored:
        yield Text(f"Not scored: {', '.join(f'{count} ({why})' for why, count in report.not_scored.items())}")


def finding(finding: Finding, terminal: Terminal) -> Parts:
    """One thing the doctor looked at."""
    yield _marked(finding.ok, finding.name, finding.detail, terminal)
    if finding.advice:
        yield _indented(Text(shown(finding.advice, max_chars=MAX_WORDS_CHARS)))


def model(name: str, about: str, path: Path | None, terminal: Terminal) -> Parts:
    """One named model and where its file is."""
    yield _marked(None if path is None else True, name, about, terminal)
    yield _indented(Text(str(path) if path else f"not here; `arctic-copilot models download {name}` gets it", "dim"))


def server(running: LocalModel) -> Parts:
    """Where a served model answers, and what asks it; to be copied, so shown in whole lines."""
    yield Text(f"{running.url} serves {running.model}, on this machine only; Ctrl-C stops it.", style="bold")
    yield Text(f"export ARCTIC_COPILOT_API_KEY={running.api_key}")
    yield Text(f"arctic-copilot ask --model '{running.url}#{running.model}' \"How many orders are there?\"")


def _checks(checks: Sequence[Check], terminal: Terminal, *, details: bool) -> Parts:
    """What was looked at in one line, and a line for each warning and each check that could not look; `details`: for each."""
    for check in checks:
        if details or check.outcome != "passed":
            yield _marked(OUTCOMES[check.outcome], check.name.replace("_", " "), check.detail, terminal)
    if checks:
        yield Text(shown(card.checked(checks), max_chars=MAX_WORDS_CHARS), style="dim")


def _changes(changes: Sequence[Change]) -> Parts:
    """What was changed in the draft before it ran."""
    for change in changes:
        words = shown(card.changed(change), max_chars=MAX_WORDS_CHARS)
        yield Text("Changed before it ran: ", style="bold yellow").append(words, style="not bold default")


def _lines(lines: Iterable[card.Line]) -> Grid:
    """What each line is about, dim, and what it says, beside each other."""
    grid = Grid(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    grid.add_column(max_width=16, overflow="fold")
    grid.add_column(overflow="fold")
    for about, words in lines:
        grid.add_row(Text(shown(about), style="dim"), Text(shown(words, max_chars=MAX_WORDS_CHARS)))
    return grid


def _offer(sql: str) -> Parts:
    """The SQL to use instead, if there is any."""
    if sql:
        yield Text("With each row counted once:", style="bold")
        yield _indented(_sql(sql))


def _columns(table: Table) -> Grid:
    grid = Grid(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    for column in table.columns:
        examples = ", ".join(shown(value, max_chars=30) for value in (column.values or column.samples)[:5])
        about = " ".join(filter(None, [shown(column.comment), f"e.g. {examples}" if examples else ""]))
        name = f"  {shown(column.name)}{' (key)' if column.name in table.primary_key else ''}"
        grid.add_row(Text(name), Text(shown(column.type), style="cyan"), Text(about, style="dim"))
    return grid


def _marked(passed: bool | None, name: str, detail: str, terminal: Terminal) -> Text:
    """One line with a tick, a cross, or a dash for what does not matter or was not looked at."""
    style = "yellow" if passed is None else "green" if passed else "bold red"
    line = Text(f"{_tick(passed, terminal)} {shown(name)}", style=style)
    return line.append(f"  {shown(detail, max_chars=MAX_WORDS_CHARS)}" if detail else "", style="not bold dim default")


def _tick(passed: bool | None, terminal: Terminal) -> str:
    if passed is None:
        return "-"
    if terminal.has_unicode:
        return "✓" if passed else "✗"
    return "ok" if passed else "NO"


def _cost(answer: Answer) -> str:
    turned_down = sum(bool(attempt.problem) for attempt in answer.attempts)
    drafts = f", {turned_down} draft{'s' * (turned_down > 1)} turned down" if turned_down else ""
    return f"{sum(answer.timings.values()):.1f} s, {shown(answer.model)}{drafts}"


def _sql(sql: str) -> Text:
    lines = (safe(line.replace("\t", "    ")) for line in sql.split("\n"))
    text = Syntax("", "sql", theme="ansi_dark").highlight("\n".join(lines))
    text.rstrip()
    return text


def _indented(content: RenderableType) -> Padding:
    return Padding(content, (0, 0, 0, 2), expand=False)
