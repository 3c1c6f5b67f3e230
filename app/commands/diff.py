"""`arctic-copilot diff`: a Snowflake query there and its transpile on DuckDB, compared."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.base import FAILED
from app.terminal.cells import clean

if TYPE_CHECKING:
    from rich.console import RenderableType

    from app.terminal.console import Terminal
    from sql_tools.diff.compare import DiffReport
    from sql_tools.models import ValidSQL
    from sql_tools.settings import Settings
    from sql_tools.warehouses import Warehouse

EPILOG = 'Example: arctic-copilot diff "SELECT count(*) FROM orders" --warehouse snowflake:dev'


def diff(
    sql: Annotated[str, typer.Argument(help="One Snowflake query.", callback=clean)],
    warehouse: Annotated[
        str, typer.Option("--warehouse", "-w", help="snowflake, or snowflake:CONNECTION.", metavar="W")
    ] = "snowflake",
    local: Annotated[
        str | None, typer.Option(help="The same data as DuckDB has it; else the tables used are copied, if small.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Run a Snowflake query on the account and on DuckDB, and say whether columns, types and rows are the same.

    Exit code 0 same, 1 different or failed, 2 wrong usage. Agreement on the tests' stand-in for Snowflake proves the
    plumbing only; docs/dialect.md says what proves the dialect.
    """
    from app.contract import print_json
    from app.terminal.console import Terminal
    from sql_tools.diff.compare import checked
    from sql_tools.diff.compare import diff as compare
    from sql_tools.errors import SettingsError
    from sql_tools.open_warehouse import open_warehouse
    from sql_tools.settings import read_settings

    terminal, settings = Terminal(), read_settings(warehouse=warehouse, semantic="")
    with ExitStack() as stack:
        account = stack.enter_context(closing(open_warehouse(warehouse, settings)))
        if account.dialect != "snowflake":
            raise SettingsError(f"{warehouse} is no Snowflake account.", "Give --warehouse snowflake:CONNECTION.")
        valid = checked(sql, account, settings)
        copied: list[str] = []
        if local is not None:
            here = stack.enter_context(closing(open_warehouse(local, settings)))
        else:
            here = stack.enter_context(_copied(valid, account, settings, terminal, copied))
        report = compare(valid, account, here, settings).model_copy(update={"copied": tuple(copied)})
    print_json(report) if as_json else terminal.show(diff_view(report))
    if report.status != "same":
        raise typer.Exit(FAILED)


@contextmanager
def _copied(
    sql: ValidSQL, account: Warehouse, settings: Settings, terminal: Terminal, copied: list[str]
) -> Iterator[Warehouse]:
    """The tables that the query reads in a DuckDB file, which is gone afterwards."""
    from sql_tools.diff.local_copy import copy_tables, tables_used
    from sql_tools.query.text import parse
    from sql_tools.warehouses.duckdb import warehouse as duckdb

    def on_table(name: str, rows: int) -> None:
        copied.append(name)
        terminal.note(f"Copied {name}: {rows:,} rows")

    used = tables_used(parse(sql.text, sql.dialect), account.tables())
    with tempfile.TemporaryDirectory(prefix="arctic-copilot-diff-") as folder:
        path = Path(folder) / "copy.duckdb"
        copy_tables(used, account, path, settings, on_table)
        with closing(duckdb.connect(path, settings, name="a copy in DuckDB")) as opened:
            yield opened


def diff_view(report: DiffReport) -> Iterator[RenderableType]:
    """The verdict, each difference, and, where there is one, what ran here."""
    from rich.padding import Padding
    from rich.syntax import Syntax
    from rich.text import Text

    from app.terminal.cells import shown

    same = report.status == "same"
    yield Text(shown(report.message, max_chars=2000), style="green" if same else "bold red")
    yield from (Padding(Text(shown(each, max_chars=2000)), (0, 0, 0, 2)) for each in report.differences)
    if not same:
        yield Text("On DuckDB it ran as", style="dim")
        yield Padding(Syntax(report.local_sql, "sql", word_wrap=True, background_color="default"), (0, 0, 0, 2))
