"""`arctic-copilot`: one small function a command. Imports that take time stay inside the command that needs them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from app.commands.base import DECLINED, FAILED, KindCommand
from app.commands.deploy import deploy
from app.commands.diff import EPILOG, diff
from app.commands.eval import EVAL_EPILOG, evaluate
from app.commands.models import models
from app.commands.opening import opened_model, opened_warehouse
from app.commands.options import JsonOption, ModelOption, PortOption, ScanOption, SemanticOption, WarehouseOption
from app.commands.semantic import semantic as semantic_app
from app.commands.serve import serve
from app.terminal.cells import clean

app = typer.Typer(
    help="Ask a data warehouse in words; get SQL that was proven before it ran, and the rows.",
    epilog='Example: arctic-copilot ask "How many customers are there in Germany?"',
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(models, name="models")
app.add_typer(semantic_app, name="semantic")
app.command(cls=KindCommand, epilog=EPILOG)(diff)


@app.command(cls=KindCommand, epilog='Example: arctic-copilot ask "How many orders are there?" --warehouse shop.duckdb')
def ask(
    question: Annotated[str, typer.Argument(help="What you want to know, in words.", callback=clean)],
    warehouse: WarehouseOption = None,
    model: ModelOption = None,
    semantic: SemanticOption = None,
    details: Annotated[bool, typer.Option("--details", help="Show every check and the whole proof.")] = False,
    allow_scan_gb: ScanOption = None,
    conversation: Annotated[
        Path | None,
        typer.Option(
            "--conversation", help="A file that keeps what was asked, so that the next question may lean on it."
        ),
    ] = None,
    alone: Annotated[bool, typer.Option("--alone", help="Ask without what the conversation holds.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Answer a question with checked SQL, its rows, and the proof that it can be trusted.

    Exit code 0 answered; 3 a question back, declined or refused; 1 failed; 2 wrong usage.
    """
    from app.commands.kept_conversation import keep, read_conversation
    from app.contract import print_json
    from app.terminal import views
    from app.terminal.console import Terminal
    from sql_tools.conversation.conversation import Conversation
    from sql_tools.copilot import usable
    from sql_tools.models import Question
    from sql_tools.semantic import unusable
    from sql_tools.settings import read_settings

    terminal = Terminal()
    settings = read_settings(warehouse=warehouse, model=model, semantic=semantic, allow_scan_gb=allow_scan_gb)
    usable(Question(text=question), settings)  # before a model is downloaded for it
    earlier = read_conversation(conversation) if conversation else ()
    with opened_warehouse(settings, terminal) as opened:
        chat_model = opened_model(settings, terminal, opened)
        if lost := unusable(opened):
            terminal.note(lost)
        with terminal.stages() as on_stage:
            talk = Conversation(opened, chat_model, settings, earlier)
            answer = talk.ask(question, alone=alone, on_stage=on_stage)
    print_json(answer) if as_json else terminal.show(views.answer(answer, terminal, details=details))
    if conversation:
        keep(talk.answers, conversation)
    if answer.status != "answered":
        raise typer.Exit(FAILED if answer.status == "failed" else DECLINED)


@app.command(cls=KindCommand, epilog='Example: arctic-copilot check "SELECT count(*) FROM orders"')
def check(
    sql: Annotated[str | None, typer.Argument(help="One SQL statement.")] = None,
    file: Annotated[Path | None, typer.Option(help="JSON lines of id and sql; each gets a line of JSON.")] = None,
    warehouse: WarehouseOption = None,
    semantic: SemanticOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check SQL as a draft would be checked, and whether it counts rows twice; no rows are shown.

    Exit code 0 if it is allowed, 3 if not; with --file, 3 if any statement is not.
    """
    from app.commands.check_file import check_statements
    from app.contract import print_json
    from app.terminal import views
    from app.terminal.console import Terminal
    from sql_tools.copilot import check as check_copilot
    from sql_tools.settings import read_settings

    if (sql is None) == (file is None):
        raise typer.BadParameter("Give one SQL statement, or --file.")
    terminal, settings = Terminal(), read_settings(warehouse=warehouse, semantic=semantic)
    with opened_warehouse(settings, terminal) as opened:
        if file is not None:
            allowed = True
            for verdict in check_statements(file, opened, settings):
                print_json(verdict)
                allowed = allowed and verdict.get("allowed", False)
        else:
            report = check_copilot(clean(sql or ""), opened, settings)
            print_json(report) if as_json else terminal.show(views.check_report(report, terminal))
            allowed = report.allowed
    if not allowed:
        raise typer.Exit(DECLINED)


@app.command(cls=KindCommand, epilog="Example: arctic-copilot replay answer.json --warehouse shop.duckdb")
def replay(
    file: Annotated[Path, typer.Argument(help="What `ask --json` printed.")],
    warehouse: WarehouseOption = None,
    semantic: SemanticOption = None,
    allow_scan_gb: ScanOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run an answer's SQL again and say whether data, SQL or catalog changed; checked as on the first day.

    Exit code 0 if all is the same; 3 changed or refused; 1 failed; 2 wrong usage.
    """
    from app.commands.kept_answers import agreed_warehouse, read_answer
    from app.contract import print_json
    from app.terminal import views
    from app.terminal.console import Terminal
    from sql_tools.proof.replay import kept_answer
    from sql_tools.proof.replay import replay as replay_answer
    from sql_tools.settings import read_settings

    kept = kept_answer(read_answer(file))
    terminal = Terminal()
    settings = read_settings(warehouse=warehouse, semantic=semantic, allow_scan_gb=allow_scan_gb)
    if warehouse is None and kept.proof.warehouse != settings.warehouse:
        agreed = agreed_warehouse(kept.proof.warehouse)
        settings = read_settings(warehouse=agreed, semantic=semantic, allow_scan_gb=allow_scan_gb)
    with opened_warehouse(settings, terminal) as opened:
        report = replay_answer(kept, opened, settings)
    print_json(report) if as_json else terminal.show(views.replay_report(report, terminal))
    if report.status != "same":
        raise typer.Exit(DECLINED)


@app.command(cls=KindCommand, epilog="Example: arctic-copilot schema --warehouse shop.duckdb")
def schema(
    warehouse: WarehouseOption = None,
    semantic: SemanticOption = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Snowflake: ask what has changed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show tables, columns, keys, comments and samples as the copilot sees them."""
    from app.contract import print_json
    from app.terminal import views
    from app.terminal.console import Terminal
    from app.terminal.semantic_view import semantics_view
    from sql_tools.semantic import semantics_of
    from sql_tools.settings import read_settings

    age = 0.0 if refresh else None
    terminal = Terminal()
    settings = read_settings(warehouse=warehouse, semantic=semantic, catalog_max_age_hours=age)
    with opened_warehouse(settings, terminal) as opened:
        tables, notes, said = opened.tables(), opened.notes, semantics_of(opened)
    if as_json:
        fields = {"warehouse": opened.name, "dialect": opened.dialect, "tables": tables, "notes": notes}
        print_json({**fields, "semantics": said} if said else fields)
    else:
        terminal.show(views.schema(tables, notes))
        terminal.show(semantics_view(said) if said else ())


@app.command(cls=KindCommand, epilog='Example: arctic-copilot grammar --accepts "SELECT count(*) FROM orders"')
def grammar(
    warehouse: WarehouseOption = None,
    form: Annotated[
        Literal["lark", "gbnf"], typer.Option("--format", help="For llguidance, or for llama.cpp.")
    ] = "lark",
    accepts: Annotated[str | None, typer.Option(help="Say whether the grammar allows this SQL.", metavar="SQL")] = None,
) -> None:
    """Print the grammar a model is held to on this schema, or match SQL against it.

    Exit code 0 printed or accepted, 3 not accepted.
    """
    from app.terminal.console import Terminal
    from sql_tools.grammar import accepts as match_sql
    from sql_tools.grammar import gbnf_grammar, lark_grammar
    from sql_tools.settings import read_settings

    terminal, settings = Terminal(), read_settings(warehouse=warehouse)
    with opened_warehouse(settings, terminal) as opened:
        tables, dialect = opened.tables(), opened.dialect
    if accepts is None:
        typer.echo((lark_grammar if form == "lark" else gbnf_grammar)(tables, dialect), nl=False)
        return
    text = lark_grammar(tables, dialect)
    match = match_sql(text, accepts)
    rest = accepts[match.stopped_at :] or "its end: more has to follow"
    typer.echo("Accepted." if match.accepted else f"Not accepted, from here on: {clean(rest)}")
    if not match.accepted:
        raise typer.Exit(DECLINED)


app.command("eval", cls=KindCommand, epilog=EVAL_EPILOG)(evaluate)
app.command(cls=KindCommand, epilog="Example: arctic-copilot serve --model local-small --port 8080")(serve)


@app.command(cls=KindCommand, epilog="Example: arctic-copilot chat --warehouse shop.duckdb")
def chat(
    warehouse: WarehouseOption = None,
    model: ModelOption = None,
    semantic: SemanticOption = None,
    port: PortOption = None,
) -> None:
    """Open the chat in the browser; it listens on this machine only."""
    from app.chat.server import run_chat
    from sql_tools.settings import read_settings

    run_chat(read_settings(warehouse=warehouse, model=model, semantic=semantic), port)


@app.command(cls=KindCommand, epilog="Example: arctic-copilot doctor")
def doctor() -> None:
    """Say what is installed, found and missing, and what to do.

    Exit code 0 if the local run works, 1 if something it needs is missing.
    """
    from app.doctor import examine
    from app.terminal import views
    from app.terminal.console import Terminal

    terminal = Terminal()
    works = True
    for finding in examine():
        terminal.show(views.finding(finding, terminal))
        works = works and finding.ok is not False
    if not works:
        raise typer.Exit(FAILED)


@app.command(cls=KindCommand, epilog="Example: arctic-copilot demo")
def demo(model: ModelOption = None) -> None:
    """Set everything up, then answer five questions on sample data."""
    from app.commands.demo import run_demo
    from app.terminal.console import Terminal
    from sql_tools.settings import read_settings

    terminal, settings = Terminal(), read_settings(warehouse="demo", model=model)
    with opened_warehouse(settings, terminal) as opened:
        surprises = run_demo(opened, opened_model(settings, terminal, opened), settings, terminal)
    if surprises:
        raise typer.Exit(FAILED)


app.command(cls=KindCommand, epilog="Example: arctic-copilot deploy --plan")(deploy)


def main() -> None:
    """The console script."""
    app()
