"""`arctic-copilot semantic`: draft a semantic file from a schema, check one against the data, bring dbt's into one."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.base import DECLINED, KindCommand

if TYPE_CHECKING:
    from app.terminal.console import Terminal
    from sql_tools.semantic.model import SemanticModel
    from sql_tools.settings import Settings
    from sql_tools.warehouses import Warehouse

semantic = typer.Typer(help="The semantic file: draft, check, and import one from dbt.", no_args_is_help=True)

WarehouseOption = Annotated[
    str | None,
    typer.Option("--warehouse", "-w", help="demo, a file, a folder, or snowflake[:CONNECTION].", metavar="W"),
]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="Write here instead of to the terminal.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Write over a file that is there.")]


@semantic.command(
    cls=KindCommand, epilog="Example: arctic-copilot semantic init --warehouse shop.duckdb --out shop.yaml"
)
def init(warehouse: WarehouseOption = None, out: OutOption = None, force: ForceOption = False) -> None:
    """Draft a semantic file from tables, types, keys, comments, and the values of columns of few."""
    from app.terminal.console import Terminal
    from sql_tools.semantic_authoring.draft import HEADING
    from sql_tools.semantic_authoring.write import yaml_text
    from sql_tools.settings import read_settings

    terminal, settings = Terminal(), read_settings(warehouse=warehouse, semantic="")
    _may_write(out, force=force)
    with _opened(settings, terminal) as opened:
        text = yaml_text(_drafted(opened), heading=HEADING.format(name=Path(opened.name).name))
    _put(text, out, terminal)


@semantic.command(cls=KindCommand, epilog="Example: arctic-copilot semantic check shop.yaml --warehouse shop.duckdb")
def check(
    file: Annotated[Path, typer.Argument(help="The semantic file.")],
    warehouse: WarehouseOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Say whether names, expressions, keys and verified queries of the file hold on this data.

    Exit code 0 if they do, with or without warnings; 3 if not.
    """
    from app.contract import print_json
    from app.terminal.console import Terminal
    from app.terminal.semantic_view import report_view
    from sql_tools.semantic.read import file_text
    from sql_tools.semantic_authoring.check import check_semantics
    from sql_tools.settings import read_settings

    terminal, settings = Terminal(), read_settings(warehouse=warehouse, semantic="")
    text = file_text(file)
    with _opened(settings, terminal) as opened:
        report = check_semantics(text, opened, settings, source=file.name)
    print_json(report) if as_json else terminal.show(report_view(report, terminal.has_unicode))
    if not report.valid:
        raise typer.Exit(DECLINED)


@semantic.command(
    "import",
    cls=KindCommand,
    epilog="Example: arctic-copilot semantic import --dbt target/manifest.json --warehouse shop.duckdb --out shop.yaml",
)
def import_(
    dbt: Annotated[
        list[Path] | None, typer.Option("--dbt", help="dbt's manifest.json or schema.yml; may be repeated.")
    ] = None,
    osi: Annotated[Path | None, typer.Option("--osi", help="An Open Semantic Interchange file.")] = None,
    warehouse: WarehouseOption = None,
    into: Annotated[Path | None, typer.Option("--into", help="Add to this file; else to a draft.")] = None,
    out: OutOption = None,
    force: ForceOption = False,
) -> None:
    """Bring dbt's descriptions and tests (unique, not_null, relationships, accepted_values) into a semantic file, or
    make one of an OSI file."""
    if bool(dbt) == (osi is not None):
        raise typer.BadParameter("Give --dbt, or --osi.")
    if osi is not None:
        _import_osi(osi, out, force=force)
        return
    from app.terminal.console import Terminal
    from sql_tools.semantic.read import read_file
    from sql_tools.semantic_authoring.dbt import import_dbt
    from sql_tools.semantic_authoring.dbt_files import read_dbt
    from sql_tools.semantic_authoring.write import yaml_text
    from sql_tools.settings import read_settings

    terminal, settings = Terminal(), read_settings(warehouse=warehouse, semantic="")
    _may_write(out, force=force)
    found = [one for path in dbt or () for one in read_dbt(path)]
    if into is not None:
        model = read_file(into)
    else:
        with _opened(settings, terminal) as opened:
            model = _drafted(opened)
    model, strange = import_dbt(model, found, keep=into is not None)
    if strange:
        more = f" and {len(strange) - 10} more" if len(strange) > 10 else ""
        terminal.note(f"No table of the file is called {', '.join(strange[:10])}{more}, so these were left out.")
    _put(yaml_text(model), out, terminal)


def _import_osi(osi: Path, out: Path | None, *, force: bool) -> None:
    from app.terminal.console import Terminal
    from sql_tools.semantic_authoring.osi import read_osi
    from sql_tools.semantic_authoring.write import yaml_text

    terminal = Terminal()
    _may_write(out, force=force)
    model, left_out = read_osi(osi)
    if left_out:
        terminal.note(f"Neither in Snowflake's dialect nor in ANSI SQL, so left out: {', '.join(left_out[:20])}.")
    _put(yaml_text(model), out, terminal)


def _drafted(opened: "Warehouse") -> "SemanticModel":
    from sql_tools.semantic_authoring.draft import draft

    tables = opened.tables()
    name = tables[0].database if tables and tables[0].database else Path(opened.name).stem
    return draft(tables, name=name, dialect=opened.dialect)


def _may_write(out: Path | None, *, force: bool) -> None:
    """Before the work, not after it."""
    from sql_tools.errors import SettingsError

    if out is not None and out.exists() and not force:
        raise SettingsError(f"{out} is there already.", "Give another --out, or --force to write over it.")
    if out is not None and not out.parent.is_dir():
        raise SettingsError(f"There is no folder {out.parent}.", "Make it, or give another --out.")


def _put(text: str, out: Path | None, terminal: "Terminal") -> None:
    if out is None:
        typer.echo(text, nl=False)
        return
    from sql_tools.errors import SettingsError

    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"Cannot write {out}: {error.strerror}.", "Give another --out.") from error
    terminal.note(f"Written to {out}. `arctic-copilot semantic check {out}` says whether it holds.")


@contextmanager
def _opened(settings: "Settings", terminal: "Terminal") -> "Iterator[Warehouse]":
    from sql_tools.open_warehouse import open_warehouse

    with terminal.progress() as report:
        warehouse = open_warehouse(settings.warehouse, settings, on_progress=report)
    with closing(warehouse):
        yield warehouse
