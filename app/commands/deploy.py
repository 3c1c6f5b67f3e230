"""The command `deploy`: prints, builds, runs, or takes away what snowflake/deploy/ describes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.base import DECLINED

if TYPE_CHECKING:
    from app.deploy.steps import Step

Only = Annotated[str | None, typer.Option("--only", help="Steps by name, by commas: roles,warehouse,...", metavar="N")]


def deploy(
    plan: Annotated[bool, typer.Option("--plan", help="Print the SQL; nothing is run.")] = False,
    build_only: Annotated[bool, typer.Option("--build", help="Only make the files to upload, for `snow sql`.")] = False,
    only: Only = None,
    connection: Annotated[str, typer.Option("--connection", "-c", help="One of connections.toml.", metavar="C")] = "",
    teardown: Annotated[bool, typer.Option("--teardown", help="Take it all away, the audit table too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Take it away without asking.")] = False,
) -> None:
    """Put Arctic Copilot into a Snowflake account: procedures, chat, and a model if you want your own.

    Safe to run again. Exit code 0 done; 1 failed, saying what was done and what not; 3 not taken away after all.
    """
    from app.deploy.files import build
    from app.deploy.steps import choose, plan_text, read_step, read_steps
    from app.deploy.variables import project_root, read_variables

    root = project_root()
    variables = read_variables(root)
    target = root / variables["COPILOT_BUILD"]
    variables["COPILOT_BUILD"] = str(target)
    down = (read_step(root / "snowflake/teardown.sql", variables),)
    steps = down if teardown else read_steps(root / "snowflake/deploy", variables)
    named = [name.strip() for name in only.split(",")] if only else []
    chosen = down if teardown else choose(steps, named, variables["COPILOT_MODEL"])
    left_out = tuple(step for step in steps if step not in chosen)
    if plan:
        typer.echo(plan_text(chosen, left_out), nl=False)
        return
    if not teardown:
        _say_built(build(root, target, variables), target)
    if build_only:
        return
    if teardown and not yes and not typer.confirm(f"Drop {variables['COPILOT_DATABASE']} and all else of it?"):
        raise typer.Exit(DECLINED)
    _run(chosen, left_out, connection)


def _say_built(files: tuple[Path, ...], target: Path) -> None:
    size = sum(file.stat().st_size for file in files)
    typer.echo(f"built {len(files)} files, {size / 1e6:.1f} MB, in {target}")


def _run(chosen: "tuple[Step, ...]", left_out: "tuple[Step, ...]", connection: str) -> None:
    from app.deploy.steps import run_steps
    from sql_tools.warehouses.snowflake.connect import open_session

    session = open_session(connection)
    try:
        run_steps(session, chosen, lambda step, what: typer.echo(f"{step.label:<20} {what}"))
    finally:
        session.close()
    for step in left_out:
        typer.echo(f"{step.label:<20} left out; --only {step.name} runs it")
