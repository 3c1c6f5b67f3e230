"""`arctic-copilot eval`: execution accuracy on a benchmark, or the attacks of the red-team suite."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from app.commands.base import FAILED
from app.commands.opening import opened_model
from app.commands.options import JsonOption, ModelOption

EVAL_EPILOG = "Example: arctic-copilot eval --questions dev.json --databases databases --limit 200 --out runs/dev"
EVAL_MAX_ROWS = 100_000  # a result that is cut cannot be compared


def evaluate(
    questions: Annotated[Path | None, typer.Option(help="JSON list of {id, db_id, question, query}.")] = None,
    databases: Annotated[Path | None, typer.Option(help="Folder of <db_id>.sqlite files.")] = None,
    suite: Annotated[Literal["redteam"] | None, typer.Option(help="Run published attacks, without a model.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask a sample of this many.")] = None,
    seed: Annotated[int, typer.Option(help="Draws the sample.")] = 7,
    out: Annotated[Path | None, typer.Option(help="Keep a line a question here; the same command goes on.")] = None,
    model: ModelOption = None,
    semantic: Annotated[
        str | None, typer.Option("--semantic", "-s", help="Semantic file, or a folder of <db_id>.yaml.", metavar="S")
    ] = None,
    replay: Annotated[
        bool,
        typer.Option(
            "--replay", help="Take what the model said last time to the same prompt; times mean nothing then."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure execution accuracy: our rows on the local engine against the gold SQL's on SQLite.

    With --suite redteam, attack a small database instead: exit code 0 if nothing got through, 1 if something did.
    """
    if suite == "redteam":
        from app.commands.redteam import run_redteam
        from app.terminal.console import Terminal

        if not run_redteam(Terminal(), as_json=as_json):
            raise typer.Exit(FAILED)
        return
    if questions is None or databases is None:
        raise typer.BadParameter("Give --questions and --databases, or --suite redteam.")
    from app.contract import print_json
    from app.terminal import views
    from app.terminal.console import Terminal
    from sql_tools.copilot import ask as ask_copilot
    from sql_tools.evaluation.completion_cache import CompletionCache
    from sql_tools.evaluation.evaluate import evaluate as evaluate_copilot
    from sql_tools.evaluation.evaluate import read_questions, scorable
    from sql_tools.settings import read_settings

    terminal, asked = Terminal(), read_questions(questions)
    scorable(asked, databases)  # before a model is downloaded for them
    settings = read_settings(model=model, semantic=semantic, max_rows=EVAL_MAX_ROWS)
    chat_model = opened_model(settings, terminal)
    chat_model.cache = CompletionCache(settings.cache / "completions.db", weights=settings.model, replay=replay)
    with terminal.verdicts() as on_progress:
        report = evaluate_copilot(
            asked,
            databases,
            lambda text, opened: ask_copilot(text, opened, chat_model, settings),
            settings=settings,
            limit=limit,
            seed=seed,
            out=out,
            on_progress=on_progress,
            model_name=settings.model,
        )
    print_json(report) if as_json else terminal.show(views.report(report))
