"""Arctic Copilot as a library: a question in words becomes checked SQL and rows.

from sql_tools import ask, create_model, open_warehouse, read_settings

settings = read_settings(model="http://localhost:8000/v1#my-model")
answer = ask("How many customers?", open_warehouse("shop.duckdb", settings), create_model(settings), settings)
"""

import logging

from sql_tools.copilot import CheckReport, ask, check
from sql_tools.errors import (
    CopilotError,
    InvalidSQLError,
    ModelError,
    OverBudgetError,
    QueryTimeoutError,
    QuestionError,
    SemanticFileError,
    SettingsError,
    StaleCatalogError,
    UnavailableError,
    WarehouseError,
)
from sql_tools.llms import create_model
from sql_tools.models import (
    Answer,
    Attempt,
    Check,
    Column,
    ForeignKey,
    JoinUsed,
    OutputColumn,
    Proof,
    Question,
    ResultColumn,
    Table,
    Turn,
)
from sql_tools.open_warehouse import open_warehouse
from sql_tools.settings import Settings, read_settings
from sql_tools.warehouses import Warehouse

logging.getLogger(__name__).addHandler(logging.NullHandler())  # a library prints no log of its own accord

__all__ = [
    "Answer",
    "Attempt",
    "Check",
    "CheckReport",
    "Column",
    "CopilotError",
    "ForeignKey",
    "InvalidSQLError",
    "JoinUsed",
    "ModelError",
    "OutputColumn",
    "OverBudgetError",
    "Proof",
    "QueryTimeoutError",
    "Question",
    "QuestionError",
    "ResultColumn",
    "SemanticFileError",
    "Settings",
    "SettingsError",
    "StaleCatalogError",
    "Table",
    "Turn",
    "UnavailableError",
    "Warehouse",
    "WarehouseError",
    "ask",
    "check",
    "create_model",
    "open_warehouse",
    "read_settings",
]
