"""Semantic model -> YAML that Snowflake takes as well: fields in the order of its documentation, nothing that says nothing."""

from typing import Any

import yaml

from sql_tools.semantic.model import SemanticModel

WIDTH = 110


class _Writer(yaml.SafeDumper):
    """Texts of several lines as blocks, so that SQL can be read."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(writer: yaml.SafeDumper, text: str) -> Any:
    style = "|" if "\n" in text else None
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _text)


def yaml_text(model: SemanticModel, *, heading: str = "") -> str:
    """The document; each line of `heading` before it as a comment."""
    fields = model.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude_none=True)
    body = yaml.dump(fields, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=WIDTH)
    return "".join(f"# {line}\n" for line in heading.splitlines()) + body
