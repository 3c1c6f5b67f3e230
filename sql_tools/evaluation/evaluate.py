"""Execution accuracy: is the answer's data the same as that of a benchmark's own SQL?

Gold runs on SQLite, ours on the same content in the local engine; `score` says when rows are the same. A clarifying
question, an abstention or a refusal counts as wrong, since the benchmark's questions can be answered. Not scored, and
reported so: questions whose database is absent, and golds that SQLite will not run. A sample is
random.Random(seed).sample over the questions with a database, sorted by id. Questions are asked database by database,
so that prompts share their beginning, as one analyst's would; `seconds_median` is measured that way.
"""

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from sql_tools.errors import CopilotError, SettingsError
from sql_tools.evaluation.gold import GoldError, is_ordered, run_gold
from sql_tools.evaluation.log import EvalLog, Verdict
from sql_tools.evaluation.report import EvalReport, summarize
from sql_tools.evaluation.score import compare_rows
from sql_tools.models import Answer
from sql_tools.open_warehouse import open_warehouse
from sql_tools.settings import Settings
from sql_tools.warehouses import Warehouse

GOLD_TIMEOUT_SECONDS = 60.0  # as the public evaluator

AskOne = Callable[[str, Warehouse], Answer]
OnProgress = Callable[[int, int, Verdict], None]  # done, total, the question just done


class EvalQuestion(BaseModel):
    """One question of a benchmark and the SQL its authors wrote for it, in SQLite's dialect."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: int | str
    db_id: str
    question: str
    query: str


def evaluate(
    questions: Sequence[EvalQuestion],
    databases: Path,
    ask_one: AskOne,
    *,
    settings: Settings,
    limit: int | None = None,
    seed: int = 7,
    out: Path | None = None,
    on_progress: OnProgress | None = None,
    model_name: str = "",
) -> EvalReport:
    """Ask every question whose `databases/<db_id>.sqlite` exists, or a sample of `limit`, and score the answers.

    Lines go to `out/questions.jsonl` as they come; the same call again goes on after a stop. An error inside one
    question makes that question failed. SettingsError if `out` holds another run or `databases` is no folder.
    """
    asked = scorable(questions, databases)
    chosen = sample(asked, limit=limit, seed=seed)
    log = EvalLog(out, _made_with(questions, settings, model_name, seed))
    done = sum(question.id in log.verdicts for question in chosen)
    for db_id, group in groupby((q for q in chosen if q.id not in log.verdicts), key=lambda q: q.db_id):
        for verdict in _ask_database(database(databases, db_id), list(group), ask_one, settings):
            log.add(verdict)
            done += 1
            if on_progress:
                on_progress(done, len(chosen), verdict)
    missing = {"no database": len(questions) - len(asked), "not in the sample": len(asked) - len(chosen)}
    report = summarize([log.verdicts[question.id] for question in chosen], missing, model_name, seed)
    log.close(report)
    return report


def read_questions(path: Path) -> tuple[EvalQuestion, ...]:
    """A benchmark's questions: a JSON list of {id, db_id, question, query}, ids unique; SettingsError if not."""
    hint = "Give a JSON list of objects with id, db_id, question and query."
    try:
        questions = TypeAdapter(tuple[EvalQuestion, ...]).validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"Cannot read {path}: {error.strerror}.", hint) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SettingsError(f"{path} is not a list of questions: {where} {first['msg']}.", hint) from error
    if len({question.id for question in questions}) < len(questions):
        raise SettingsError(f"{path} has the same id twice.", "Give every question its own id.")
    return questions


def scorable(questions: Sequence[EvalQuestion], databases: Path) -> list[EvalQuestion]:
    """Those whose database is there; SettingsError if `databases` is no folder, or there is none of them."""
    hint = "Give the folder of <db_id>.sqlite files."
    if not databases.is_dir():
        raise SettingsError(f"There is no folder {databases}.", hint)
    found = [question for question in questions if database(databases, question.db_id).exists()]
    if not found:
        missing = f"None of the {len(questions):,} questions has its database in {databases}." if questions else ""
        raise SettingsError(missing or "There is no question in the list.", hint)
    return found


def database(databases: Path, db_id: str) -> Path:
    """Where a benchmark's database lies."""
    return databases / f"{db_id}.sqlite"


def sample(asked: Sequence[EvalQuestion], *, limit: int | None, seed: int) -> list[EvalQuestion]:
    """The questions to ask: all, or `limit` drawn with `seed`; those of one database together."""
    by_id = sorted(asked, key=lambda question: (isinstance(question.id, str), question.id))
    if limit is not None and limit < len(by_id):
        by_id = random.Random(seed).sample(by_id, limit)
    return sorted(by_id, key=lambda question: (question.db_id, isinstance(question.id, str), question.id))


def _ask_database(path: Path, questions: list[EvalQuestion], ask_one: AskOne, settings: Settings) -> Iterator[Verdict]:
    """Verdicts of one database's questions, as they come."""
    try:
        warehouse = open_warehouse(str(path), settings)
    except Exception as error:
        yield from (_verdict(question, status="failed", reason=_words(error)) for question in questions)
        return
    try:
        yield from (_ask(question, path, warehouse, ask_one) for question in questions)
    finally:
        warehouse.close()


def _ask(question: EvalQuestion, path: Path, warehouse: Warehouse, ask_one: AskOne) -> Verdict:
    """One question's verdict; whatever goes wrong while asking is the answer's fault."""
    try:
        gold = run_gold(path, question.query, timeout_seconds=GOLD_TIMEOUT_SECONDS)
    except GoldError as error:
        return _verdict(question, status="not_scored", reason=f"the gold does not run: {error}")
    began = time.perf_counter()
    try:
        answer = ask_one(question.question, warehouse)
    except Exception as error:
        return _verdict(question, status="failed", reason=_words(error), seconds=time.perf_counter() - began)
    seconds = time.perf_counter() - began
    reason = _what_is_wrong(gold, answer, ordered=is_ordered(question.query))
    return _verdict(
        question,
        status=answer.status,
        sql=answer.sql,
        correct=not reason,
        reason=reason,
        attempts=answer.attempts,
        checks=answer.checks,
        seconds=seconds,
        model=answer.model,
    )


def _what_is_wrong(gold: list[tuple[Any, ...]], answer: Answer, *, ordered: bool) -> str:
    """Why the answer does not count as correct; empty if it does."""
    if answer.status != "answered":
        return answer.message or answer.status
    if answer.truncated:
        return f"the result was cut at {len(answer.rows)} rows"
    if compare_rows(gold, answer.rows, ordered):
        return ""
    if compare_rows(gold, answer.rows, ordered=False):
        return "the right rows in another order"
    return f"other rows: {_shape(answer.rows)}, gold {_shape(gold)}"


def _shape(rows: Sequence[Sequence[Any]]) -> str:
    return f"{len(rows)} x {len(rows[0]) if rows else 0}"


def _verdict(question: EvalQuestion, **outcome: Any) -> Verdict:
    return Verdict(id=question.id, db_id=question.db_id, question=question.question, gold=question.query, **outcome)


def _words(error: Exception) -> str:
    return error.message if isinstance(error, CopilotError) else f"{type(error).__name__}: {error}"


def _made_with(questions: Sequence[EvalQuestion], settings: Settings, model: str, seed: int) -> dict[str, Any]:
    """What must be equal for two runs to be one; the sample's size and where files are kept change no answer.

    The code counts by its content: a commit elsewhere does not end a run, an edit here does.
    """
    text = json.dumps([question.model_dump() for question in questions], sort_keys=True)
    return {
        "model": model,
        "seed": seed,
        "settings": settings.model_dump(mode="json", exclude={"api_key", "cache_dir", "warehouse", "model"}),
        "semantic": _digest(file.read_bytes() for file in _semantic_files(settings.semantic)),
        "code": _digest(file.read_bytes() for file in _code()),
        "questions": _digest([text.encode()]),
    }


def _semantic_files(named: str) -> list[Path]:
    """The semantic file, or those of the folder; none where a view or nothing is named."""
    path = Path(named).expanduser()
    if not named or not path.exists():
        return []
    return [path] if path.is_file() else sorted(file for file in path.iterdir() if file.is_file())


def _code() -> list[Path]:
    """All files of sql_tools, in a stable order."""
    return sorted(file for file in Path(__file__).parents[1].rglob("*") if file.is_file() and file.suffix != ".pyc")


def _digest(parts: Iterable[bytes]) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]
