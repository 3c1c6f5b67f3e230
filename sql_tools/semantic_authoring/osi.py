"""Open Semantic Interchange YAML -> the semantic model, as far as the two say the same.

Datasets become tables, fields dimensions or facts, metrics of one dataset that table's; of `ai_context` the synonyms, and
for the whole model the instructions. An expression is taken in Snowflake's dialect, else in ANSI SQL; one in neither is
left out and told. Source: OSI core specification, `core-spec/spec.md` of open-semantic-interchange/OSI.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlglot import exp

from sql_tools.errors import SemanticFileError
from sql_tools.semantic.bind import parsed
from sql_tools.semantic.model import (
    BaseTable,
    Dimension,
    Fact,
    Key,
    KeyColumns,
    LogicalTable,
    Metric,
    Relationship,
    SemanticModel,
)
from sql_tools.semantic.read import file_text
from sql_tools.semantic.yaml_lines import YamlError, load

HINT = "Give an OSI file: semantic_model: [{name, datasets, relationships, metrics}]."
DIALECTS = ("SNOWFLAKE", "ANSI_SQL")


class OsiPart(BaseModel):
    """What of the specification is read; the rest is let be."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class OsiDialect(OsiPart):
    dialect: str
    expression: str


class OsiExpression(OsiPart):
    dialects: tuple[OsiDialect, ...]

    @property
    def sql(self) -> str:
        """The expression in the first dialect that can be read here; empty if there is none."""
        by_name = {one.dialect.upper(): one.expression for one in self.dialects}
        return next((by_name[name] for name in DIALECTS if name in by_name), "")


class OsiNamed(OsiPart):
    name: str
    description: str = ""
    ai_context: Any = None

    @property
    def about(self) -> dict[str, Any]:
        """Name, description and synonyms, as our models take them."""
        given = self.ai_context.get("synonyms") if isinstance(self.ai_context, dict) else None
        synonyms = tuple(map(str, given)) if isinstance(given, list) else ()
        return {"name": self.name, "description": self.description, "synonyms": synonyms}


class OsiField(OsiNamed):
    expression: OsiExpression
    dimension: dict[str, Any] | None = None


class OsiMetric(OsiNamed):
    expression: OsiExpression


class OsiDataset(OsiNamed):
    source: str
    primary_key: tuple[str, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()
    fields_: tuple[OsiField, ...] = Field((), alias="fields")


class OsiRelationship(OsiPart):
    name: str
    left: str = Field(alias="from")
    to: str
    from_columns: tuple[str, ...]
    to_columns: tuple[str, ...]


class OsiModel(OsiNamed):
    datasets: tuple[OsiDataset, ...]
    relationships: tuple[OsiRelationship, ...] = ()
    metrics: tuple[OsiMetric, ...] = ()


def read_osi(path: Path) -> tuple[SemanticModel, tuple[str, ...]]:
    """The first model of the file, and the names of what no readable dialect expresses; SemanticFileError if it is none."""
    found = _model(path)
    tables = tuple(_table(dataset, found.metrics) for dataset in found.datasets)
    placed = {metric.name for table in tables for metric in table.metrics}
    parts: list[OsiField | OsiMetric] = [
        *found.metrics,
        *(one for dataset in found.datasets for one in dataset.fields_),
    ]
    about = found.ai_context
    instructions = about.get("instructions") if isinstance(about, dict) else about
    try:
        model = SemanticModel(
            name=found.name,
            description=found.description,
            tables=tables,
            relationships=tuple(map(_relationship, found.relationships)),
            metrics=tuple(_metric(m) for m in found.metrics if m.expression.sql and m.name not in placed),
            custom_instructions=str(instructions or ""),
        )
    except (ValidationError, ValueError) as error:
        raise SemanticFileError(f"{path.name} cannot be taken over: {_first(error)}.", HINT) from error
    return model, tuple(part.name for part in parts if not part.expression.sql)


def _model(path: Path) -> OsiModel:
    try:
        document = load(file_text(path))
    except YamlError as error:
        raise SemanticFileError(f"{path.name}, line {error.line}: {error.words}.", HINT) from error
    listed = document.value.get("semantic_model") if isinstance(document.value, dict) else None
    if not isinstance(listed, list) or not listed:
        raise SemanticFileError(f"{path.name} has no semantic_model.", HINT)
    try:
        return OsiModel.model_validate(listed[0])
    except ValidationError as error:
        line = document.line(("semantic_model", 0, *error.errors()[0]["loc"]))
        raise SemanticFileError(f"{path.name}, line {line}: {_first(error)}.", HINT) from error


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))} {first['msg'][:1].lower()}{first['msg'][1:]}"


def _table(dataset: OsiDataset, metrics: tuple[OsiMetric, ...]) -> LogicalTable:
    readable = [one for one in dataset.fields_ if one.expression.sql]
    times = [one for one in readable if (one.dimension or {}).get("is_time")]
    own = [m for m in metrics if m.expression.sql and set(_tables(m.expression.sql)) == {dataset.name.casefold()}]
    return LogicalTable(
        **dataset.about,
        base_table=_base(dataset.source),
        primary_key=Key(columns=dataset.primary_key) if dataset.primary_key else None,
        unique_keys=tuple(Key(columns=columns) for columns in dataset.unique_keys if columns),
        dimensions=tuple(_dimension(one) for one in readable if one.dimension is not None and one not in times),
        time_dimensions=tuple(map(_dimension, times)),
        facts=tuple(Fact(**one.about, expr=one.expression.sql) for one in readable if one.dimension is None),
        metrics=tuple(map(_metric, own)),
    )


def _base(source: str) -> BaseTable:
    """A dotted name as database, schema and table; anything longer is a query."""
    if " " in source.strip():
        return BaseTable(definition=source)
    parts = ["", "", *source.strip().split(".")]
    return BaseTable(database=parts[-3], schema_name=parts[-2], table=parts[-1])


def _dimension(one: OsiField) -> Dimension:
    return Dimension(**one.about, expr=one.expression.sql)


def _metric(one: OsiMetric) -> Metric:
    return Metric(**one.about, expr=one.expression.sql)


def _tables(sql: str) -> Iterator[str]:
    """The datasets that columns of the expression are of; empty text for a column that does not say."""
    tree = parsed(sql)
    yield from (column.table.casefold() for column in tree.find_all(exp.Column)) if tree is not None else ()


def _relationship(one: OsiRelationship) -> Relationship:
    pairs = zip(one.from_columns, one.to_columns, strict=True)
    return Relationship(
        name=one.name,
        left_table=one.left,
        right_table=one.to,
        relationship_columns=tuple(KeyColumns(left_column=a, right_column=b) for a, b in pairs),
    )
