"""What there is in the account: databases, schemas, tables with their columns and keys, and every other kind of object."""

import itertools
import time
from dataclasses import dataclass, field
from typing import Any

Name = tuple[str, ...]  # upper case unless it was quoted: (database, schema, object)
CLOCK = itertools.count(1)


@dataclass
class Column:
    """As the catalog shows it; `type` is NUMBER, TEXT, FLOAT, DATE, ..."""

    name: str
    type: str
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    nullable: bool = True
    default: str | None = None
    comment: str = ""

    def declared(self) -> str:
        """The type as DESCRIBE TABLE writes it."""
        if self.type == "NUMBER":
            return f"NUMBER({self.precision or 38},{self.scale or 0})"
        return f"VARCHAR({self.length or 16777216})" if self.type == "TEXT" else self.type


@dataclass
class ForeignKey:
    columns: tuple[str, ...]
    table: Name
    references: tuple[str, ...]
    name: str


@dataclass
class Table:
    """A table or view. `made`: it lies in the engine; a table that was only declared is made when first needed."""

    name: Name
    columns: list[Column]
    kind: str = "BASE TABLE"
    owner: str = "ACCOUNTADMIN"
    comment: str = ""
    primary_key: tuple[str, ...] = ()
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    definition: str = ""
    created: float = field(default_factory=time.time)
    altered: float = field(default_factory=time.time)
    version: int = field(default_factory=lambda: next(CLOCK))
    rows: int | None = None  # None: to be counted
    bytes: int | None = None  # None: guessed from the rows
    partitions: int | None = None
    made: bool = True
    session: str = ""  # the one a temporary table belongs to

    def touch(self) -> None:
        """Its rows or columns changed."""
        self.altered, self.version, self.rows = time.time(), next(CLOCK), None


@dataclass
class Thing:
    """Any other object: role, warehouse, stage, service, ..., with what its statement said."""

    kind: str
    name: Name
    owner: str
    said: dict[str, Any] = field(default_factory=dict)
    sql: str = ""
    created: float = field(default_factory=time.time)


class Catalog:
    """Everything by name. Lookups take names as the catalog holds them."""

    def __init__(self) -> None:
        self.databases: dict[str, Thing] = {}
        self.schemas: dict[Name, Thing] = {}
        self.tables: dict[Name, Table] = {}
        self.things: dict[tuple[str, Name], Thing] = {}

    def add_database(self, name: str, owner: str) -> None:
        self.databases[name] = Thing("DATABASE", (name,), owner)
        self.add_schema((name, "PUBLIC"), owner)

    def add_schema(self, name: Name, owner: str) -> None:
        self.schemas[name] = Thing("SCHEMA", name, owner)

    def drop_database(self, name: str) -> None:
        for schema in [s for s in self.schemas if s[0] == name]:
            self.drop_schema(schema)
        self.databases.pop(name, None)

    def drop_schema(self, name: Name) -> None:
        for table in [t for t in list(self.tables) if t[:2] == name]:
            self.tables.pop(table)
        for key in [k for k in list(self.things) if len(k[1]) == 3 and k[1][:2] == name]:
            self.things.pop(key)
        self.schemas.pop(name, None)

    def in_schema(self, name: Name) -> list[Table]:
        """Its tables and views, by name; temporary ones are in no listing here."""
        return [self.tables[key] for key in sorted(self.tables) if key[:2] == name and not self.tables[key].session]

    def of(self, kind: str) -> list[Thing]:
        return [thing for (k, _), thing in sorted(self.things.items()) if k == kind]
