"""`arctic-copilot`: one small function a command. Imports that take time stay inside the command that needs them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cells import clean
from app.command import DECLINED, FAILED, KindCommand
from app.deploy_command import deploy
from app.diff_command import EPILOG, diff
from app.model_files import models
from app.semantic_commands import semantic as semantic_app

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from app.terminal import Terminal
    from sql_tools.settings import Settings
    from sql_tools.warehouses import Warehouse

EVAL_MAX_ROWS = 100_000  # a result that is cut cannot be compared

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

WarehouseOption = Annotated[
    str | None,
    typer.Option(
        "--warehouse",
        "-w",
        help="demo, a .duckdb or .sqlite file, a folder of CSV/Parquet, snowflake[:CONNECTION].",
        metavar="W",
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", "-m", help="local, local-small, a GGUF file, or http://host:port/v1#model.", metavar="M"),
]
SemanticOption = Annotated[
    str | None,
    typer.Option("--semantic", "-s", help="Semantic YAML file; on Snowflake also a semantic view.", metavar="S"),
]
ScanOption = Annotated[
    float | None,
    typer.Option(
        "--allow-scan-gb", min=0, help="Snowflake: consent to a query that reads up to this much.", metavar="GB"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
PortOption = Annotated[int | None, typer.Option("--port", "-p", min=1, max=65535, help="Listen here, on loopback.")]


@app.command(cls=KindCommand, epilog='Example: arctic-copilot ask "How many orders are there?" --warehouse shop.duckdb')
def ask(
    question: Annotated[str, typer.Argument(help="What you want to know, in words.", callback=clean)],
    warehouse: WarehouseOption = None,
    model: ModelOption = None,
    semantic: SemanticOption = None,
    details: Annotated[bool, typer.Option("--details", help="Show every check and the whole proof.")] = False,
    allow_scan_gb: ScanOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question with checked SQL, its rows, and the proof that it can be trusted.

    Exit code 0 answered; 3 a question back, declined or refused; 1 failed; 2 wrong usage.
    """
    from app import terminal_views
    from app.contract import print_json
    from app.terminal import Terminal
    from sql_tools.copilot import ask as ask_copilot
    from sql_tools.copilot import usable
    from sql_tools.models import Question
    from sql_tools.semantic import unusable
    from sql_tools.settings import read_settings

    terminal = Terminal()
    settings = read_settings(warehouse=warehouse, model=model, semantic=semantic, allow_scan_gb=allow_scan_gb)
    usable(Question(text=question), settings)  # before a model is downloaded for it
    with _opened(settings, terminal) as opened:
        chat_model = _open_model(settings, terminal, opened)
        if lost := unusable(opened):
            terminal.note(lost)
        with terminal.stages() as on_stage:
            answer = ask_copilot(question, opened, chat_model, settings, on_stage=on_stage)
    print_json(answer) if as_json else terminal.show(terminal_views.answer(answer, terminal, details=details))
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
    from app import terminal_views
    from app.contract import print_json
    from app.statements import check_statements
    from app.terminal import Terminal
    from sql_tools.copilot import check as check_copilot
    from sql_tools.settings import read_settings

    if (sql is None) == (file is None):
        raise typer.BadParameter("Give one SQL statement, or --file.")
    terminal, settings = Terminal(), read_settings(warehouse=warehouse, semantic=semantic)
    with _opened(settings, terminal) as opened:
        if file is not None:
            allowed = True
            for verdict in check_statements(file, opened, settings):
                print_json(verdict)
                allowed = allowed and verdict.get("allowed", False)
        else:
            report = check_copilot(clean(sql or ""), opened, settings)
            print_json(report) if as_json else terminal.show(terminal_views.check_report(report, terminal))
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
    from app import terminal_views
    from app.contract import print_json
    from app.kept_answers import read_answer
    from app.terminal import Terminal
    from sql_tools.replay import kept_answer
    from sql_tools.replay import replay as replay_answer
    from sql_tools.settings import read_settings

    kept = kept_answer(read_answer(file))
    terminal = Terminal()
    where = warehouse or kept.proof.warehouse
    settings = read_settings(warehouse=where, semantic=semantic, allow_scan_gb=allow_scan_gb)
    with _opened(settings, terminal) as opened:
        report = replay_answer(kept, opened, settings)
    print_json(report) if as_json else terminal.show(terminal_views.replay_report(report, terminal))
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
    from app import terminal_views
    from app.contract import print_json
    from app.semantic_view import semantics_view
    from app.terminal import Terminal
    from sql_tools.semantic import semantics_of
    from sql_tools.settings import read_settings

    age = 0.0 if refresh else None
    terminal = Terminal()
    settings = read_settings(warehouse=warehouse, semantic=semantic, catalog_max_age_hours=age)
    with _opened(settings, terminal) as opened:
        tables, notes, said = opened.tables(), opened.notes, semantics_of(opened)
    if as_json:
        fields = {"warehouse": opened.name, "dialect": opened.dialect, "tables": tables, "notes": notes}
        print_json({**fields, "semantics": said} if said else fields)
    else:
        terminal.show(terminal_views.schema(tables, notes))
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
    from app.terminal import Terminal
    from sql_tools.grammar import accepts as match_sql
    from sql_tools.grammar import gbnf_grammar, lark_grammar
    from sql_tools.settings import read_settings

    terminal, settings = Terminal(), read_settings(warehouse=warehouse)
    with _opened(settings, terminal) as opened:
        text = lark_grammar(opened.tables(), opened.dialect)
    if accepts is None:
        typer.echo(text if form == "lark" else gbnf_grammar(text), nl=False)
        return
    match = match_sql(text, accepts)
    rest = accepts[match.stopped_at :] or "its end: more has to follow"
    typer.echo("Accepted." if match.accepted else f"Not accepted, from here on: {clean(rest)}")
    if not match.accepted:
        raise typer.Exit(DECLINED)


@app.command(
    "eval",
    cls=KindCommand,
    epilog="Example: arctic-copilot eval --questions dev.json --databases databases --limit 200 --out runs/dev",
)
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
        from app.redteam import run_redteam
        from app.terminal import Terminal

        if not run_redteam(Terminal(), as_json=as_json):
            raise typer.Exit(FAILED)
        return
    if questions is None or databases is None:
        raise typer.BadParameter("Give --questions and --databases, or --suite redteam.")
    from app import terminal_views
    from app.contract import print_json
    from app.terminal import Terminal
    from sql_tools.completion_cache import CompletionCache
    from sql_tools.copilot import ask as ask_copilot
    from sql_tools.evaluate import evaluate as evaluate_copilot
    from sql_tools.evaluate import read_questions
    from sql_tools.settings import read_settings

    terminal, asked = Terminal(), read_questions(questions)
    settings = read_settings(model=model, semantic=semantic, max_rows=EVAL_MAX_ROWS)
    chat_model = _open_model(settings, terminal)
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
    print_json(report) if as_json else terminal.show(terminal_views.report(report))


@app.command(cls=KindCommand, epilog="Example: arctic-copilot serve --model local-small --port 8080")
def serve(
    model: ModelOption = None,
    port: PortOption = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Arctic's directory, with --model arctic.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Arctic: only print the plan.")] = False,
    gpus: Annotated[int | None, typer.Option(min=1, help="Arctic: GPUs in all; else those seen here.")] = None,
    gpu: Annotated[str | None, typer.Option(help="Arctic: plan for this kind, such as H100.")] = None,
    nodes: Annotated[int | None, typer.Option(min=1, help="Arctic: machines the GPUs are in.")] = None,
    tp: Annotated[int | None, typer.Option(min=1, help="Arctic: GPUs that share each layer.")] = None,
    pp: Annotated[int | None, typer.Option(min=1, help="Arctic: stages that share the layers.")] = None,
    ep: Annotated[bool, typer.Option("--ep", help="Arctic: whole experts on each GPU, not slices.")] = False,
    quantization: Annotated[Literal["auto", "fp8", "none"], typer.Option(help="Arctic: of bf16 weights.")] = "auto",
    speculation: Annotated[Literal["none", "ngram", "suffix"], typer.Option(help="Arctic: drafts.")] = "none",
    max_model_len: Annotated[int | None, typer.Option(min=1, help="Arctic: longest context.")] = None,
    python: Annotated[Path | None, typer.Option(help="Arctic: the Python that has vLLM.")] = None,
    vllm_args: Annotated[str, typer.Option(help="Arctic: more arguments for vLLM, in one string.")] = "",
) -> None:
    """Serve a model as an OpenAI-compatible server on loopback, until Ctrl-C: the embedded one, or Arctic on vLLM."""
    if model == "arctic":
        import shlex

        from model_service.serve import find_hardware
        from model_service.serve import serve as serve_arctic
        from model_service.serve_plan import Wish

        if checkpoint is None:
            raise typer.BadParameter("Give Arctic's directory: --checkpoint DIR.")
        more = tuple(shlex.split(vllm_args))
        wish = Wish(checkpoint, tp, pp, ep, quantization, speculation, max_model_len, port=port or 8000, more=more)
        serve_arctic(wish, find_hardware(gpus, gpu, nodes), python=python, dry_run=dry_run, on_line=typer.echo)
        return
    if checkpoint is not None or dry_run:
        raise typer.BadParameter("--checkpoint and --dry-run go with --model arctic.")
    from app.model_files import serve_model
    from app.terminal import Terminal
    from sql_tools.settings import read_settings

    serve_model(read_settings(model=model), port, Terminal())


@app.command(cls=KindCommand, epilog="Example: arctic-copilot chat --warehouse shop.duckdb")
def chat(
    warehouse: WarehouseOption = None,
    model: ModelOption = None,
    semantic: SemanticOption = None,
    port: PortOption = None,
) -> None:
    """Open the chat in the browser; it listens on this machine only."""
    from app.chat_server import run_chat
    from sql_tools.settings import read_settings

    run_chat(read_settings(warehouse=warehouse, model=model, semantic=semantic), port)


@app.command(cls=KindCommand, epilog="Example: arctic-copilot doctor")
def doctor() -> None:
    """Say what is installed, found and missing, and what to do.

    Exit code 0 if the local run works, 1 if something it needs is missing.
    """
    from app import terminal_views
    from app.doctor import examine
    from app.terminal import Terminal

    terminal = Terminal()
    works = True
    for finding in examine():
        terminal.show(terminal_views.finding(finding, terminal))
        works = works and finding.ok is not False
    if not works:
        raise typer.Exit(FAILED)


@app.command(cls=KindCommand, epilog="Example: arctic-copilot demo")
def demo(model: ModelOption = None) -> None:
    """Set everything up, then answer five questions on sample data."""
    from app.demo import run_demo
    from app.terminal import Terminal
    from sql_tools.settings import read_settings

    terminal, settings = Terminal(), read_settings(warehouse="demo", model=model)
    with _opened(settings, terminal) as opened:
        surprises = run_demo(opened, _open_model(settings, terminal, opened), settings, terminal)
    if surprises:
        raise typer.Exit(FAILED)


app.command(cls=KindCommand, epilog="Example: arctic-copilot deploy --plan")(deploy)


def main() -> None:
    """The console script."""
    app()


@contextmanager
def _opened(settings: "Settings", terminal: "Terminal") -> Iterator["Warehouse"]:
    """The warehouse, loaded with a progress bar if need be, and closed afterwards."""
    from sql_tools.warehouses import open_warehouse

    with terminal.progress() as report:
        warehouse = open_warehouse(settings.warehouse, settings, on_progress=report)
    with closing(warehouse):
        yield warehouse


def _open_model(settings: "Settings", terminal: "Terminal", warehouse: "Warehouse | None" = None) -> "BaseChatModel":
    """The model, fetched and started with a progress bar if need be, the warehouse's schema read."""
    from app.open_model import open_model

    with terminal.progress() as report:
        return open_model(settings, warehouse=warehouse, on_progress=report)
