"""Arctic Copilot as a library: a question in words becomes checked SQL and rows."""

from sql_tools.copilot import CheckReport, ask, check
from sql_tools.errors import (
    CopilotError,
    InvalidSQLError,
    ModelError,
    QueryTimeoutError,
    QuestionError,
    SettingsError,
    WarehouseError,
)
from sql_tools.models import Answer, Question, Turn
from sql_tools.settings import Settings, read_settings

__all__ = [
    "Answer",
    "CheckReport",
    "CopilotError",
    "InvalidSQLError",
    "ModelError",
    "QueryTimeoutError",
    "Question",
    "QuestionError",
    "Settings",
    "SettingsError",
    "Turn",
    "WarehouseError",
    "ask",
    "check",
    "read_settings",
]
