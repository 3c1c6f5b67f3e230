"""What a command works with: the warehouse and the model, opened with a progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from app.terminal.console import Terminal
    from sql_tools.settings import Settings
    from sql_tools.warehouses import Warehouse


@contextmanager
def opened_warehouse(settings: Settings, terminal: Terminal) -> Iterator[Warehouse]:
    """The warehouse, loaded with a progress bar if need be, and closed afterwards."""
    from sql_tools.open_warehouse import open_warehouse

    with terminal.progress() as report:
        warehouse = open_warehouse(settings.warehouse, settings, on_progress=report)
    with closing(warehouse):
        yield warehouse


def opened_model(settings: Settings, terminal: Terminal, warehouse: Warehouse | None = None) -> BaseChatModel:
    """The model, fetched and started with a progress bar if need be, the warehouse's schema read."""
    from app.open_model import open_model

    with terminal.progress() as report:
        return open_model(settings, warehouse=warehouse, on_progress=report)
