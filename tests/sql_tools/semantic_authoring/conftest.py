"""The trade of tests/sql_tools/semantic, its file and the warehouse under it."""

from tests.sql_tools.semantic.conftest import bare, file, laid, lay, trade

__all__ = ["bare", "file", "laid", "lay", "trade"]
