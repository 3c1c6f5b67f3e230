"""YAML text -> plain values and the line of each, so that whatever is wrong with a value can be pointed at.

PyYAML's nodes know their lines; its loader would lose them, take the second of two equal keys, and read `no` as false.
Here true and false alone are truth values, dates stay text, equal keys and references (`*x`) are errors.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Path = tuple[str | int, ...]

MAX_VALUES = 200_000
WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
INTEGER = re.compile(r"[-+]?\d+\Z")
NUMBER = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?\Z")


class YamlError(Exception):
    """What is wrong, and in which line, counted from 1."""

    def __init__(self, words: str, line: int) -> None:
        super().__init__(words)
        self.words, self.line = words, line


@dataclass
class Document:
    """The values, and the line on which each begins, by its path."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    empty: list[Path] = field(default_factory=list)  # fields without a value, which are left out of it

    def line(self, path: Path) -> int:
        """Of the value, or of what holds it where it is missing."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def load(text: str) -> Document:
    """The one document in the text; YamlError if it is no YAML, or none that can be read safely."""
    document = Document()
    try:
        node = yaml.compose(text, Loader=_loader())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = " ".join(filter(None, (error.problem, error.context))) or "bad syntax"
        raise YamlError(f"this is no valid YAML: {words}", mark.line + 1 if mark else 1) from error
    except yaml.YAMLError as error:
        raise YamlError(f"this is no valid YAML: {' '.join(str(error).split())[:120]}", 1) from error
    except RecursionError as error:
        raise YamlError("this is nested too deeply", 1) from error
    document.value = _value(node, (), document, set()) if node is not None else None
    return document


def _loader() -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _value(node: Node, path: Path, document: Document, seen: set[int]) -> Any:
    line = node.start_mark.line + 1
    if id(node) in seen:
        raise YamlError("references (*name) are not read: write it out", line)
    if len(document.lines) > MAX_VALUES:
        raise YamlError(f"more than {MAX_VALUES:,} values", line)
    seen.add(id(node))
    document.lines[path] = line
    if isinstance(node, MappingNode):
        return _mapping(node, path, document, seen)
    if isinstance(node, SequenceNode):
        return [_value(item, (*path, n), document, seen) for n, item in enumerate(node.value)]
    return _scalar(node)


def _mapping(node: MappingNode, path: Path, document: Document, seen: set[int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode):
            raise YamlError("a field's name must be plain text", line)
        if key.value in found:
            raise YamlError(f"the field {key.value!r} is there twice: keep one", line)
        found[key.value] = None
        inner = _value(value, (*path, key.value), document, seen)
        document.lines[(*path, key.value)] = line
        found[key.value] = inner
    document.empty += [(*path, name) for name, value in found.items() if value is None]
    return {name: value for name, value in found.items() if value is not None}


def _scalar(node: Node) -> Any:
    text = str(node.value)
    if not isinstance(node, ScalarNode) or node.style in ("'", '"', "|", ">"):
        return text
    if text.casefold() in WORDS:
        return WORDS[text.casefold()]
    if INTEGER.match(text) and len(text) < 19:
        return int(text)
    return float(text) if NUMBER.match(text) and not INTEGER.match(text) else text
