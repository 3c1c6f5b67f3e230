"""A strict grammar written as Snowflake's documentation writes syntax.

`[x]` may be left out; `{a | b}` is one of them; `~{a | b}` any of them, each at most once, in any order; `<what:kind>` is a
value kept under `what`; `!what` keeps that it was here; `{x},...` is one or more between commas. Every other word and sign stands for itself. What a statement
adds to this, or leaves out, or writes in another order, is a syntax error at the first token that does not fit.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from fake_server.errors import syntax_error
from fake_server.lexer import Token, tokens

SPEC = re.compile(r"<(\w+):(\w+)>|!\w+|~\{|,\.\.\.|=>|[\[\]{}|]|\w+\$?\w*|[^\s\w]")
Found = tuple[int, dict[str, Any]]


@dataclass
class Reader:
    """A statement being matched; remembers how far any alternative came."""

    sql: str
    tokens: tuple[Token, ...]
    furthest: int = 0

    def at(self, index: int) -> Token | None:
        self.furthest = max(self.furthest, index)
        return self.tokens[index] if index < len(self.tokens) else None


@dataclass(frozen=True)
class Node:
    """One piece of the grammar. `kind`: word, value, flag, seq, optional, one, any, list."""

    kind: str
    text: str = ""
    type: str = ""
    parts: tuple["Node", ...] = field(default=())


def parse(spec: str, sql: str) -> dict[str, Any]:
    """What the statement says for each `<what:kind>` of `spec`; SnowflakeError if it is not written so."""
    reader = Reader(sql, tokens(sql))
    for index, found in match(compiled(spec), reader, 0, {}):
        if index == len(reader.tokens):
            return found
        reader.furthest = max(reader.furthest, index)
    wrong = reader.tokens[reader.furthest] if reader.furthest < len(reader.tokens) else None
    raise syntax_error(sql, wrong.start if wrong else len(sql), wrong.text if wrong else "<EOF>")


@cache
def compiled(spec: str) -> Node:
    pieces = [m for m in SPEC.finditer(spec)]
    node, rest = _sequence(pieces, 0, "")
    if rest != len(pieces):
        raise ValueError(f"unbalanced grammar: {spec}")
    return node


def match(node: Node, reader: Reader, index: int, found: dict[str, Any]) -> Iterator[Found]:
    """Every way the node fits at `index`."""
    if node.kind == "word":
        token = reader.at(index)
        if token and token.kind in ("word", "punct") and token.value == node.text:
            yield index + 1, found
    elif node.kind == "value":
        for end, value in _values(node.type, reader, index):
            yield end, {**found, node.text: value}
    elif node.kind == "flag":
        yield index, {**found, node.text: True}
    elif node.kind == "seq":
        yield from _match_sequence(node.parts, reader, index, found)
    elif node.kind == "optional":
        yield from match(node.parts[0], reader, index, found)
        yield index, found
    elif node.kind == "one":
        for part in node.parts:
            yield from match(part, reader, index, found)
    elif node.kind == "any":
        yield from _match_any(node.parts, reader, index, found)
    else:
        yield from _match_list(node.parts[0], reader, index, found, ())


def _match_sequence(parts: tuple[Node, ...], reader: Reader, index: int, found: dict[str, Any]) -> Iterator[Found]:
    if not parts:
        yield index, found
        return
    for end, more in match(parts[0], reader, index, found):
        yield from _match_sequence(parts[1:], reader, end, more)


def _match_any(parts: tuple[Node, ...], reader: Reader, index: int, found: dict[str, Any]) -> Iterator[Found]:
    for i, part in enumerate(parts):
        for end, more in match(part, reader, index, found):
            yield from _match_any(parts[:i] + parts[i + 1 :], reader, end, more)
    yield index, found


def _match_list(
    part: Node, reader: Reader, index: int, found: dict[str, Any], items: tuple[dict[str, Any], ...]
) -> Iterator[Found]:
    for end, item in match(part, reader, index, {}):
        token = reader.at(end)
        if token and token.text == ",":
            yield from _match_list(part, reader, end + 1, found, (*items, item))
        yield end, {**found, "items": (*items, item)}


def _values(kind: str, reader: Reader, index: int) -> Iterator[tuple[int, Any]]:
    token = reader.at(index)
    if token is None:
        return
    if kind == "rest":
        yield len(reader.tokens), reader.sql[token.start :].rstrip().rstrip(";")
    elif kind == "name":
        yield from _names(reader, index)
    elif kind == "scalarpath" and token.kind in ("string", "stage"):
        yield index + 1, token.value
    elif kind == "fileurl":
        yield from _file_url(reader, index)
    elif kind == "stageref" and (
        token.kind == "stage" or (token.kind == "string" and token.value.startswith(("@", "snow://")))
    ):
        yield index + 1, token.value
    elif kind == "until_as":
        yield from _until_as(reader, index)
    elif kind == "parens" and token.text == "(":
        end = _closing(reader, index)
        if end:
            yield end + 1, reader.sql[token.start + 1 : reader.tokens[end].start]
    elif kind == "type" and token.kind == "word":
        following = reader.at(index + 1)
        if following and following.text == "(" and (end := _closing(reader, index + 1)):
            yield end + 1, reader.sql[token.start : reader.tokens[end].end].upper()
        yield index + 1, token.value
    elif (value := _single(kind, token)) is not None:
        yield index + 1, value


def _single(kind: str, token: Token) -> Any:
    if kind == "ident" and token.kind in ("word", "quoted"):
        return token.value
    if kind == "word" and token.kind == "word":
        return token.value
    if kind == "string" and token.kind == "string":
        return token.value
    if kind == "text" and token.kind in ("string", "dollar"):
        return token.value
    if kind == "int" and token.kind == "number" and token.text.isdigit():
        return int(token.text)
    if kind == "number" and token.kind == "number":
        return float(token.text)
    if kind == "bool" and token.value in ("TRUE", "FALSE") and token.kind == "word":
        return token.value == "TRUE"
    if kind == "stage" and token.kind == "stage":
        return token.value
    if kind == "scalar" and token.kind in ("word", "string", "number", "quoted"):
        return token.value
    return None


def _names(reader: Reader, index: int) -> Iterator[tuple[int, tuple[str, ...]]]:
    parts: list[str] = []
    found = []
    while (token := reader.at(index)) and token.kind in ("word", "quoted"):
        parts.append(token.value)
        index += 1
        found.append((index, tuple(parts)))
        dot = reader.at(index)
        if not (dot and dot.text == "."):
            break
        index += 1
    yield from reversed(found)


def _file_url(reader: Reader, index: int) -> Iterator[tuple[int, str]]:
    """'file:///a b', or file:///a without quotes, which the lexer takes apart (and `//` for a comment)."""
    token = reader.tokens[index]
    if token.kind == "string" and token.value.startswith("file://"):
        yield index + 1, token.value
    elif token.value == "FILE" and reader.sql.startswith("://", token.end):
        end = re.compile(r"\s|$").search(reader.sql, token.start).start()  # type: ignore[union-attr]
        reader.tokens = reader.tokens[:index] + tokens(" " * end + reader.sql[end:])
        yield index, reader.sql[token.start : end]


def _until_as(reader: Reader, index: int) -> Iterator[tuple[int, str]]:
    for i in range(index + 1, len(reader.tokens)):
        if reader.tokens[i].value == "AS" and reader.tokens[i].kind == "word":
            yield i, reader.sql[reader.tokens[index].start : reader.tokens[i].start].strip()


def _closing(reader: Reader, index: int) -> int | None:
    depth = 0
    for i in range(index, len(reader.tokens)):
        depth += {"(": 1, ")": -1}.get(reader.tokens[i].text, 0)
        if depth == 0:
            return i
    return None


def _sequence(pieces: list[re.Match[str]], index: int, until: str) -> tuple[Node, int]:
    parts: list[Node] = []
    while index < len(pieces) and pieces[index].group() not in ("]", "}", "|"):
        node, index = _piece(pieces, index)
        if index < len(pieces) and pieces[index].group() == ",...":
            node, index = Node("list", parts=(node,)), index + 1
        parts.append(node)
    return (parts[0] if len(parts) == 1 else Node("seq", parts=tuple(parts))), index


def _piece(pieces: list[re.Match[str]], index: int) -> tuple[Node, int]:
    text = pieces[index].group()
    if text == "[":
        node, index = _sequence(pieces, index + 1, "]")
        return Node("optional", parts=(node,)), index + 1
    if text in ("{", "~{"):
        choices = []
        while pieces[index].group() != "}":
            node, index = _sequence(pieces, index + 1, "}")
            choices.append(node)
        return Node("one" if text == "{" else "any", parts=tuple(choices)), index + 1
    if text.startswith("!") and len(text) > 1:
        return Node("flag", text=text[1:]), index + 1
    if pieces[index][1]:
        return Node("value", text=pieces[index][1], type=pieces[index][2]), index + 1
    return Node("word", text=text.upper()), index + 1
