"""The key of a model's server: taken from the settings as it can be sent, and kept out of every text that is shown."""

from typing import Any

from pydantic import SecretStr

from sql_tools.errors import SettingsError
from sql_tools.settings import Settings

HIDDEN = "…"


def key_of(settings: Settings) -> str:
    """The key without the blanks that copying adds; SettingsError if it could not stand in a header."""
    key = settings.api_key.get_secret_value().strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsError(
            "ARCTIC_COPILOT_API_KEY holds what no key has: blanks or special characters.", "Copy it again."
        )
    return key


def without_key(text: str, key: Any) -> str:
    """The text with the key, a SecretStr, out of it; anything else that a client calls its key is let be.

    >>> without_key("Bearer abc-123 is unknown", SecretStr("abc-123"))
    'Bearer … is unknown'
    """
    secret = key.get_secret_value() if isinstance(key, SecretStr) else ""
    return text.replace(secret, HIDDEN) if secret else text
