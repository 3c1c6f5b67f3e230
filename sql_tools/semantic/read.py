"""The semantic file -> `SemanticModel`, or every problem with its line, its place in the document, and what to do."""

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sql_tools.errors import SemanticFileError
from sql_tools.semantic import model
from sql_tools.semantic.model import LogicalTable, SemanticModel
from sql_tools.semantic.yaml_lines import Document, YamlError, load
from sql_tools.semantic.yaml_lines import Path as Place

MAX_BYTES = 4_000_000
MAX_PROBLEMS = 8
HINT = "Fix the file; docs/semantic.md has an example, `arctic-copilot semantic init` drafts one."
RENAMED = {"measures": "facts", "schema_name": "schema", "comment": "description", "expression": "expr"}
MISSING = {
    "base_table": "name the stored table: base_table: {database: ..., schema: ..., table: ...}",
    "expr": "give its SQL, such as a column's name",
    "name": "give it a name",
    "tables": "list at least one table",
}
Words = tuple[Place, str]


def read_file(path: Path) -> SemanticModel:
    """The file's model. SemanticFileError names file, line and place of each problem."""
    return read_text(file_text(path), source=path.name)


def file_text(path: Path) -> str:
    """What the file holds; SemanticFileError if it cannot be read, is too large, or no UTF-8."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SemanticFileError(f"Cannot read the semantic file {path}: {error.strerror}.", HINT) from error
    if len(raw) > MAX_BYTES:
        raise SemanticFileError(f"{path} is larger than {MAX_BYTES // 1_000_000} MB.", "Split it by subject.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SemanticFileError(f"{path} is not UTF-8 text (byte {error.start}).", "Save it as UTF-8.") from error


def read_text(text: str, *, source: str) -> SemanticModel:
    """The same of a text; `source` is what messages call it."""
    return read_document(text, source=source)[0]


def read_document(text: str, *, source: str) -> tuple[SemanticModel, Document]:
    """The model, and the line of each thing in it."""
    try:
        document = load(text)
    except YamlError as error:
        raise SemanticFileError(f"{source}, line {error.line}: {error.words}.", HINT) from error
    if not isinstance(document.value, dict):
        raise SemanticFileError(f"{source} holds no fields: it should begin with `name:` and `tables:`.", HINT)
    try:
        found = SemanticModel.model_validate(document.value)
    except ValidationError as error:
        raise _refused(source, document, [_words(e) for e in error.errors()]) from error
    if problems := [*_unknown(document), *_inconsistent(found)]:
        raise _refused(source, document, problems)
    return found, document


def _refused(source: str, document: Document, problems: list[Words]) -> SemanticFileError:
    in_order = sorted(problems, key=lambda problem: document.line(problem[0]))
    lines = [
        f"line {document.line(place)}, {shown(place, document.value) or 'the document'} {words}"
        for place, words in in_order[:MAX_PROBLEMS]
    ]
    more = f" And {len(problems) - MAX_PROBLEMS} more." if len(problems) > MAX_PROBLEMS else ""
    return SemanticFileError(f"{source}: {'; '.join(lines)}.{more}", HINT)


def shown(place: Place, value: Any) -> str:
    """A place in words: `tables.sales.metrics.revenue.expr`, or `[2]` for what has no name."""
    parts = []
    for step in place:
        value = value[step] if isinstance(value, list) and isinstance(step, int) and step < len(value) else (
            value.get(step) if isinstance(value, dict) else None
        )  # fmt: skip
        name = value.get("name") if isinstance(step, int) and isinstance(value, dict) else None
        parts.append(str(name) if name else f"[{step + 1}]" if isinstance(step, int) else str(step))
    return ".".join(parts)


def _words(error: Any) -> Words:
    """One of pydantic's complaints in our words."""
    place, kind = tuple(error["loc"]), error["type"]
    field = str(place[-1]) if place else ""
    if kind == "missing":
        return place, f"is missing: {MISSING.get(field, 'add it')}"
    if kind == "extra_forbidden":
        return place, f"is no field of a semantic file{_meant(field)}"
    if kind in ("string_type", "bool_type", "bool_parsing", "int_type"):
        wanted = "true or false" if kind.startswith("bool") else "text: put it in quotes"
        return place, f"should be {wanted}, not {error['input']!r:.60}"
    if kind in ("tuple_type", "list_type"):
        return place, "should be a list: begin each item with `- `"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return place, f"should have fields of its own, not {error['input']!r:.60}"
    if kind in ("string_too_short", "too_short"):
        return place, "is empty: fill it in or leave it out"
    return place, str(error["msg"])[:1].lower() + str(error["msg"])[1:]


def _unknown(document: Document) -> Iterator[Words]:
    """Fields without a value are left out, but have to be fields."""
    for place in document.empty:
        if place[0] != "variables" and place[-1] not in _names():
            yield place, f"is no field of a semantic file{_meant(str(place[-1]))}"


def _names() -> set[str]:
    """Every field that any part of the document may have."""
    fields = {name for kind in vars(model).values() for name in getattr(kind, "model_fields", {})}
    return fields - {"schema_name"} | {"schema"}


def _meant(field: str) -> str:
    if field in RENAMED:
        return f": it is called {RENAMED[field]}"
    if " " in field:
        return ": a text with a comma or colon in it needs quotes around it"
    close = difflib.get_close_matches(field, sorted(_names()), n=1)
    return f": did you mean {close[0]}?" if close else ": take it out"


def _inconsistent(found: SemanticModel) -> Iterator[Words]:
    """What each field may say, but not all together."""
    yield from _twice((("tables",), table.name) for table in found.tables)
    yield from _twice((("relationships",), r.name) for r in found.relationships)
    yield from _twice((("verified_queries",), q.question) for q in found.verified_queries)
    names = {table.name.casefold() for table in found.tables}
    for n, table in enumerate(found.tables):
        yield from _of_table(table, ("tables", n))
    for n, relationship in enumerate(found.relationships):
        for side in ("left_table", "right_table"):
            if (name := getattr(relationship, side)).casefold() not in names:
                yield ("relationships", n, side), f"there is no table {name!r} in this file; there are {_list(found)}"


def _of_table(table: LogicalTable, place: Place) -> Iterator[Words]:
    base = table.base_table
    if bool(base.table) == bool(base.definition):
        yield (*place, "base_table"), "should have either `table` (with database and schema) or `definition`"
    named = [*table.row_level, *table.metrics, *table.filters]
    yield from _twice((place, one.name) for one in named)
    for keys, columns in (
        (("primary_key",), table.primary_key),
        *((("unique_keys", n), k) for n, k in enumerate(table.unique_keys)),
    ):
        yield from _twice(((*place, *keys), name) for name in (columns.columns if columns else ()))


def _twice(named: Iterable[tuple[Place, str]]) -> Iterator[Words]:
    counts = Counter((place, name.casefold()) for place, name in named)
    for (place, name), count in counts.items():
        if count > 1:
            yield place, f"the name {name!r} is there {count} times: give each its own"


def _list(found: SemanticModel) -> str:
    return ", ".join(table.name for table in found.tables[:12])
