"""`arctic-copilot deploy`: the SQL files of snowflake/deploy/ in order, printed or run, and safe to run again.

The files are plain SQL for `snow sql -f`; nothing is done here that they don't say. A statement that fails stops the
deployment, which then says what was done and what was not.
"""

import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.deploy.variables import fill
from sql_tools.errors import SettingsError, WarehouseError
from sql_tools.warehouses.snowflake.errors import warehouse_error

if TYPE_CHECKING:
    from snowflake.snowpark import Session

GPU_STEPS = ("gpu_pool", "model_service", "functions")
FIRST_WORDS = 6
AGAIN = "Mend it and run the same command again: every statement may run twice."

OnStep = Callable[["Step", str], None]  # a step, and what is to be said of it


@dataclass(frozen=True)
class Step:
    """One file: `name` is what --only takes, `label` the file's name; its statements with all variables filled in."""

    name: str
    label: str
    statements: tuple[str, ...]


def read_steps(folder: Path, variables: Mapping[str, str]) -> tuple[Step, ...]:
    """Every file of the deployment, in the order of their numbers."""
    return tuple(read_step(path, variables) for path in sorted(folder.glob("[0-9]*_*.sql")))


def read_step(path: Path, variables: Mapping[str, str]) -> Step:
    """The file's statements, parted as Snowflake's CLI parts them."""
    from snowflake.connector.util_text import split_statements

    text = fill(path.read_text(encoding="utf-8"), variables)
    parted = (statement.strip().removesuffix(";") for statement, _ in split_statements(io.StringIO(text), True))
    return Step(path.stem.partition("_")[2] or path.stem, path.stem, tuple(filter(None, parted)))


def choose(steps: Sequence[Step], only: Sequence[str], model: str) -> tuple[Step, ...]:
    """The steps that are named, or else all that the model needs; SettingsError for a name there is not."""
    known = [step.name for step in steps]
    if unknown := [name for name in only if name not in known]:
        raise SettingsError(f"There is no step {unknown[0]!r}.", f"There are {', '.join(known)}.")
    if only:
        return tuple(step for step in steps if step.name in only)
    return tuple(step for step in steps if step.name not in GPU_STEPS or model.startswith("function:"))


def plan_text(chosen: Sequence[Step], left_out: Sequence[Step]) -> str:
    """The statements as a file that can be run; and which steps are not among them."""
    parts = [f"-- {step.label}\n" + "".join(f"{statement};\n" for statement in step.statements) for step in chosen]
    skipped = [f"-- {step.label}: left out; --only {step.name} runs it\n" for step in left_out]
    return "\n".join([*parts, *skipped])


def run_steps(session: "Session", steps: Sequence[Step], on_step: OnStep) -> None:
    """Run them all; WarehouseError says what was done and what was not."""
    for number, step in enumerate(steps):
        started = time.perf_counter()
        for index, statement in enumerate(step.statements):
            try:
                _run(session, statement)
            except Exception as error:  # the driver has many
                raise _stopped(error, steps, number, index) from error
        on_step(step, f"{len(step.statements)} statements, {time.perf_counter() - started:.1f} s")


def _run(session: "Session", statement: str) -> None:
    with session.connection.cursor() as cursor:
        cursor.execute(statement)


def _stopped(error: Exception, steps: Sequence[Step], number: int, index: int) -> WarehouseError:
    step = steps[number]
    ours = warehouse_error(error)
    first = " ".join(step.statements[index].split()[:FIRST_WORDS])
    done = [*(done.label for done in steps[:number]), *([f"{index} of {step.label}"] if index else [])]
    rest = [f"{len(step.statements) - index} of {step.label}", *(later.label for later in steps[number + 1 :])]
    message = (
        f"{step.label} stopped at statement {index + 1} of {len(step.statements)} ({first} ...): {ours.message} "
        f"Done: {', '.join(done) or 'nothing'}. Not done: {', '.join(rest)}."
    )
    return WarehouseError(message, f"{ours.hint} {AGAIN}".strip(), query_id=ours.query_id)
