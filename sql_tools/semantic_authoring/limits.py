"""What Snowflake wants or advises of a semantic file beyond what is needed here, as warnings.

Figures are those of Cortex Analyst's documentation: about 1 MB, 32,000 tokens, 50 to 100 columns, 10 tables.
"""

from collections.abc import Iterator

from sql_tools.query.identifiers import PLAIN
from sql_tools.semantic.model import Named, SemanticModel
from sql_tools.semantic.yaml_lines import Path as Place
from sql_tools.untrusted import is_instruction

MAX_BYTES = 1_000_000
MAX_TOKENS = 32_000
CHARS_A_TOKEN = 4
ADVISED_COLUMNS = 100
ADVISED_TABLES = 10
UNUSED = ("using_relationships", "non_additive_dimensions")
Said = tuple[Place, str]


def limits(model: SemanticModel, text: str) -> Iterator[Said]:
    """What Snowflake wants or advises beyond what is needed here."""
    columns = sum(len(list(table.row_level)) for table in model.tables)
    size, tokens = len(text.encode()), len(text) // CHARS_A_TOKEN
    if size > MAX_BYTES:
        yield (), f"has {size:,} bytes; Cortex Analyst takes about {MAX_BYTES:,}"
    if tokens > MAX_TOKENS:
        yield (), f"has about {tokens:,} tokens; Cortex Analyst takes about {MAX_TOKENS:,}"
    if columns > ADVISED_COLUMNS:
        yield (), f"has {columns} columns; Snowflake advises 50 to {ADVISED_COLUMNS} in one model"
    if len(model.tables) > ADVISED_TABLES:
        yield (), f"has {len(model.tables)} tables; Snowflake advises at most {ADVISED_TABLES} in one model"
    for n, table in enumerate(model.tables):
        base, place = table.base_table, ("tables", n)
        if base.table and not (base.database and base.schema_name):
            yield (*place, "base_table"), "has no database or schema, which Snowflake needs"
        if not PLAIN.match(table.name):
            yield (*place, "name"), f"{table.name!r} needs quotes on Snowflake: use letters, digits and underscores"
    yield from _of_each(model)
    yield from _of_right_keys(model)


def _of_each(model: SemanticModel) -> Iterator[Said]:
    for place, one in all_named(model):
        if not PLAIN.match(one.name):
            yield (*place, "name"), f"{one.name!r} needs quotes on Snowflake: use letters, digits and underscores"
        if getattr(one, "data_type", None) == "" and place[2:3] != ("metrics",) and place[0] != "metrics":
            yield place, "has no data_type, which Snowflake wants"
        if is_instruction(one.description) or any(map(is_instruction, one.synonyms)):
            yield place, "its description or a synonym reads like an instruction to a model, so no model is shown it"
        for unused in UNUSED:
            if getattr(one, unused, ()):
                yield (*place, unused), "is kept for Snowflake, and has no effect here"


def _of_right_keys(model: SemanticModel) -> Iterator[Said]:
    by_name = {table.name.casefold(): table for table in model.tables}
    for n, relationship in enumerate(model.relationships):
        table = by_name[relationship.right_table.casefold()]
        keys = [key for key in (table.primary_key, *table.unique_keys) if key]
        columns = {pair.right_column.casefold() for pair in relationship.relationship_columns if not pair.type}
        if columns and not any({c.casefold() for c in key.columns} == columns for key in keys):
            words = f"{table.name} names {', '.join(sorted(columns))} neither as primary_key nor in unique_keys, as Snowflake wants"
            yield ("relationships", n), words


def all_named(model: SemanticModel) -> Iterator[tuple[Place, Named]]:
    """Each dimension, fact, filter and metric, and where it is."""
    for n, table in enumerate(model.tables):
        for kind in ("dimensions", "time_dimensions", "facts", "filters", "metrics"):
            yield from ((("tables", n, kind, m), one) for m, one in enumerate(getattr(table, kind)))
    yield from ((("metrics", n), metric) for n, metric in enumerate(model.metrics))
