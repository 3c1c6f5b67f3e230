"""Snowflake's semantic YAML as frozen models, field for field; what the document may hold, and nothing else.

Source: Snowflake's YAML specification for semantic views. Fields that only Cortex Analyst uses are kept, so that a file
read here and written again loses nothing.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from sql_tools.models import Record

Access = Literal["public_access", "private_access"]
MORE_TYPES = (int, float, bool)


def _text(value: Any) -> Any:
    """Sample values may be written as numbers; they are kept as text."""
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, MORE_TYPES) else value


Sample = Annotated[str, BeforeValidator(_text)]
Filled = Annotated[str, Field(min_length=1)]


class Named(Record):
    """What has a name, other names for it, and a description."""

    name: Filled
    synonyms: tuple[Filled, ...] = ()
    description: str = ""


class SearchService(Record):
    """A Cortex Search service on a dimension's values; not used here."""

    model_config = ConfigDict(populate_by_name=True)

    service: str
    literal_column: str = ""
    database: str = ""
    schema_name: str = Field("", alias="schema")


class Dimension(Named):
    """A dimension or time dimension: a column, or an expression over columns of its table."""

    expr: Filled
    data_type: str = ""
    unique: bool = False
    is_enum: bool = False
    sample_values: tuple[Sample, ...] = ()
    labels: tuple[str, ...] = ()
    cortex_search_service: SearchService | None = None
    cortex_search_service_name: str = ""
    access_modifier: Access = "public_access"


class Fact(Named):
    """A number of each row: a column, or an expression over columns of its table."""

    expr: Filled
    data_type: str = ""
    default_aggregation: str = ""
    sample_values: tuple[Sample, ...] = ()
    labels: tuple[str, ...] = ()
    access_modifier: Access = "public_access"


class Metric(Named):
    """An aggregate; one at the top of the document may speak of several tables' metrics as `table.metric`."""

    expr: Filled
    data_type: str = ""
    using_relationships: tuple[str, ...] = ()
    non_additive_dimensions: tuple[dict[str, Any], ...] = ()
    access_modifier: Access = "public_access"


class Filter(Named):
    """A condition that has a name."""

    expr: Filled


class BaseTable(Record):
    """The stored table behind a logical one, or the query (`definition`) that stands for it."""

    model_config = ConfigDict(populate_by_name=True)

    database: str = ""
    schema_name: str = Field("", alias="schema")
    table: str = ""
    definition: str = ""


class Key(Record):
    """Columns that no two rows share."""

    columns: Annotated[tuple[Filled, ...], Field(min_length=1)]


class LogicalTable(Named):
    """A table as people speak of it."""

    base_table: BaseTable
    primary_key: Key | None = None
    unique_keys: tuple[Key, ...] = ()
    dimensions: tuple[Dimension, ...] = ()
    time_dimensions: tuple[Dimension, ...] = ()
    facts: tuple[Fact, ...] = ()
    metrics: tuple[Metric, ...] = ()
    filters: tuple[Filter, ...] = ()

    @property
    def row_level(self) -> Iterator[Dimension | Fact]:
        """What each row has: dimensions, time dimensions, facts, in this order."""
        yield from self.dimensions
        yield from self.time_dimensions
        yield from self.facts


class KeyColumns(Record):
    """Two columns a relationship equates, unless `type` says they are compared otherwise."""

    left_column: Filled
    right_column: Filled
    type: Literal["", "asof", "range"] = ""


class Relationship(Record):
    """Each row of the left table belongs to one of the right. The types are left over from older files."""

    name: Filled
    left_table: Filled
    right_table: Filled
    relationship_columns: Annotated[tuple[KeyColumns, ...], Field(min_length=1)]
    join_type: str = ""
    relationship_type: str = ""


class VerifiedQuery(Record):
    """A question and the SQL that a person vouches for. `verified_at` is in seconds since 1970 (UTC), or a date."""

    name: str = ""
    question: Filled
    sql: Filled
    verified_at: int | str | None = None
    verified_by: str = ""
    use_as_onboarding_question: bool = False
    semantic_model_name: str = ""


class ModuleInstructions(Record):
    """The owner's instructions by what they are for."""

    sql_generation: str = ""
    question_categorization: str = ""


class SemanticModel(Record):
    """The whole document."""

    name: Filled
    description: str = ""
    comments: str = ""
    tables: Annotated[tuple[LogicalTable, ...], Field(min_length=1)]
    relationships: tuple[Relationship, ...] = ()
    metrics: tuple[Metric, ...] = ()
    verified_queries: tuple[VerifiedQuery, ...] = ()
    custom_instructions: str = ""
    module_custom_instructions: ModuleInstructions | None = None
    variables: Any = None
