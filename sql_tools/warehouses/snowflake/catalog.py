"""What a Snowflake schema declares, as Tables: names, types, comments, keys.

One schema at a time, since INFORMATION_SCHEMA prunes only on one schema's name; of it only the tables that changed
since they were last read (LAST_ALTERED), a few hundred a statement. Everything comes from the asker's own session, so it
holds what the asker's role may see and nothing else. None of these statements needs a running warehouse but the reads
of INFORMATION_SCHEMA.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from sql_tools.errors import SettingsError, WarehouseError
from sql_tools.models import Column, ForeignKey, Table
from sql_tools.warehouses.names import quote, quote_path
from sql_tools.warehouses.snowflake.statements import Row

TABLES_A_STATEMENT = 400
SYSTEM = "INFORMATION_SCHEMA"

Ask = Callable[[str], list[Row]]
Schema = tuple[str, str]  # database, schema


class Listed(NamedTuple):
    """A table as the catalog lists it: enough to tell whether it changed, and what reading it would cost."""

    name: str
    last_altered: str
    comment: str
    row_count: int | None
    bytes: int
    is_view: bool


class Place(NamedTuple):
    """Where unqualified names are looked up; empty where the session has no current one."""

    database: str
    schema: str


def chosen_schemas(ask: Ask, wanted: str, place: Place) -> list[Schema]:
    """The schemas to read: those in `wanted` (`DB.SCHEMA, DB`), else the session's own schema, else its database's.

    Names are taken as SQL takes them: upper case unless quoted. SettingsError if nothing says what to read.
    """
    if wanted.strip():
        found = [schema for part in wanted.split(",") if part.strip() for schema in _wanted(ask, part.strip())]
        return list(dict.fromkeys(found))
    if place.database and place.schema and place.schema != SYSTEM:
        return [(place.database, place.schema)]
    if place.database:
        return _schemas_of(ask, place.database)
    names = ", ".join(sorted(str(row["name"]) for row in ask("SHOW DATABASES"))[:20]) or "none that your role sees"
    raise SettingsError(
        f"The Snowflake connection names no database; there are {names}.",
        "Name `database` and `schema` in connections.toml, or set ARCTIC_COPILOT_SNOWFLAKE_SCHEMAS=DB.SCHEMA.",
    )


def listed(ask: Ask, schema: Schema) -> list[Listed]:
    """The schema's tables and views that the role may see, by name."""
    rows = ask(
        "SELECT TABLE_NAME, TABLE_TYPE, ROW_COUNT, BYTES, TO_VARCHAR(LAST_ALTERED) AS LAST_ALTERED, COMMENT "
        f"FROM {quote(schema[0])}.INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = {text(schema[1])} ORDER BY TABLE_NAME"
    )
    return [
        Listed(
            name=row["table_name"],
            last_altered=str(row["last_altered"] or ""),
            comment=row["comment"] or "",
            row_count=None if row["row_count"] is None else int(row["row_count"]),
            bytes=int(row["bytes"] or 0),
            is_view="VIEW" in (row["table_type"] or ""),
        )
        for row in rows
    ]


def described(ask: Ask, schema: Schema, tables: Sequence[Listed], *, whole: bool) -> Iterator[Table]:
    """These tables of the schema with columns and keys; one that nobody may see any more is left out.

    `whole`: they are all that it has, so that none need be named.
    """
    if not tables:
        return
    primary, foreign = _primary_keys(ask, schema), _foreign_keys(ask, schema)
    for start in range(0, len(tables), TABLES_A_STATEMENT):
        part = tables[start : start + TABLES_A_STATEMENT]
        columns = _columns(ask, schema, part, whole=whole and len(part) == len(tables))
        for table in part:
            if table.name in columns:
                yield Table(
                    database=schema[0],
                    schema_name=schema[1],
                    name=table.name,
                    columns=tuple(columns[table.name]),
                    primary_key=tuple(primary.get(table.name, ())),
                    foreign_keys=tuple(foreign.get(table.name, ())),
                    comment=table.comment,
                    row_count=table.row_count,
                )


def text(value: str) -> str:
    r"""A text literal. Snowflake reads backslashes in it.

    >>> print(text("it's"))
    'it''s'
    """
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _wanted(ask: Ask, part: str) -> list[Schema]:
    from sqlglot import exp

    try:
        node = exp.to_table(part, dialect="snowflake")
    except Exception as error:
        raise SettingsError(f"snowflake_schemas: {part!r} is no name.", "Write it like SALES.PUBLIC, HR.") from error
    names = [part.name if part.quoted else part.name.upper() for part in node.parts if isinstance(part, exp.Identifier)]
    if len(names) == 2 and names[1] != "*":
        return [(names[0], names[1])]
    return _schemas_of(ask, names[0])


def _schemas_of(ask: Ask, database: str) -> list[Schema]:
    rows = ask(f"SHOW SCHEMAS IN DATABASE {quote(database)}")
    found = sorted(str(row["name"]) for row in rows if row["name"] != SYSTEM)
    if not found:
        raise WarehouseError(f"Your role sees no schema in {database}.", "Check the role and its grants.")
    return [(database, name) for name in found]


def _columns(ask: Ask, schema: Schema, tables: Sequence[Listed], *, whole: bool) -> dict[str, list[Column]]:
    which = "" if whole else f" AND TABLE_NAME IN ({', '.join(text(table.name) for table in tables)})"
    rows = ask(
        "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, NUMERIC_PRECISION, NUMERIC_SCALE, COMMENT "
        f"FROM {quote(schema[0])}.INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = {text(schema[1])}{which} "
        "ORDER BY TABLE_NAME, ORDINAL_POSITION"
    )
    columns = defaultdict(list)
    for row in rows:
        columns[row["table_name"]].append(
            Column(name=row["column_name"], type=_type(row), comment=row["comment"] or "")
        )
    return columns


def _type(row: Row) -> str:
    """The type as short as it can be written."""
    name = str(row["data_type"]).upper()
    if name == "NUMBER" and row["numeric_scale"]:
        return f"NUMBER({row['numeric_precision']},{row['numeric_scale']})"
    return "VARCHAR" if name == "TEXT" else name


def _primary_keys(ask: Ask, schema: Schema) -> dict[str, list[str]]:
    rows = ask(f"SHOW PRIMARY KEYS IN SCHEMA {quote_path(*schema)}")
    found = defaultdict(list)
    for row in sorted(rows, key=lambda row: int(row["key_sequence"])):
        found[row["table_name"]].append(row["column_name"])
    return found


def _foreign_keys(ask: Ask, schema: Schema) -> dict[str, list[ForeignKey]]:
    """By table; a key into a table of another schema names it alone, as all names are looked up in the whole catalog."""
    rows = ask(f"SHOW IMPORTED KEYS IN SCHEMA {quote_path(*schema)}")
    parts = defaultdict(list)
    for row in sorted(rows, key=lambda row: int(row["key_sequence"])):
        if (row["fk_database_name"], row["fk_schema_name"]) == schema:
            key = (row["fk_table_name"], row["fk_name"], row["pk_schema_name"], row["pk_table_name"])
            parts[key].append((row["fk_column_name"], row["pk_column_name"]))
    found = defaultdict(list)
    for (table, _, _, target), pairs in parts.items():
        columns, target_columns = zip(*pairs, strict=True)
        found[table].append(ForeignKey(columns=columns, target_table=target, target_columns=target_columns))
    return found


def placed(tables: Iterable[Table], place: Place) -> Iterator[Table]:
    """The tables, each knowing how much of its name SQL has to write in this session."""
    for table in tables:
        near = table.database == place.database
        yield table.model_copy(
            update={"in_default_database": near, "in_default_schema": near and table.schema_name == place.schema}
        )
