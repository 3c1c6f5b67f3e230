"""dbt's manifest.json and schema.yml -> what they say of each stored table: descriptions and generic tests.

Tests are read under `tests` and `data_tests`, their arguments beside the test's name or under `arguments`. Left out: a
description that is still a Jinja expression, and tests with a `where`, which promise less.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sql_tools.errors import SemanticFileError
from sql_tools.semantic.read import file_text
from sql_tools.semantic.yaml_lines import YamlError, load
from sql_tools.semantic_authoring.draft import MAX_DESCRIPTION_CHARS
from sql_tools.untrusted import data

MAX_BYTES = 300_000_000
HINT = "Give dbt's target/manifest.json, or a schema.yml with models, sources or seeds."
RESOURCES = ("models", "seeds", "snapshots")
NODES = ("model", "seed", "snapshot", "source")
QUOTED = re.compile(r"""['"]([^'"]+)['"]""")


@dataclass
class DbtTest:
    """A generic test: on a column, or with `column` empty on its model."""

    name: str
    column: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class DbtModel:
    """What dbt says of one stored table."""

    name: str
    description: str = ""
    columns: dict[str, str] = field(default_factory=dict)  # name -> description
    tests: list[DbtTest] = field(default_factory=list)


def read_dbt(path: Path) -> tuple[DbtModel, ...]:
    """The models of a manifest.json or schema.yml; SemanticFileError if it is neither."""
    value = _json(path) if path.suffix.lower() == ".json" else _yaml(path)
    if not isinstance(value, dict):
        raise SemanticFileError(f"{path.name} is no dbt file.", HINT)
    found = tuple(_of_manifest(value)) if "nodes" in value else tuple(_of_schema(value))
    if not found:
        raise SemanticFileError(f"{path.name} holds no models, sources or seeds.", HINT)
    return found


def target(test: DbtTest) -> str:
    """The model that `ref('x')`, `ref('package', 'x')` or `source('s', 'x')` names."""
    quoted = QUOTED.findall(str(test.arguments.get("to", "")))
    return quoted[-1].casefold() if quoted else ""


def _json(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SemanticFileError(f"{path} is larger than {MAX_BYTES // 1_000_000} MB.", HINT)
        return json.loads(path.read_bytes())
    except OSError as error:
        raise SemanticFileError(f"Cannot read {path}: {error.strerror}.", HINT) from error
    except (ValueError, RecursionError) as error:
        raise SemanticFileError(f"{path.name} is no JSON: {str(error)[:100]}.", HINT) from error


def _yaml(path: Path) -> Any:
    try:
        return load(file_text(path)).value
    except YamlError as error:
        words = f"{path.name}, line {error.line}: {error.words}."
        raise SemanticFileError(words, "Jinja needs quotes around it in YAML: \"{{ doc('x') }}\".") from error


def _of_manifest(manifest: dict[str, Any]) -> Iterator[DbtModel]:
    nodes = {**_dict(manifest.get("nodes")), **_dict(manifest.get("sources"))}
    found: dict[str, DbtModel] = {}
    for key, node in nodes.items():
        if isinstance(node, dict) and node.get("resource_type") in NODES:
            name = str(node.get("alias") or node.get("identifier") or node.get("name") or "")
            columns = {str(n): _about(c) for n, c in _dict(node.get("columns")).items() if isinstance(c, dict)}
            found[key] = DbtModel(name, _about(node), columns)
    for node in nodes.values():
        if isinstance(node, dict) and node.get("resource_type") == "test":
            _add_test(node, nodes, found)
    yield from found.values()


def _add_test(node: dict[str, Any], nodes: dict[str, Any], found: dict[str, DbtModel]) -> None:
    about = _dict(node.get("test_metadata"))
    arguments = _arguments(_dict(about.get("kwargs")))
    owner = found.get(str(node.get("attached_node") or ""))
    if owner is None or not about or _dict(node.get("config")).get("where") or arguments.get("where"):
        return
    if "to" in arguments:  # a model may be stored under another name than ref() gives it
        called = target(DbtTest("", "", arguments))
        for key in _dict(node.get("depends_on")).get("nodes") or ():
            if str(_dict(nodes.get(key)).get("name")).casefold() == called and key in found:
                arguments = {**arguments, "to": f"ref('{found[key].name}')"}
    column = str(node.get("column_name") or arguments.get("column_name") or "")
    owner.tests.append(DbtTest(str(about.get("name", "")), column, arguments))


def _of_schema(schema: dict[str, Any]) -> Iterator[DbtModel]:
    listed = [one for kind in RESOURCES for one in _dicts(schema.get(kind))]
    listed += [table for source in _dicts(schema.get("sources")) for table in _dicts(source.get("tables"))]
    for one in listed:
        name = str(
            _dict(one.get("config")).get("alias") or one.get("alias") or one.get("identifier") or one.get("name") or ""
        )
        columns = _dicts(one.get("columns"))
        model = DbtModel(name, _about(one), {str(c.get("name", "")): _about(c) for c in columns})
        model.tests += _tests(one, "")
        for column in columns:
            model.tests += _tests(column, str(column.get("name", "")))
        yield model


def _tests(holder: dict[str, Any], column: str) -> Iterator[DbtTest]:
    """The tests of a column or model, in any of the ways dbt lets them be written."""
    for test in [*(holder.get("tests") or ()), *(holder.get("data_tests") or ())]:
        if isinstance(test, str):
            yield DbtTest(test, column)
        elif isinstance(test, dict) and test:
            named = str(test.get("test_name") or next(iter(test)))
            inner = test if "test_name" in test else _dict(test.get(named))
            arguments = _arguments(inner)
            if not (arguments.get("where") or _dict(inner.get("config")).get("where")):
                yield DbtTest(named, column, arguments)


def _arguments(inner: dict[str, Any]) -> dict[str, Any]:
    """Beside the test's name, or since dbt 1.10 under `arguments`."""
    return {**inner, **_dict(inner.get("arguments"))}


def _about(holder: dict[str, Any]) -> str:
    text = str(holder.get("description") or "")
    return "" if "{{" in text else data(" ".join(text.split()), MAX_DESCRIPTION_CHARS)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
