"""What does each part of the proving do to accuracy? `python tests/bench/parts.py SPIDER_FOLDER [LIMIT] [SEED]`.

SPIDER_FOLDER holds dev.json and databases/<db_id>.sqlite. The same questions are answered by the whole pipeline, and with one
part taken out or put in: the allow-list and its bounds (the engine's own fences stay); the checks for wrong numbers; the proof
card; the schema's grammar in repairs. What the model said to the same prompt is kept and taken again, so that only the parts
differ. A JSON line each: correct, and won and lost against the whole; SQL that did not run; declined.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from langchain_core.language_models import BaseChatModel

from app.open_model import open_model
from sql_tools import copilot, validate
from sql_tools.diagnostics.diagnose import Diagnosis
from sql_tools.evaluation.completion_cache import CompletionCache
from sql_tools.evaluation.evaluate import evaluate, read_questions
from sql_tools.evaluation.log import Verdict
from sql_tools.rules import bounds, habits, logic, matches, reads, types
from sql_tools.settings import read_settings

MAX_ROWS = 100_000  # as `arctic-copilot eval`
READS = (reads, bounds)
NUMBERS = (types, logic)
SINGLE_NUMBERS = (habits.no_aggregate_in_where, habits.grouped_columns, matches.matches_do_not_repeat)
PARTS: dict[str, tuple[str, ...]] = {
    "the whole": (),
    "without the allow-list": ("reads",),
    "without the checks for wrong numbers": ("numbers",),
    "without the proof card": ("proof",),
    "without all three": ("reads", "numbers", "proof"),
    "with the grammar in repairs": ("grammar",),
}


def main(folder: Path, limit: int, seed: int) -> None:
    """One line a part."""
    settings = read_settings(max_rows=MAX_ROWS)
    model = open_model(settings)
    model.cache = CompletionCache(settings.cache / "completions.db", weights=settings.model, replay=True)
    whole: dict[Any, Verdict] = {}
    for name, changed in PARTS.items():
        verdicts = {v.id: v for v in asked(folder, limit, seed, model, changed)}
        whole = whole or verdicts
        print(json.dumps({"part": name} | summary(verdicts, whole)), flush=True)


def asked(folder: Path, limit: int, seed: int, model: BaseChatModel, changed: tuple[str, ...]) -> list[Verdict]:
    """Every question's verdict with these parts changed."""
    settings = read_settings(max_rows=MAX_ROWS, grammar="repair" if "grammar" in changed else "never")
    verdicts: list[Verdict] = []
    with taken_out(changed):
        evaluate(
            read_questions(folder / "dev.json"),
            folder / "databases",
            lambda text, opened: copilot.ask(text, opened, model, settings),
            settings=settings,
            limit=limit,
            seed=seed,
            on_progress=lambda done, total, verdict: verdicts.append(verdict),
        )
    return verdicts


@contextmanager
def taken_out(changed: tuple[str, ...]) -> Iterator[None]:
    """The pipeline without these parts."""
    gone = READS * ("reads" in changed) + NUMBERS * ("numbers" in changed)
    single = SINGLE_NUMBERS if "numbers" in changed else ()
    kept = tuple(r for r in validate.RULES if r.__module__ not in {m.__name__ for m in gone} and r not in single)
    with ExitStack() as stack:
        stack.enter_context(patch.object(validate, "RULES", kept))
        if "numbers" in changed:
            stack.enter_context(patch.object(copilot, "diagnose", lambda *args: Diagnosis()))
            stack.enter_context(patch.object(copilot, "why_empty", lambda *args: ""))
        if "proof" in changed:
            stack.enter_context(patch.object(copilot._Run, "_proof", lambda *args: None))
        yield


def summary(verdicts: dict[Any, Verdict], whole: dict[Any, Verdict]) -> dict[str, int]:
    """Counts, beside the whole's on the same questions."""
    return {
        "questions": len(verdicts),
        "correct": sum(v.correct for v in verdicts.values()),
        "won": sum(v.correct > whole[key].correct for key, v in verdicts.items()),
        "lost": sum(v.correct < whole[key].correct for key, v in verdicts.items()),
        "did not run": sum(v.status == "failed" for v in verdicts.values()),
        "declined": sum(v.status in ("abstained", "clarify", "refused") for v in verdicts.values()),
    }


if __name__ == "__main__":
    options = [int(word) for word in sys.argv[2:]] + [200, 7][len(sys.argv) - 2 :]
    main(Path(sys.argv[1]), *options)
