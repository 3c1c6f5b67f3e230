"""SQL text -> tokens, as Snowflake reads it: '' and backslashes in text, $$ text, "quoted names", @stages, comments."""

import re
from dataclasses import dataclass

from fake_server.errors import SnowflakeError, syntax_error

TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|//[^\n]*|/\*.*?\*/)
    |(?P<dollar>\$\$.*?\$\$)
    |(?P<string>'(?:[^'\\]|\\.|'')*')
    |(?P<quoted>"(?:[^"]|"")+")
    |(?P<stage>@(?:"[^"]*"|[^\s;,()'"])+)
    |(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<word>[^\W\d][\w$]*)
    |(?P<punct>=>|->|::|<=|>=|<>|!=|\|\||[^\s])""",
    re.VERBOSE | re.DOTALL,
)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f"}


@dataclass(frozen=True)
class Token:
    """`text` as written, `value` as meant: unquoted words in upper case, text without its quotes."""

    kind: str
    text: str
    value: str
    start: int
    end: int


def tokens(sql: str) -> tuple[Token, ...]:
    """The statement's tokens, without spaces and comments; SnowflakeError where a quote is left open."""
    found = []
    for match in TOKEN.finditer(sql):
        kind, text = str(match.lastgroup), match.group()
        if kind == "space":
            continue
        if kind == "punct" and text in "'\"":
            raise syntax_error(sql, match.start(), text)
        found.append(Token(kind, text, _value(kind, text), match.start(), match.end()))
    while found and found[-1].text == ";":
        found.pop()
    return tuple(found)


def statements(sql: str) -> list[str]:
    """The text of each statement of a script."""
    parts, start = [], 0
    for match in TOKEN.finditer(sql):
        if match.lastgroup == "punct" and match.group() == ";":
            parts.append(sql[start : match.start()])
            start = match.end()
    parts.append(sql[start:])
    return [part.strip() for part in parts if has_tokens(part)]


def has_tokens(sql: str) -> bool:
    try:
        return bool(tokens(sql))
    except SnowflakeError:
        return True


def quote(name: str) -> str:
    """The name as Snowflake would write it: quoted only if it has to be."""
    return name if re.fullmatch(r"[A-Z_][A-Z0-9_$]*", name) else '"' + name.replace('"', '""') + '"'


def path(*names: str) -> str:
    return ".".join(quote(name) for name in names)


def _value(kind: str, text: str) -> str:
    if kind == "word":
        return text.upper()
    if kind == "quoted":
        return text[1:-1].replace('""', '"')
    if kind == "dollar":
        return text[2:-2]
    if kind == "string":
        return re.sub(r"\\(.)|''", lambda m: ESCAPES.get(m[1], m[1]) if m[1] else "'", text[1:-1], flags=re.DOTALL)
    return text
