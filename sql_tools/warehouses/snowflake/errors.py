"""The Snowflake connector's and Snowpark's exceptions as ours, in words that say what to do.

Numbers are Snowflake's error codes; where one code means many things the text decides. What the server says is kept only
where it helps: its texts quote SQL, which quotes values. Source: the connector's `errorcode.py`, Snowflake's documentation.
"""

import re
from typing import NamedTuple

from sql_tools.errors import QueryTimeoutError, UnavailableError, WarehouseError


class Known(NamedTuple):
    """Words for one kind of error."""

    message: str
    hint: str


LOGIN_CODES = {
    390100: Known("Snowflake does not know this user or password.", "Check user and authenticator in connections.toml."),
    390101: Known("This Snowflake user is disabled or locked.", "Ask an administrator of the account."),
    390144: Known("Snowflake does not accept this private key.", "Register its public key: ALTER USER ... SET RSA_PUBLIC_KEY."),
    390189: Known("The connection's role does not exist, or is not granted to you.", "Name another `role` in connections.toml."),
    394304: Known("Snowflake does not accept this key pair.", "Check `user` and `private_key_file` in connections.toml, and that the user's RSA_PUBLIC_KEY is its other half."),
    390201: Known("The connection names a warehouse, database or schema that is not there or not granted.", "Check connections.toml."),
}  # fmt: skip
EXPIRED = Known("The Snowflake token has expired.", "Sign in again, or put a new token into connections.toml.")
EXPIRED_CODES = (390114, 390318, 390303, 390112, 390195, 394400, 394402)
CLOSED = Known("The Snowflake connection is closed.", "Open it again: start the command or the chat anew.")
UNREACHED = Known(
    "Snowflake cannot be reached.", "Check the network, and `account` in connections.toml (ORGANIZATION-ACCOUNT)."
)
CUT = Known("The connection to Snowflake broke off in the middle of a query.", "Check the network and ask again.")
NO_WORD = Known(
    "Snowflake did not answer within the query's limit, nor to being asked to stop it.",
    "Check the network and ask again.",
)
WRONG_ACCOUNT = Known("There is no Snowflake account of that name.", "Check `account` in connections.toml.")
STATEMENT_CODES = {
    606: Known("No Snowflake warehouse is running this.", "Name one that your role may use as `warehouse` in connections.toml; inside the account, ask an administrator for one."),
    2003: Known("An object does not exist, or your role may not read it.", "The sidebar of the chat, or `schema --refresh`, shows what it may read."),
    2043: Known("An object does not exist, or your role may not read it.", "The sidebar of the chat, or `schema --refresh`, shows what it may read."),
    3001: Known("Your role may not read that.", "Ask for SELECT on it, or use another role."),
    90073: Known("The Snowflake warehouse cannot start: its resource monitor's quota is used up.", "Ask an administrator, or use another `warehouse`."),
    90030: Known("Snowflake's catalog says that it would return too much.", "Read fewer schemas: ARCTIC_COPILOT_SNOWFLAKE_SCHEMAS."),
}  # fmt: skip
COMPILED = "Snowflake cannot compile it: a name, a type or a function's arguments in it do not fit the tables."
EXECUTED = (
    "Snowflake stopped it while it ran: a value did not fit its type or its function; TRY_CAST gives NULL instead."
)
UNAVAILABLE = (EXPIRED, CLOSED, UNREACHED, CUT, NO_WORD, WRONG_ACCOUNT, *LOGIN_CODES.values())
UNAVAILABLE_CODES = (606, 90073)
SUSPENDED_WORDS = "The Snowflake warehouse is suspended"
STALE_CODES = (904, 2003, 2043)
TIMEOUT_CODES = (630,)
CANCELLED_CODES = (604,)
NETWORK_CODES = (250001, 250003, 250005, 251011, 251012, 252003, 252010, 252013)
SUSPENDED = re.compile(r"warehouse.*\b(?:suspended|cannot be resumed)\b", re.IGNORECASE | re.DOTALL)
NAMED = re.compile(r"(?:Object|Table|Schema|Database|View) '([^']+)'")
PREFIX = re.compile(r"^(?:\d{6} )?(?:\(\w+\): )?(?:[0-9a-f-]{30,}: )?(?:SQL compilation error:\s*)?(?:error line \d+ at position \d+\s*)?", re.IGNORECASE)  # fmt: skip


def warehouse_error(error: Exception, *, timeout_seconds: float = 0.0) -> WarehouseError:
    """Any exception of the driver as ours, with the query's id."""
    code, text, query_id = code_of(error), _text(error), str(getattr(error, "sfqid", "") or "")
    if code in TIMEOUT_CODES or (code in CANCELLED_CODES and timeout_seconds):
        spent = f" of {timeout_seconds:g} s" if timeout_seconds else ""
        return QueryTimeoutError(
            f"The query ran past its limit{spent} and was stopped.", "Ask for less, or raise ARCTIC_COPILOT_TIMEOUT_SECONDS.", query_id=query_id
        )  # fmt: skip
    if code in CANCELLED_CODES:
        return WarehouseError("The query was cancelled.", "Ask again.", query_id=query_id)
    known = _known(code, text)
    if known is None:
        ours = WarehouseError(_plain(text), query_id=query_id)
        ours.without_values = COMPILED if "compilation error" in text.lower() else EXECUTED
        return ours
    if known in UNAVAILABLE or code in UNAVAILABLE_CODES or known.message.startswith(SUSPENDED_WORDS):
        return UnavailableError(known.message, known.hint, query_id=query_id)
    named = NAMED.search(text) if code in STALE_CODES else None
    message = f"{named.group(1)} does not exist, or your role may not read it." if named else known.message
    return WarehouseError(message, known.hint, query_id=query_id)


def open_error(error: Exception, name: str) -> WarehouseError:
    """Why no connection came about."""
    ours = warehouse_error(error)
    return WarehouseError(f"{name} cannot be opened. {ours.message}", ours.hint)


def code_of(error: Exception) -> int:
    """Snowflake's error number; -1 if there is none."""
    code = getattr(error, "errno", None)
    if code is None and (found := re.match(r"\((\d+)\)|(\d{6})\b", str(error))):
        code = int(found.group(1) or found.group(2))
    return code if isinstance(code, int) else -1


def is_stale(error: Exception) -> bool:
    """May a name that was there when the catalog was read be gone?"""
    return code_of(error) in STALE_CODES


def _known(code: int, text: str) -> Known | None:
    login = next((known for number, known in LOGIN_CODES.items() if code == number or str(number) in text), None)
    if code in EXPIRED_CODES or re.search(r"token.*(?:expired|no longer valid)|session no longer exists", text, re.I):
        return EXPIRED
    if login is not None:
        return login
    if code == 290404 or "404 Not Found" in text:
        return WRONG_ACCOUNT
    if "Incorrect username or password" in text:
        return LOGIN_CODES[390100]
    if SUSPENDED.search(text) and code not in STATEMENT_CODES:
        return Known("The Snowflake warehouse is suspended, or was while the query ran.", "ALTER WAREHOUSE ... RESUME, or name another `warehouse`.")  # fmt: skip
    if code == 250002 or "Connection is closed" in text:
        return CLOSED
    if code in NETWORK_CODES or 290000 < code < 291000:
        return UNREACHED if "login-request" in text or code == 250001 else CUT
    return STATEMENT_CODES.get(code)


def _text(error: Exception) -> str:
    return str(getattr(error, "raw_msg", None) or getattr(error, "msg", None) or error)


def _plain(text: str) -> str:
    """What the server says, without its code, the query's id and the place in SQL the user has not written."""
    words = PREFIX.sub("", text.strip()).strip().replace("\n", " ")
    return words or "Snowflake refused the query without a reason."
