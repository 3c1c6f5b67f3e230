"""A Snowflake catalog, read and kept: what is new since last time, schema by schema, then values while time allows.

Killed at any point, the next run goes on: tables are kept as they are read, a few hundred at a time, and values table
by table. A catalog younger than `catalog_max_age_hours` is used without a question to the account.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice

from sql_tools.errors import WarehouseError
from sql_tools.models import Table
from sql_tools.settings import Settings
from sql_tools.warehouses import OnProgress
from sql_tools.warehouses.snowflake.catalog import (
    TABLES_A_STATEMENT,
    Ask,
    Listed,
    Place,
    Schema,
    chosen_schemas,
    described,
    listed,
    placed,
)
from sql_tools.warehouses.snowflake.contents import Fetch, with_contents
from sql_tools.warehouses.snowflake.kept import KeptCatalog

HOUR = 3600.0


class SnowflakeIndex:
    """One asker's catalog; `notes` says what was left out of it."""

    def __init__(self, ask: Ask, fetch: Fetch, kept: KeptCatalog, settings: Settings, place: Place) -> None:
        self._ask, self._fetch, self._kept, self._settings, self._place = ask, fetch, kept, settings, place
        self._schemas: list[Schema] = []
        self.notes: tuple[str, ...] = ()

    def read(self, on_progress: OnProgress, *, max_age_seconds: float | None = None) -> tuple[Table, ...]:
        """Every table the role may see, those changed since last time read again; WarehouseError if there is none."""
        allowed = self._settings.catalog_max_age_hours * HOUR if max_age_seconds is None else max_age_seconds
        schemas = self._schemas = self._chosen(allowed)
        refused: dict[Schema, str] = {}
        if allowed == 0:
            self._kept.resume_sampling()
        for number, schema in enumerate(schemas):
            on_progress(f"Reading {'.'.join(schema)}", number / len(schemas))
            age = self._kept.age_seconds(schema)
            if age is None or age >= allowed:
                try:
                    self._read_schema(schema, partial(_report, on_progress, schema, number, len(schemas)))
                except WarehouseError as error:
                    if len(schemas) == 1:
                        raise
                    refused[schema] = f"{'.'.join(schema)} is left out: {error.message}"
        self.notes = tuple(refused.values())
        self._schemas = [schema for schema in schemas if schema not in refused]
        self._sample(self._schemas, on_progress)
        return self.tables()

    def tables(self) -> tuple[Table, ...]:
        """What is kept of the chosen schemas, named as this session has to name it."""
        return tuple(placed(self._kept.tables(self._schemas), self._place))

    def _chosen(self, max_age_seconds: float) -> list[Schema]:
        wanted = self._settings.snowflake_schemas or ".".join(self._place)
        schemas = self._kept.chosen(wanted, max_age_seconds=max_age_seconds)
        if schemas is None:
            schemas = chosen_schemas(self._ask, self._settings.snowflake_schemas, self._place)
            self._kept.choose(wanted, schemas)
        return schemas

    def _read_schema(self, schema: Schema, on_share: Callable[[float], None]) -> None:
        known = self._kept.altered(schema)
        now = listed(self._ask, schema)
        changed = [table for table in now if known.get(table.name) != (table.last_altered or None)]
        by_name = {table.name: table for table in changed}
        done = 0
        for part in _batches(described(self._ask, schema, changed, whole=len(changed) == len(now))):
            self._kept.write(schema, (_kept_form(table, by_name[table.name]) for table in part))
            done += len(part)
            on_share(done / len(changed))
        self._kept.finish(schema, gone=known.keys() - {table.name for table in now})

    def _sample(self, schemas: Sequence[Schema], on_progress: OnProgress) -> None:
        """Values of tables that have not been looked at, smallest first, for as long as the setting allows."""
        allowed = self._settings.sample_seconds
        if not allowed:
            return
        started = time.monotonic()
        for table, bytes_stored, is_view in self._kept.unsampled(schemas):
            spent = time.monotonic() - started
            if spent > allowed:
                self._kept.postpone_sampling()
                break
            on_progress(f"Looking into {table.name}", min(1.0, spent / allowed))
            self._kept.write_sampled(with_contents(self._fetch, table, bytes_stored=bytes_stored, is_view=is_view))


def _report(on_progress: OnProgress, schema: Schema, number: int, count: int, share: float) -> None:
    on_progress(f"Reading {'.'.join(schema)}", (number + share) / count)


def _kept_form(table: Table, told: Listed) -> tuple[Table, str, int, bool]:
    return table, told.last_altered, told.bytes, told.is_view


def _batches(tables: Iterator[Table]) -> Iterator[list[Table]]:
    while part := list(islice(tables, TABLES_A_STATEMENT)):
        yield part
