"""Every exception sql_tools raises: one base, children named by what failed."""

from typing import ClassVar


class CopilotError(Exception):
    """What went wrong in words a user can act on; `hint` says what to do next.

    `without_values` says it without anything of the data, for a model that may not see it; empty where the message itself
    holds none but the SQL's own literals.
    """

    retryable: ClassVar[bool] = False
    without_values: str = ""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SettingsError(CopilotError):
    """A value is missing or malformed."""


class SemanticFileError(CopilotError):
    """The semantic file cannot be read, or says what cannot be; names the file, the line and the place in it."""


class QuestionError(CopilotError):
    """The question itself cannot be used: empty, too long, or not text."""


class ModelError(CopilotError):
    """The model's provider failed or could not be reached."""

    retryable: ClassVar[bool] = True


class InvalidSQLError(CopilotError):
    """A rule refused the SQL; goes back to the model. `rule` names the rule, `fatal` means no repair may be tried; `absent`: a
    name in it is nowhere in what may be read."""

    retryable: ClassVar[bool] = True

    def __init__(
        self, message: str, hint: str = "", *, rule: str = "", fatal: bool = False, absent: bool = False
    ) -> None:
        super().__init__(message, hint)
        self.rule = rule
        self.fatal = fatal
        self.absent = absent


class WarehouseError(CopilotError):
    """The engine refused, timed out, or its file cannot be opened; carries the engine's `query_id` if it has one."""

    def __init__(self, message: str, hint: str = "", *, query_id: str = "") -> None:
        super().__init__(message, hint)
        self.query_id = query_id


class QueryTimeoutError(WarehouseError):
    """The query ran past its limit and was stopped."""


class UnavailableError(WarehouseError):
    """The engine is out of reach, or runs nothing: other SQL would not help, so no model is asked for any."""


class OverBudgetError(CopilotError):
    """The query would read more than the asker's budget: a person has to agree. `sql` is what would have run."""

    def __init__(self, message: str, hint: str = "", *, sql: str = "") -> None:
        super().__init__(message, hint)
        self.sql = sql


class StaleCatalogError(CopilotError):
    """What the catalog says is no longer so; it has been read again, so that asking once more may succeed."""

    retryable: ClassVar[bool] = True


class NotChecked(Exception):
    """A check cannot look at this SQL; its words say at what of it."""
