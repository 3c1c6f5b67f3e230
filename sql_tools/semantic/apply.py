"""A semantic file laid over a warehouse: the same warehouse, whose tables carry the file's meaning.

Descriptions and other names become comments, relationships become declared keys, sample values stand in where the
engine gave none; so retrieval, prompt, checks and proof need not know where these came from. A primary key the file
claims is believed only where the engine enforces none and the data bears it out, or where asking would cost money.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sql_tools.models import Column, ForeignKey, QueryResult, Semantics, Table
from sql_tools.query.identifiers import same
from sql_tools.semantic.account import read_view
from sql_tools.semantic.bind import Bindings, Bound
from sql_tools.semantic.model import Relationship, SemanticModel
from sql_tools.semantic.read import read_file
from sql_tools.semantic.resolve import resolve
from sql_tools.settings import Settings
from sql_tools.untrusted import flagged
from sql_tools.warehouses import Warehouse
from sql_tools.warehouses.probe import Probe

MAX_SECONDS_FOR_KEYS = 3.0
MAX_SAMPLES = 20
SUFFIXES = (".yaml", ".yml")


def with_semantics(warehouse: Warehouse, settings: Settings) -> Warehouse:
    """The warehouse under the file, or on Snowflake the semantic view, that `settings.semantic` names.

    A folder stands for the file in it that is called like the warehouse; where there is none, nothing changes. Raises
    SemanticFileError, WarehouseError where the view cannot be read.
    """
    if not settings.semantic.strip():
        return warehouse
    path = Path(settings.semantic).expanduser()
    if warehouse.remote and not path.exists() and path.suffix.lower() not in SUFFIXES:
        return SemanticWarehouse(warehouse, read_view(warehouse, settings), settings.semantic)
    if path.is_dir():
        named = [path / (Path(warehouse.name).stem + suffix) for suffix in SUFFIXES]
        found = next((file for file in named if file.is_file()), None)
        return SemanticWarehouse(warehouse, read_file(found), found.name) if found else warehouse
    return SemanticWarehouse(warehouse, read_file(path), path.name)


def with_view(warehouse: Warehouse, settings: Settings) -> Warehouse:
    """The warehouse under the semantic view that `settings.semantic` names: inside an account an asker may name views, and
    no file of the machine that the procedure runs on. Raises SemanticFileError for a name that is no view's.
    """
    if not settings.semantic.strip():
        return warehouse
    return SemanticWarehouse(warehouse, read_view(warehouse, settings), settings.semantic)


class SemanticWarehouse:
    """The warehouse beneath, with the file's meaning in its tables; `notes` also say what of the file cannot be used."""

    def __init__(self, inner: Warehouse, model: SemanticModel, source: str) -> None:
        self.inner, self.model, self.source = inner, model, source
        self.name, self.dialect, self.remote, self.role = inner.name, inner.dialect, inner.remote, inner.role
        self._stored: tuple[Table, ...] = ()
        self._tables: tuple[Table, ...] = ()
        self._semantics = Semantics(source=source)
        self.notes = inner.notes

    def tables(self) -> tuple[Table, ...]:
        """The tables beneath, under the file; laid anew when these are read anew."""
        stored = self.inner.tables()
        if stored is not self._stored:
            self._lay(stored)
        return self._tables

    @property
    def semantics(self) -> Semantics:
        """What else the file says: metrics, filters, verified queries, instructions."""
        self.tables()
        return self._semantics

    def __getattr__(self, name: str) -> Any:
        """What one engine has beyond the others."""
        if name == "inner":  # not there yet
            raise AttributeError(name)
        return getattr(self.inner, name)

    def explain(self, sql: str) -> str | None:
        return self.inner.explain(sql)

    def is_cheap(self, sql: str) -> bool:
        return self.inner.is_cheap(sql)

    def run(self, sql: str, *, max_rows: int, timeout_seconds: float) -> QueryResult:
        return self.inner.run(sql, max_rows=max_rows, timeout_seconds=timeout_seconds)

    def close(self) -> None:
        self.inner.close()

    def _lay(self, stored: tuple[Table, ...]) -> None:
        found = resolve(self.model, stored, dialect=self.dialect, source=self.source, exact=self.remote)
        notes = [f"{self.source}: {where(p.place, self.model)} {p.words}." for p in found.problems]
        probe = Probe(self.inner, max_seconds=MAX_SECONDS_FOR_KEYS)
        terms = _terms(found.semantics)
        tables = []
        for table in stored:
            bounds = list(found.bindings.of(table))
            told, doubted = _told(table, bounds, terms.get(".".join(table.path), ()), self.model, found.bindings, probe)
            tables.append(told)
            notes += [f"{self.source}: {words}" for words in doubted]
        self._tables, self._semantics = tuple(tables), found.semantics
        odd = [note for note in flagged(self._tables) if note not in self.inner.notes]
        own = [] if self.remote else notes  # these would name what a role may not see
        self.notes = (*self.inner.notes, *odd, *own)
        self._stored = stored


def _terms(semantics: Semantics) -> dict[str, dict[str, None]]:
    """Path of a stored table -> names and synonyms of all that the file defines over it, once each."""
    found: dict[str, dict[str, None]] = {}
    for definition in semantics.definitions:
        for path in definition.tables:
            found.setdefault(path, {}).update(dict.fromkeys((definition.name, *definition.synonyms)))
    return found


def _told(
    table: Table,
    bounds: list[Bound],
    terms: Iterable[str],
    model: SemanticModel,
    bindings: Bindings,
    probe: Probe,
) -> tuple[Table, list[str]]:
    """The table with all that the file says of it, and what the data does not bear out."""
    if not bounds:
        return table, []
    names = [name for b in bounds for name in (b.logical.name, *b.logical.synonyms)]
    about = next((b.logical.description for b in bounds if b.logical.description), table.comment)
    key, doubted = _primary_key(table, bounds, probe)
    keys = [found for relationship in model.relationships if (found := _key(relationship, table, bindings))]
    return (
        table.model_copy(
            update={
                "comment": comment(names, about, table.name),
                "columns": tuple(_column(column, bounds) for column in table.columns),
                "foreign_keys": _merged(table.foreign_keys, keys),
                "primary_key": key,
                "terms": tuple(terms),
            }
        ),
        doubted,
    )


def comment(names: list[str], about: str, stored: str) -> str:
    """Other names first, so that a short prompt still holds them: `also revenue, turnover. Lines of orders`."""
    others = [name for name in dict.fromkeys(names) if not same(name, stored)]
    return ". ".join(filter(None, [f"also {', '.join(others)}" if others else "", about]))


def _column(column: Column, bounds: list[Bound]) -> Column:
    meant = [one for b in bounds for one in b.told_of(column.name)]
    if not meant:
        return column
    about = next((one.description for one in meant if one.description), column.comment)
    names = [name for one in meant for name in (one.name, *one.synonyms)]
    samples = next((one.sample_values for one in meant if one.sample_values), ())[:MAX_SAMPLES]
    listed = any(getattr(one, "is_enum", False) for one in meant)
    return column.model_copy(
        update={
            "comment": comment(names, about, column.name),
            "values": column.values or (samples if listed else ()),
            "samples": column.samples or samples,
        }
    )


def _primary_key(table: Table, bounds: list[Bound], probe: Probe) -> tuple[tuple[str, ...], list[str]]:
    claimed = next((b for b in bounds if b.logical.primary_key), None)
    if table.primary_key or claimed is None or claimed.logical.primary_key is None:
        return table.primary_key, []
    columns = tuple(filter(None, map(claimed.stored_column, claimed.logical.primary_key.columns)))
    if len(columns) != len(claimed.logical.primary_key.columns):
        return (), [f"the primary key of {claimed.logical.name} names a column that {table.name} has not."]
    if probe.warehouse.remote or probe.unique(table, frozenset(c.lower() for c in columns)):
        return columns, []
    return (), [f"{', '.join(columns)} repeats in {table.name}, or is NULL, so it is no primary key."]


def _key(relationship: Relationship, table: Table, bindings: Bindings) -> ForeignKey | None:
    """The relationship as a foreign key of this table; None if it is another's, or no equality of stored columns."""
    left, right = bindings.get(relationship.left_table), bindings.get(relationship.right_table)
    if left is None or right is None or left.table is not table or left.query or right.query:
        return None
    pairs = relationship.relationship_columns
    if any(pair.type for pair in pairs):
        return None
    columns = [left.stored_column(pair.left_column) for pair in pairs]
    targets = [right.stored_column(pair.right_column) for pair in pairs]
    if not all(columns) or not all(targets):
        return None
    return ForeignKey(
        columns=tuple(filter(None, columns)),
        target_table=right.table.name,
        target_columns=tuple(filter(None, targets)),
    )


def _merged(stored: tuple[ForeignKey, ...], keys: list[ForeignKey]) -> tuple[ForeignKey, ...]:
    """The stored keys and the file's, which stand over what was only inferred from names and values."""
    said = {(key.columns, key.target_table, key.target_columns) for key in keys}
    of_file = {key.columns for key in keys}
    kept = [
        key
        for key in stored
        if (key.columns, key.target_table, key.target_columns) not in said
        and (key.declared or key.columns not in of_file)
    ]
    return (*kept, *dict.fromkeys(keys))


def where(place: tuple[str | int, ...], model: SemanticModel) -> str:
    """A place in the file by names."""
    value: object = model
    parts = []
    for step in place:
        value = value[step] if isinstance(value, tuple) and isinstance(step, int) else getattr(value, str(step), None)
        name = getattr(value, "name", "") or getattr(value, "question", "")
        parts += [str(name)] if isinstance(step, int) else [str(step)] if step in ("primary_key", "unique_keys") else []
    return ".".join(parts)
