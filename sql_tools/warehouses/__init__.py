"""One engine a file. `open_warehouse` picks the file; each defines `connect(target, settings)`."""

from typing import Protocol

from sql_tools.models import QueryResult, Table


class Warehouse(Protocol):
    """What the pipeline needs from an engine. Reads only; each method raises WarehouseError with words a user can act on."""

    name: str  # how the user named it, for messages
    dialect: str  # sqlglot's name of its SQL
    remote: bool  # data lives in a service, not on this machine

    def tables(self) -> tuple[Table, ...]:
        """All that can be read, in a stable order, with keys, comments, row counts, values and samples."""

    def distinct_values(self, table: Table, column: str, *, max_values: int) -> tuple[str, ...]:
        """A text column's distinct values in a stable order, none if there are more than `max_values`."""

    def explain(self, sql: str) -> None:
        """Bind and plan without running; WarehouseError carries the engine's complaint."""

    def run(self, sql: str, *, max_rows: int, timeout_seconds: float) -> QueryResult:
        """Rows of one SELECT; QueryTimeoutError past `timeout_seconds`."""

    def close(self) -> None: ...
