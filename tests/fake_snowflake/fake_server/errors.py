"""What Snowflake answers when it refuses, with its codes and SQL states."""

from dataclasses import dataclass


@dataclass
class SnowflakeError(Exception):
    """One refusal. Source of codes: the connector's own errorcode.py, Snowflake's documentation and public error reports."""

    code: int
    sqlstate: str
    message: str


def syntax_error(sql: str, position: int, unexpected: str) -> SnowflakeError:
    """`unexpected` at the offset `position` of the statement."""
    line = sql.count("\n", 0, position) + 1
    column = position - (sql.rfind("\n", 0, position) + 1)
    return SnowflakeError(
        1003,
        "42000",
        f"SQL compilation error:\nsyntax error line {line} at position {column} unexpected '{unexpected}'.",
    )


def unsupported(what: str) -> SnowflakeError:
    return SnowflakeError(2, "0A000", f"Unsupported feature '{what}' (by the tests' server).")


def not_found(kind: str, name: str) -> SnowflakeError:
    """The same words for what does not exist and for what the role may not see."""
    return SnowflakeError(2003, "42S02", f"SQL compilation error:\n{kind} '{name}' does not exist or not authorized.")


def cannot_operate() -> SnowflakeError:
    return SnowflakeError(
        2043, "02000", "SQL compilation error:\nObject does not exist, or operation cannot be performed."
    )


def already_exists(name: str) -> SnowflakeError:
    return SnowflakeError(2002, "42710", f"SQL compilation error:\nObject '{name}' already exists.")


def no_privilege(kind: str, name: str) -> SnowflakeError:
    return SnowflakeError(
        3001, "42501", f"SQL access control error:\nInsufficient privileges to operate on {kind.lower()} '{name}'"
    )


def invalid_identifier(name: str) -> SnowflakeError:
    return SnowflakeError(
        904, "42000", f"SQL compilation error: error line 1 at position 0\ninvalid identifier '{name}'"
    )


def no_current(what: str, command: str) -> SnowflakeError:
    code = {"database": 90105, "schema": 90106}[what]
    return SnowflakeError(
        code,
        "22000",
        f"Cannot perform {command}. This session does not have a current {what}. Call 'USE {what.upper()}', or use a "
        "qualified name.",
    )


def no_warehouse() -> SnowflakeError:
    return SnowflakeError(
        606,
        "57P03",
        "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' command.",
    )


def timed_out(seconds: float) -> SnowflakeError:
    return SnowflakeError(
        630, "57014", f"Statement reached its statement or warehouse timeout of {seconds:g} second(s) and was canceled."
    )


def cancelled() -> SnowflakeError:
    return SnowflakeError(604, "57014", "SQL execution canceled")
