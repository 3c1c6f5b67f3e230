"""An evaluation in numbers."""

import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt
from pathlib import Path
from statistics import median

from sql_tools.evaluation.log import Verdict
from sql_tools.models import Record


class EvalReport(Record):
    """The JSON contract of `eval --json`; `questions` counts the file, `not_run` the answers whose SQL did not run."""

    questions: int
    scored: int
    correct: int
    accuracy: float
    interval95: tuple[float, float]
    by_status: dict[str, int]
    seconds_median: float
    model: str
    seed: int
    git_commit: str
    not_run: int
    not_scored: dict[str, int]
    by_database: dict[str, tuple[int, int]]  # correct, scored


def summarize(verdicts: Sequence[Verdict], missing: Mapping[str, int], model: str, seed: int) -> EvalReport:
    """The report; `missing` counts, by reason, the questions that were never asked."""
    scored = [verdict for verdict in verdicts if verdict.scored]
    correct = sum(verdict.correct for verdict in scored)
    by_status = Counter(verdict.status for verdict in scored)
    not_scored = {**missing, "the gold does not run": len(verdicts) - len(scored)}
    return EvalReport(
        questions=len(verdicts) + sum(missing.values()),
        scored=len(scored),
        correct=correct,
        accuracy=round(correct / len(scored), 4) if scored else 0.0,
        interval95=wilson95(correct, len(scored)),
        by_status=dict(sorted(by_status.items())),
        seconds_median=round(median(verdict.seconds for verdict in scored), 3) if scored else 0.0,
        model=model,
        seed=seed,
        git_commit=git_commit(),
        not_run=by_status["failed"],
        not_scored={reason: count for reason, count in not_scored.items() if count},
        by_database={name: _counts(scored, name) for name in sorted({verdict.db_id for verdict in scored})},
    )


def _counts(scored: Sequence[Verdict], database: str) -> tuple[int, int]:
    of_this = [verdict.correct for verdict in scored if verdict.db_id == database]
    return sum(of_this), len(of_this)


def wilson95(correct: int, scored: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share, as fractions; (0, 1) when nothing was scored."""
    if not scored:
        return (0.0, 1.0)
    z = 1.959964
    share = correct / scored
    middle = (share + z * z / (2 * scored)) / (1 + z * z / scored)
    half = z * sqrt(share * (1 - share) / scored + z * z / (4 * scored * scored)) / (1 + z * z / scored)
    return (round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4))


def git_commit() -> str:
    """The commit this file is checked out from, `-dirty` if tracked files differ; empty for an installed package."""
    here = Path(__file__)
    try:
        _git(here, "ls-files", "--error-unmatch", here.name)
        return _git(here, "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(here: Path, *words: str) -> str:
    command = ["git", "-C", str(here.parent), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
