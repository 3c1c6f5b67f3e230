"""The terminal: results on stdout; progress and troubles on stderr."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from app.terminal.cells import shown

if TYPE_CHECKING:  # `doctor` must speak even where parts of the product are missing
    from app.open_model import OnProgress
    from sql_tools.evaluation.evaluate import OnProgress as OnVerdict
    from sql_tools.evaluation.log import Verdict
    from sql_tools.models import OnStage, Stage

MAX_WORDS_CHARS = 2000
STAGES: dict[Stage, str] = {
    "retrieve": "Looking at the schema",
    "judge": "Asking whether the schema can tell",
    "generate": "Writing SQL",
    "validate": "Checking the SQL",
    "repair": "Repairing the SQL",
    "execute": "Running the query",
    "answer": "Putting the answer together",
}


class Terminal:
    """Both streams. Characters that a stream's encoding lacks are shown as question marks."""

    def __init__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        self.out = Console(highlight=False)
        self.notes = Console(stderr=True, highlight=False)

    @property
    def width(self) -> int:
        return self.out.width

    @property
    def has_unicode(self) -> bool:
        """Can stdout show ticks and lines?"""
        return self.out.encoding.lower().startswith("utf")

    def show(self, parts: Iterable[RenderableType], *, whole_lines: bool = False) -> None:
        """Print what was asked for, part by part; `whole_lines` are never broken, so that they can be copied."""
        for part in parts:
            self.out.print(part, soft_wrap=whole_lines)

    def note(self, message: str) -> None:
        """Something done or under way."""
        self.notes.print(Text(shown(message, max_chars=MAX_WORDS_CHARS)))

    def trouble(self, message: str, hint: str = "") -> None:
        """What went wrong, and what to do about it."""
        self.notes.print(Text(shown(message, max_chars=MAX_WORDS_CHARS), style="bold red"))
        if hint:
            self.note(hint)

    @contextmanager
    def stages(self) -> Iterator[OnStage]:
        """A status line with the stages of one question as they happen; nothing where stderr is no terminal."""
        if not self.notes.is_terminal:
            yield lambda stage, detail: None
            return
        with self.notes.status("Starting") as status:

            def on_stage(stage: Stage, detail: str) -> None:
                words = f"{STAGES[stage]}: {detail}" if detail else STAGES[stage]
                status.update(Text(shown(words, max_chars=self.notes.width - 4)))

            yield on_stage

    @contextmanager
    def progress(self) -> Iterator[OnProgress]:
        """A bar, gone when done; a line for each new thing where stderr is no terminal."""
        if not self.notes.is_terminal:
            yield self._note_once()
            return
        words = TextColumn("{task.description}", markup=False)
        with Progress(
            words, BarColumn(24), TaskProgressColumn(), TimeElapsedColumn(), console=self.notes, transient=True
        ) as bar:
            task = bar.add_task("", visible=False)

            def report(what: str, fraction: float | None) -> None:
                total = None if fraction is None else 1.0
                bar.update(task, description=shown(what), completed=fraction or 0.0, total=total, visible=True)

            yield report

    @contextmanager
    def verdicts(self) -> Iterator[OnVerdict]:
        """The progress of an evaluation, with the accuracy of the questions asked since it was started."""
        verdicts: list[bool] = []
        with self.progress() as report:

            def on_verdict(done: int, total: int, verdict: Verdict) -> None:
                verdicts.extend([verdict.correct] if verdict.scored else [])
                share = f", {sum(verdicts) / len(verdicts):.0%} correct" if verdicts else ""
                report(f"{done} of {total} questions{share}", done / total)

            yield on_verdict

    def _note_once(self) -> OnProgress:
        last = ""

        def report(what: str, fraction: float | None) -> None:
            nonlocal last
            if what != last:
                self.note(what)
            last = what

        return report
