"""A semantic file's meaning, and the report on one, as parts a terminal can print; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from app.terminal.cells import shown

if TYPE_CHECKING:  # the terminal must speak even where parts of the product are missing
    from sql_tools.models import Semantics
    from sql_tools.semantic_authoring.check import Finding, SemanticReport

Parts = Iterator[RenderableType]

MAX_WORDS_CHARS = 2000
KINDS = {"metric": "Metrics", "expression": "Expressions", "filter": "Filters"}


def semantics_view(semantics: Semantics) -> Parts:
    """What the file adds to the tables: definitions, verified questions, instructions."""
    for kind, title in KINDS.items():
        found = [one for one in semantics.definitions if one.kind == kind and one.shown]
        if found:
            yield Text(f"{title} of {shown(semantics.source)}", style="bold")
        for one in found:
            also = f" (also {', '.join(one.synonyms)})" if one.synonyms else ""
            line = Text(shown(f"{one.name}{also}"))
            yield _indented(line.append(f"  {shown(one.shown, max_chars=MAX_WORDS_CHARS)}", style="dim"))
    if semantics.verified:
        yield Text("Verified questions", style="bold")
    for query in semantics.verified:
        who = " ".join(filter(None, [f"by {query.by}" if query.by else "", f"on {query.on}" if query.on else ""]))
        yield _indented(Text(shown(query.question)).append(f"  {shown(who)}" if who else "", style="dim"))
    if semantics.instructions:
        yield Text("Instructions", style="bold")
        yield from (_indented(Text(shown(line))) for line in semantics.instructions.splitlines())


def report_view(report: SemanticReport, has_unicode: bool) -> Parts:
    """The verdict first, then each problem and warning with its line."""
    tick, cross = ("✓", "✗") if has_unicode else ("ok", "NO")
    counted = f"tables {report.tables}, names {report.definitions}, verified queries {report.verified_queries}"
    if report.valid:
        yield Text(f"{tick} {shown(report.source)} holds: {counted}.", style="green")
    else:
        count = "1 problem" if len(report.problems) == 1 else f"{len(report.problems)} problems"
        yield Text(f"{cross} {shown(report.source)} has {count}.", style="bold red")
    yield from (_finding(one, "bold red") for one in report.problems)
    yield from (_finding(one, "yellow") for one in report.warnings)


def _finding(finding: Finding, style: str) -> RenderableType:
    kind = "" if style != "yellow" else "warning: "
    line = Text(f"line {finding.line}, {shown(finding.place)}: ", style=style)
    return _indented(line.append(kind + shown(finding.message, max_chars=MAX_WORDS_CHARS), style="default not bold"))


def _indented(content: RenderableType) -> Padding:
    return Padding(content, (0, 0, 0, 2), expand=False)
