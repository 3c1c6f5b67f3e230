"""Valid SQL, warehouse -> rows, within the row cap and the time limit."""

from sql_tools.models import QueryResult, ValidSQL
from sql_tools.settings import Settings
from sql_tools.warehouses import Warehouse


def execute(sql: ValidSQL, warehouse: Warehouse, settings: Settings) -> QueryResult:
    """Run it as the asker; QueryTimeoutError past the limit, WarehouseError if the engine refuses."""
    return warehouse.run(sql.text, max_rows=settings.max_rows, timeout_seconds=settings.timeout_seconds)
