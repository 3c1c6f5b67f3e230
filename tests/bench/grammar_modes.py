"""What does each setting of the grammar win and cost? `python tests/bench/grammar_modes.py SPIDER_FOLDER OUT [LIMIT] [SEED]`.

SPIDER_FOLDER holds dev.json and databases/<db_id>.sqlite; OUT takes a JSON line a question and setting, and the same command
goes on from there. Each question is asked with `never`, `repair` and `always`, live, on the embedded default, the order turning
from question to question: whoever comes first reads the prompt, the others find it read. Prints, for each setting, the correct
answers and the questions whose SQL did not run, the seconds a question, and the ratio to `never` where a third setting came
first, so that both found the prompt read.
"""

import json
import statistics
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from app.open_model import open_model
from sql_tools.copilot import ask
from sql_tools.evaluation.evaluate import database, evaluate, read_questions, sample
from sql_tools.evaluation.log import Verdict
from sql_tools.settings import Settings, read_settings

MODES = ("never", "repair", "always")
MAX_ROWS = 100_000  # as `arctic-copilot eval`


def main(folder: Path, out: Path, limit: int, seed: int) -> None:
    """Ask what is missing in `out`, then print one JSON line a setting."""
    lines = [json.loads(line) for line in out.open()] if out.exists() else []
    done = {(line["id"], line["mode"]) for line in lines}
    with out.open("a") as file:
        for line in asked(folder, limit, seed, done):
            lines.append(line)
            print(json.dumps(line), file=file, flush=True)
    for mode in MODES:
        print(json.dumps({"mode": mode} | summary(lines, mode)))


def asked(folder: Path, limit: int, seed: int, done: set[tuple[Any, str]]) -> Iterator[dict[str, Any]]:
    """A line for each question and setting that is not done yet."""
    databases = folder / "databases"
    questions = [q for q in read_questions(folder / "dev.json") if database(databases, q.db_id).exists()]
    settings = {mode: read_settings(grammar=mode, max_rows=MAX_ROWS) for mode in MODES}
    model = open_model(settings["never"])
    for turn, question in enumerate(sample(questions, limit=limit, seed=seed)):
        for mode in MODES[turn % 3 :] + MODES[: turn % 3]:
            if (question.id, mode) not in done:
                verdict = one(question, databases, model, settings[mode])
                yield {"id": question.id, "mode": mode, "turn": turn} | verdict


def one(question: Any, databases: Path, model: Any, settings: Settings) -> dict[str, Any]:
    """One question's outcome under one setting."""
    verdicts: list[Verdict] = []
    evaluate(
        [question],
        databases,
        lambda text, opened: ask(text, opened, model, settings),
        settings=settings,
        on_progress=lambda done, total, verdict: verdicts.append(verdict),
    )
    [verdict] = verdicts
    outcome = {"correct": verdict.correct, "status": verdict.status, "seconds": round(verdict.seconds, 3)}
    return outcome | {"attempts": len(verdict.attempts)}


def summary(lines: list[dict[str, Any]], mode: str) -> dict[str, Any]:
    """Counts and times of one setting, beside `never` on the same questions."""
    ordered = sorted(lines, key=lambda line: str(line["id"]))
    by_question = [{line["mode"]: line for line in group} for _, group in groupby(ordered, key=lambda x: str(x["id"]))]
    whole = [q for q in by_question if len(q) == len(MODES)]
    mine, never = [q[mode] for q in whole], [q["never"] for q in whole]
    read = [(a, b) for a, b in zip(mine, never, strict=True) if MODES[a["turn"] % 3] not in (mode, "never")]
    return {
        "questions": len(whole),
        "correct": sum(line["correct"] for line in mine),
        "won": sum(a["correct"] > b["correct"] for a, b in zip(mine, never, strict=True)),
        "lost": sum(a["correct"] < b["correct"] for a, b in zip(mine, never, strict=True)),
        "did not run": sum(line["status"] == "failed" for line in mine),
        "more than one draft": sum(line["attempts"] > 1 for line in mine),
        "seconds, median": round(statistics.median(line["seconds"] for line in mine), 2),
        "seconds, mean": round(statistics.mean(line["seconds"] for line in mine), 2),
        "prompt found read": len(read),
        "then seconds, median": _median([a["seconds"] for a, _ in read]),
        "then ratio to never, median": _median([a["seconds"] / b["seconds"] for a, b in read]),
    }


def _median(values: list[float]) -> float | None:
    return round(statistics.median(values), 3) if values else None


if __name__ == "__main__":
    options = [int(word) for word in sys.argv[3:]] + [200, 7][len(sys.argv) - 3 :]
    main(Path(sys.argv[1]), Path(sys.argv[2]), *options)
