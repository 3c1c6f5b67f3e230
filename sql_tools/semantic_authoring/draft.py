"""Tables -> a first semantic file: what can be read off names, types, keys and comments, for a person to go on with.

Synonyms, metrics and verified queries are not made up: nobody but the owner knows them. Stored values are written down
only where there are few, whole, and then all of them.
"""

import re
from collections.abc import Iterable, Iterator

from sqlglot import exp
from sqlglot.errors import SqlglotError

from sql_tools.models import Column, ForeignKey, Table
from sql_tools.query.identifiers import PLAIN, quote
from sql_tools.semantic.model import (
    BaseTable,
    Dimension,
    Fact,
    Key,
    KeyColumns,
    LogicalTable,
    Relationship,
    SemanticModel,
)
from sql_tools.untrusted import data, is_instruction, is_safe_name

MAX_SAMPLES = 10
MAX_SAMPLE_CHARS = 60
MAX_DESCRIPTION_CHARS = 400
KEY_NAME = re.compile(r"(?:^|_|(?<=[a-z]))(?:id|key|code|number|no|zip|year)$", re.IGNORECASE)
SNOWFLAKE_TYPES = {
    "HUGEINT": "NUMBER(38, 0)",
    "UHUGEINT": "NUMBER(38, 0)",
    "UBIGINT": "NUMBER(38, 0)",
    "TIMESTAMP": "TIMESTAMP_NTZ",
    "DATETIME": "TIMESTAMP_NTZ",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ",
    "JSON": "VARIANT",
    "UUID": "VARCHAR",
    "BLOB": "BINARY",
}
HEADING = """Drafted by `arctic-copilot semantic init` from the schema of {name}.
Go on with what only you know: synonyms, metrics, filters, verified queries, custom_instructions (docs/semantic.md).
`arctic-copilot semantic check` says whether it holds; Snowflake takes the same file."""


def draft(tables: tuple[Table, ...], *, name: str, dialect: str) -> SemanticModel:
    """The model of these tables. `name` is what it is called; `dialect` says where names need quotes."""
    named = list(_names(tables))
    keys = _proven_keys(tables)
    return SemanticModel(
        name=logical_name(name) or "model",
        tables=tuple(_table(table, logical, keys.get(table.name, ()), dialect) for table, logical in named),
        relationships=tuple(_relationships(named, dialect)),
    )


def logical_name(name: str) -> str:
    """The name as an identifier that needs no quotes anywhere."""
    plain = re.sub(r"\W+", "_", name).strip("_").lower()
    return f"_{plain}" if plain[:1].isdigit() else plain


def snowflake_type(stored: str, dialect: str) -> str:
    """The type in Snowflake's words; VARIANT for what it has no word for."""
    if (known := SNOWFLAKE_TYPES.get(stored.upper())) is not None:
        return known
    if stored.endswith("]"):
        return "ARRAY"
    if stored.upper().startswith(("STRUCT", "MAP", "UNION")):
        return "OBJECT"
    if stored.upper().startswith("ENUM"):
        return "VARCHAR"
    try:
        return str(exp.DataType.build(stored, dialect=dialect).sql("snowflake"))
    except (SqlglotError, ValueError):
        return "VARIANT"


def _names(tables: tuple[Table, ...]) -> Iterator[tuple[Table, str]]:
    """Each table and its name in the file; the schema before it where two have the same."""
    taken: set[str] = set()
    for number, table in enumerate(tables):
        if not is_safe_name(table.name):
            continue
        name = logical_name(table.name) or f"table_{number + 1}"
        name = name if name not in taken else f"{logical_name(table.schema_name)}_{name}"
        name = name if name not in taken else f"{name}_{number + 1}"
        taken.add(name)
        yield table, name


def _proven_keys(tables: tuple[Table, ...]) -> dict[str, tuple[str, ...]]:
    """Primary keys, and where none is declared the columns that other tables refer to."""
    keys = {key.target_table: key.target_columns for table in tables for key in table.foreign_keys}
    return keys | {table.name: table.primary_key for table in tables if table.primary_key}


def _table(table: Table, logical: str, key: tuple[str, ...], dialect: str) -> LogicalTable:
    dimensions, times, facts = list[Dimension](), list[Dimension](), list[Fact]()
    taken: set[str] = set()
    for number, column in enumerate(column for column in table.columns if is_safe_name(column.name)):
        name = logical_name(column.name) or f"column_{number + 1}"
        name = name if name not in taken else f"{name}_{number + 1}"
        taken.add(name)
        kind = snowflake_type(column.type, dialect)
        fields = {"name": name, "expr": quote((column.name,), dialect), "data_type": kind}
        fields["description"] = data(column.comment, MAX_DESCRIPTION_CHARS)
        if kind.startswith(("DATE", "TIME")):
            times.append(Dimension(**fields))
        elif _is_amount(column, table, kind):
            facts.append(Fact(**fields))
        else:
            samples = _samples(column, table.row_count)
            unique = key == (column.name,)
            dimensions.append(Dimension(**fields, sample_values=samples, is_enum=bool(samples), unique=unique))
    return LogicalTable(
        name=logical,
        description=data(table.comment, MAX_DESCRIPTION_CHARS),
        base_table=BaseTable(
            database=_written(table.database, dialect),
            schema_name=_written(table.schema_name, dialect),
            table=_written(table.name, dialect),
        ),
        primary_key=Key(columns=tuple(quote((column,), dialect) for column in key)) if key else None,
        dimensions=tuple(dimensions),
        time_dimensions=tuple(times),
        facts=tuple(facts),
    )


def _written(name: str, dialect: str) -> str:
    return quote((name,), dialect) if name else ""


def _is_amount(column: Column, table: Table, kind: str) -> bool:
    keys = {*table.primary_key, *(name for key in table.foreign_keys for name in key.columns)}
    is_number = kind.startswith(
        ("NUMBER", "DECIMAL", "INT", "BIGINT", "SMALLINT", "TINYINT", "FLOAT", "DOUBLE", "REAL")
    )
    return is_number and column.name not in keys and not KEY_NAME.search(column.name)


def _samples(column: Column, rows: int | None) -> tuple[str, ...]:
    """All values of a text column of few that rows share; none of others, whose values may be about persons."""
    shared = rows is None or 2 * len(column.values) <= rows
    if not 0 < len(column.values) <= MAX_SAMPLES or not shared:
        return ()
    odd = any(len(v) > MAX_SAMPLE_CHARS or not v.isprintable() or is_instruction(v) for v in column.values)
    return () if odd else column.values


def _relationships(named: Iterable[tuple[Table, str]], dialect: str) -> Iterator[Relationship]:
    pairs = list(named)
    taken: set[str] = set()
    for table, left in pairs:
        for key in table.foreign_keys:
            right = next((name for other, name in pairs if _is_target(key, table, other)), None)
            if right is None:
                continue
            name = f"{left}_to_{right}"
            name = name if name not in taken else f"{name}_by_{'_'.join(map(logical_name, key.columns))}"
            taken.add(name)
            columns = zip(key.columns, key.target_columns, strict=True)
            yield Relationship(
                name=name,
                left_table=left,
                right_table=right,
                relationship_columns=tuple(
                    KeyColumns(left_column=quote((a,), dialect), right_column=quote((b,), dialect)) for a, b in columns
                ),
            )


def _is_target(key: ForeignKey, table: Table, other: Table) -> bool:
    return other.name == key.target_table.split(".")[-1] and other.schema_name == table.schema_name


def is_plain(name: str) -> bool:
    """May the name stand in SQL without quotes?"""
    return PLAIN.match(name) is not None
