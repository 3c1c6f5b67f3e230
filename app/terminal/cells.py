"""Text and values of others as a terminal may show them: never markup, never control characters."""

from decimal import Decimal
from typing import Any

from rich.text import Text

MAX_CHARS = 200


def safe(text: str) -> str:
    """The text without what could drive a terminal: control and format characters become a replacement character.

    >>> safe("a\\x1b[31mb")
    'a\\ufffd[31mb'
    """
    return "".join(char if char.isprintable() else " " if char.isspace() else "\ufffd" for char in text)


def clean(text: str) -> str:
    """The text as valid Unicode: bytes of a command line that are not, become question marks.

    >>> clean("caf\udcff")
    'caf?'
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def shown(text: object, *, max_chars: int = MAX_CHARS) -> str:
    """One safe line of at most `max_chars`.

    >>> shown("one\\n two", max_chars=6)
    'one t…'
    """
    line = safe(" ".join(str(text)[: 4 * max_chars].split()))
    return line if len(line) <= max_chars else line[: max_chars - 1] + "…"


def cell(value: Any) -> Text:
    """One value of a result; what is not there is dim, numbers keep every digit."""
    if value is None:
        return Text("null", style="dim")
    if isinstance(value, bytes | bytearray | memoryview):
        return Text(shown(bytes(value).hex()))
    return Text(shown(value))


def is_number(value: Any) -> bool:
    """Does it belong right-aligned?"""
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))
