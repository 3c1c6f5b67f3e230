"""What does each part do to accuracy? `python tests/bench/parts.py QUESTIONS.json DATABASES [LIMIT] [SEED]`.

QUESTIONS.json is a list of {id, db_id, question, query}, DATABASES holds <db_id>.sqlite. The same questions are answered by the
whole pipeline, and with one part taken out or put in: the allow-list and its bounds (the engine's own fences stay); the rules on
names, types and groups; the proof card; all repairs, and each of them; the schema's grammar in repairs. What the model said to
the same prompt is kept and taken again, so that only the parts differ. A JSON line each: correct, and won and lost against the
whole; SQL that did not run; declined.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from langchain_core.language_models import BaseChatModel

from app.open_model import open_model
from sql_tools import copilot, validate
from sql_tools.evaluation.completion_cache import CompletionCache
from sql_tools.evaluation.evaluate import evaluate, read_questions
from sql_tools.evaluation.log import Verdict
from sql_tools.models import Context, DraftSQL, ValidSQL
from sql_tools.repairs import Repair
from sql_tools.rules import names
from sql_tools.settings import read_settings

MAX_ROWS = 100_000  # as `arctic-copilot eval`
PARTS: dict[str, tuple[str, ...]] = {
    "the whole": (),
    "without the allow-list": ("reads",),
    "without the rules on names, types and groups": ("meanings",),
    "without the proof card": ("proof",),
    "without repairs": tuple(repair.__name__ for repair in validate.REPAIRS),
    **{f"without {repair.__name__}": (repair.__name__,) for repair in validate.REPAIRS},
    "with the grammar in repairs": ("grammar",),
}


def main(questions: Path, databases: Path, limit: int, seed: int) -> None:
    """One line a part."""
    settings = read_settings(max_rows=MAX_ROWS)
    model = open_model(settings)
    model.cache = CompletionCache(settings.cache / "completions.db", weights=settings.model, replay=True)
    whole: dict[Any, Verdict] = {}
    for name, changed in PARTS.items():
        verdicts = {v.id: v for v in asked(questions, databases, limit, seed, model, changed)}
        whole = whole or verdicts
        print(json.dumps({"part": name} | summary(verdicts, whole)), flush=True)


def asked(
    questions: Path, databases: Path, limit: int, seed: int, model: BaseChatModel, changed: tuple[str, ...]
) -> list[Verdict]:
    """Every question's verdict with these parts changed."""
    settings = read_settings(max_rows=MAX_ROWS, grammar="repair" if "grammar" in changed else "never")
    verdicts: list[Verdict] = []
    with taken_out(changed):
        evaluate(
            read_questions(questions),
            databases,
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

    def validated(draft: DraftSQL, context: Context, *, explain: Any, repairs: Sequence[Repair] = ()) -> ValidSQL:
        kept = [repair for repair in repairs if repair.__name__ not in changed]
        return validate.validate(draft, context, explain=explain, repairs=kept)

    with ExitStack() as stack:
        stack.enter_context(patch.object(copilot, "validate", validated))
        if "reads" in changed:
            stack.enter_context(patch.object(validate, "READS", ()))
            stack.enter_context(patch.object(validate, "FENCES", (names.known_tables,)))
        if "meanings" in changed:
            stack.enter_context(patch.object(validate, "MEANINGS", ()))
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
    options = [int(word) for word in sys.argv[3:]] + [200, 7][len(sys.argv) - 3 :]
    main(Path(sys.argv[1]), Path(sys.argv[2]), *options)
