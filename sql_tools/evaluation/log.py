"""An evaluation's log on disk, one line a question, so that a run that was stopped goes on where it was.

`run.json` says what the run was made with; lines of another run are never mixed in. `questions.jsonl` only grows.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from sql_tools.errors import SettingsError
from sql_tools.models import Attempt, Check, Record, Status


class Verdict(Record):
    """One question's outcome. `seconds` is the asking alone; `reason` says why it is wrong or was not scored."""

    id: int | str
    db_id: str
    question: str
    gold: str
    status: Status | Literal["not_scored"]
    sql: str = ""
    correct: bool = False
    reason: str = ""
    attempts: tuple[Attempt, ...] = ()
    checks: tuple[Check, ...] = ()
    seconds: float = 0.0
    model: str = ""
    run: str = ""

    @property
    def scored(self) -> bool:
        return self.status != "not_scored"


class EvalLog:
    """Verdicts of one run, kept in `folder`; in memory only if that is None."""

    def __init__(self, folder: Path | None, made_with: dict[str, Any]) -> None:
        """Start or take up a run. SettingsError if the folder holds a run made with something else."""
        self.run = hashlib.sha256(json.dumps(made_with, sort_keys=True).encode()).hexdigest()[:12]
        self.verdicts: dict[int | str, Verdict] = {}
        self._folder = folder
        if folder is not None:
            _claim(folder, made_with)
            self.verdicts = {
                verdict.id: verdict for verdict in _read(folder / "questions.jsonl") if self._mine(verdict)
            }

    def add(self, verdict: Verdict) -> None:
        """Keep it, on disk before this returns."""
        verdict = verdict.model_copy(update={"run": self.run})
        self.verdicts[verdict.id] = verdict
        if self._folder is not None:
            with (self._folder / "questions.jsonl").open("a", encoding="utf-8") as file:
                file.write(verdict.model_dump_json() + "\n")

    def close(self, report: Record) -> None:
        """Write the run's report beside its lines."""
        if self._folder is not None:
            (self._folder / "report.json").write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")

    def _mine(self, verdict: Verdict) -> bool:
        return verdict.run == self.run


def _claim(folder: Path, made_with: dict[str, Any]) -> None:
    """Make the folder this run's, or see that it already is."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "run.json").exists():
            _write_whole(folder / "run.json", json.dumps(made_with, indent=2, sort_keys=True) + "\n")
        before = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"Cannot keep a run in {folder}: {error}.", "Choose another folder with --out.") from error
    if before != made_with:
        different = sorted(key for key in {*before, *made_with} if before.get(key) != made_with.get(key))
        raise SettingsError(
            f"{folder} holds a run made with another {', '.join(different)}.",
            "Choose another folder with --out, or repeat that run's options to go on with it.",
        )


def _read(path: Path) -> list[Verdict]:
    """The lines so far; one cut off by a crash is taken out of the file, its question is asked again."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
        _write_whole(path, "".join(lines))
    try:
        return [Verdict.model_validate_json(line) for line in lines]
    except ValidationError as error:
        raise SettingsError(f"{path} holds lines that no evaluation wrote.", "Choose another --out.") from error


def _write_whole(path: Path, text: str) -> None:
    """All or nothing, even if the machine stops in the middle."""
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
