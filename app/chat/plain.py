"""Text of others, shown as it is: questions, names and messages are never read as Markdown, LaTeX or icons."""

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!$:|<>~&=\"'^@/])")


def plain(text: str) -> str:
    """Markdown that shows exactly `text`, line breaks included."""
    lines = [_SPECIAL.sub(r"\\\1", line.strip()) for line in text.splitlines()]
    return "  \n".join(lines)
