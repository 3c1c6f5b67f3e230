"""Snowflake's error codes and texts in our words; the exceptions are the connector's own."""

import pytest
from snowflake.connector.errors import DatabaseError, HttpError, OperationalError, ProgrammingError

from sql_tools.errors import QueryTimeoutError
from sql_tools.warehouses.snowflake.errors import is_stale, open_error, warehouse_error

GONE = "SQL compilation error:\nObject 'SHOP.PUBLIC.ORDERS' does not exist or not authorized."


@pytest.mark.parametrize(
    ("error", "words", "hint"),
    [
        (ProgrammingError(msg=GONE, errno=2003), "SHOP.PUBLIC.ORDERS does not exist, or your role may not read it.", "schema --refresh"),
        (ProgrammingError(msg="SQL access control error:\nInsufficient privileges to operate on table 'T'", errno=3001), "may not read", "another role"),
        (ProgrammingError(msg="No active warehouse selected in the current session.", errno=606), "No Snowflake warehouse is running this", "inside the account, ask an administrator"),
        (ProgrammingError(msg="Warehouse 'WH' cannot be resumed because resource monitor 'M' has exceeded its quota.", errno=90073), "quota is used up", "administrator"),
        (ProgrammingError(msg="Warehouse 'WH' was suspended.", errno=607), "suspended", "RESUME"),
        (ProgrammingError(msg="Authentication token has expired.  The user must authenticate again.", errno=390114), "token has expired", "Sign in again"),
        (ProgrammingError(msg="Session no longer exists.  New login required to access the service.", errno=390111), "token has expired", "Sign in again"),
        (DatabaseError(msg="Failed to connect to DB: x: Incorrect username or password was specified.", errno=250001), "does not know this user", "connections.toml"),
        (DatabaseError(msg="250001 (08001): Role 'X' specified in the connect string is not granted to this user. 390189", errno=250001), "role does not exist", "role"),
        (HttpError(msg="404 Not Found: post http://x/session/v1/login-request", errno=290404), "no Snowflake account of that name", "account"),
        (OperationalError(msg="Could not connect to Snowflake backend after 2 attempt(s). login-request", errno=250001), "cannot be reached", "network"),
        (OperationalError(msg="Failed to execute request: connection reset", errno=250003), "broke off in the middle", "again"),
        (DatabaseError(msg="Connection is closed", errno=250002), "connection is closed", "anew"),
        (ProgrammingError(msg="SQL execution canceled", errno=604), "was cancelled", "Ask again"),
    ],
)  # fmt: skip
def test_each_failure_says_what_happened_and_what_to_do(error: Exception, words: str, hint: str) -> None:
    ours = warehouse_error(error)
    assert words in ours.message
    assert hint in ours.hint
    assert "Traceback" not in ours.message


def test_a_statement_timeout_is_a_timeout_of_ours_with_its_query() -> None:
    error = ProgrammingError(
        msg="Statement reached its statement or warehouse timeout of 2 second(s) and was canceled.",
        errno=630,
        sfqid="01b2",
    )
    ours = warehouse_error(error, timeout_seconds=2)
    assert isinstance(ours, QueryTimeoutError)
    assert "limit of 2 s" in ours.message
    assert ours.query_id == "01b2"


def test_an_unknown_refusal_keeps_the_servers_words_without_code_id_and_place() -> None:
    error = ProgrammingError(
        msg="SQL compilation error: error line 1 at position 7\ninvalid identifier 'NOPE'",
        errno=904,
        sqlstate="42000",
        sfqid="01b2aaaa-0000-0000-0000-000000000000",
    )
    assert warehouse_error(error).message == "invalid identifier 'NOPE'"
    assert is_stale(error)


def test_a_connection_that_fails_is_named() -> None:
    ours = open_error(OperationalError(msg="Could not connect to Snowflake backend", errno=250001), "'dev'")
    assert ours.message.startswith("'dev' cannot be opened. Snowflake cannot be reached.")
