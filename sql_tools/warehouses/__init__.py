"""The `Warehouse` protocol. Each engine is a folder whose `warehouse.py` defines `connect(target, settings)`."""

from collections.abc import Callable
from typing import Protocol

from sql_tools.models import QueryResult, Table

OnProgress = Callable[[str, float], None]  # what is being done, and the fraction done


class Warehouse(Protocol):
    """What the pipeline needs from an engine. Reads only; each method raises WarehouseError in words to act on.

    What runs `within` a Cancellation that is cancelled is stopped in the engine itself, and the call raises Stopped: one
    warehouse serves all askers of a process, so it is not the warehouse that one of them cancels.
    """

    name: str  # how the user named it, for messages
    dialect: str  # sqlglot's name of its SQL
    remote: bool  # data lives in a service, not on this machine
    notes: tuple[str, ...]  # what was left out or changed on the way in, one sentence each
    role: str  # under which the engine runs what we send; empty where the engine knows no roles

    def tables(self) -> tuple[Table, ...]:
        """All that can be read, in a stable order, with keys, comments, row counts, values and samples."""

    def explain(self, sql: str) -> str | None:
        """Bind and plan without running; says what it would read, if the engine tells.

        WarehouseError carries the engine's complaint; OverBudgetError says that a person has to agree first,
        StaleCatalogError that `tables` has changed.
        """

    def is_cheap(self, sql: str) -> bool:
        """May we run this on our own account, to learn about the data, without asking who pays for it?"""

    def run(self, sql: str, *, max_rows: int, timeout_seconds: float) -> QueryResult:
        """Rows of one SELECT; QueryTimeoutError past `timeout_seconds`."""

    def close(self) -> None: ...
