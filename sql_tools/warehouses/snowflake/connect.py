"""A connection's name -> a Snowpark Session, by the connector's own rules for connections.toml.

Key pairs, browser sign-on, tokens: whatever the connection says is the connector's affair; nothing of it is read here.
"""

from typing import TYPE_CHECKING, Any, cast

from sql_tools.errors import SettingsError
from sql_tools.warehouses.snowflake.errors import open_error

if TYPE_CHECKING:
    from snowflake.snowpark import Session

LOGIN_SECONDS = 60  # the connector's own default retries a misspelt account for five minutes
WHERE = "Put it into ~/.snowflake/connections.toml; `snow connection add` does that."


def open_session(connection: str) -> "Session":
    """A Session for the connection of that name, or for the default one if the name is empty.

    SettingsError if there is no such connection, WarehouseError if it cannot be opened.
    """
    from snowflake.snowpark import Session

    name, options = _options(connection)
    options.setdefault("login_timeout", LOGIN_SECONDS)
    options.setdefault("application", "ArcticCopilot")
    try:
        session: Session = Session.builder.configs(options).create()
    except Exception as error:  # the connector's, urllib3's, cryptography's: all mean that there is no connection
        raise open_error(error, f"The Snowflake connection {name!r}") from error
    return session


def _options(connection: str) -> tuple[str, dict[str, Any]]:
    from snowflake.connector.config_manager import CONFIG_MANAGER

    try:
        name = connection or str(CONFIG_MANAGER["default_connection_name"])
        known = {str(key): dict(value) for key, value in cast(Any, CONFIG_MANAGER["connections"]).items()}
    except Exception as error:  # no file, a malformed one, one that cannot be read
        words = str(error).split("\n")[0]
        raise SettingsError(f"The Snowflake connections cannot be read: {words}", WHERE) from error
    if name not in known:
        there = f"there are {', '.join(sorted(known))}" if known else "there is none"
        raise SettingsError(f"There is no Snowflake connection {name!r}; {there}.", WHERE)
    return name, known[name]
