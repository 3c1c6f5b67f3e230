"""Small questions to the data about the data: is this unique, is that held? Bounded in time, answers remembered.

One `Probe` serves one statement: its seconds are shared by all it asks. What takes too long, or the engine refuses, is
answered None: not known. What is learned of a table is kept as long as its warehouse is open.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlglot import exp

from sql_tools.errors import WarehouseError
from sql_tools.models import QueryResult, Table
from sql_tools.query.identifiers import identifier
from sql_tools.warehouses import Warehouse

MAX_SECONDS = 2.0
MAX_SECONDS_A_QUERY = 1.0
MAX_VALUES = 5000

T = TypeVar("T")

_learned: WeakKeyDictionary[Warehouse, dict[tuple[Any, ...], Any]] = WeakKeyDictionary()


class Probe:
    """Asks one warehouse, for at most `max_seconds` in all; `asked` counts the queries, `unanswered` those without an answer,
    asked or not."""

    def __init__(self, warehouse: Warehouse, *, max_seconds: float = MAX_SECONDS) -> None:
        self.warehouse, self.dialect = warehouse, warehouse.dialect
        self.asked = self.unanswered = 0
        self._left = max_seconds
        self._known = _learned.setdefault(warehouse, {})

    def run(self, query: exp.Query, *, max_rows: int = 1) -> QueryResult | None:
        """The rows; None if the time is used up or the engine refuses."""
        limit = min(self._left, MAX_SECONDS_A_QUERY)
        found = self._run(query, max_rows, limit) if limit > 0 else None
        self.unanswered += found is None
        return found

    def _run(self, query: exp.Query, max_rows: int, limit: float) -> QueryResult | None:
        started = time.perf_counter()
        self.asked += 1
        try:
            sql = query.sql(dialect=self.dialect, comments=False)
            if not self.warehouse.is_cheap(sql):
                return None
            return self.warehouse.run(sql, max_rows=max_rows, timeout_seconds=limit)
        except WarehouseError:
            return None
        finally:
            self._left -= time.perf_counter() - started

    def unique(self, table: Table, columns: frozenset[str]) -> bool | None:
        """Do no two rows share the values of these columns, none of them NULL? `columns` in lower case."""
        names = [column.name for column in table.columns if column.name.lower() in columns]
        return self._remember(("unique", table.schema_name, table.name, columns), lambda: self._no_repeat(table, names))

    def overlap(self, table: Table, column: str, other: Table, other_column: str) -> bool | None:
        """Is any value in both columns? True as well if either has none: an empty table shows nothing."""
        ends = sorted([(table.schema_name, table.name, column), (other.schema_name, other.name, other_column)])
        return self._remember(("overlap", *ends), lambda: self._shares(table, column, other, other_column))

    def values(self, table: Table, column: str) -> tuple[str, ...] | None:
        """The column's distinct values as text, sorted; None if they are more than MAX_VALUES or not to be had."""
        known = next(c.values for c in table.columns if c.name.lower() == column.lower())
        return known or self._remember(
            ("values", table.schema_name, table.name, column), lambda: self._all(table, column)
        )

    def _remember(self, key: tuple[Any, ...], find: Callable[[], T | None]) -> T | None:
        if key not in self._known:
            answer = find()
            if answer is None:
                return None
            self._known[key] = answer
        found: T = self._known[key]
        return found

    def _no_repeat(self, table: Table, names: list[str]) -> bool | None:
        columns = [exp.column(identifier(name, self.dialect)) for name in names]
        repeated = (
            exp.select("1")
            .from_(table_of(table, self.dialect))
            .where(*[column.copy().is_(exp.null()).not_() for column in columns])
            .group_by(*columns)
            .having("COUNT(*) > 1")
            .limit(1)
        )
        result = self.run(repeated)
        return None if result is None else not result.rows

    def _shares(self, table: Table, column: str, other: Table, other_column: str) -> bool | None:
        a, b = (
            exp.column(identifier(name, self.dialect), alias) for name, alias in ((column, "a"), (other_column, "b"))
        )
        counts = [
            exp.select(exp.Count(this=exp.column(identifier(name, self.dialect)))).from_(table_of(end, self.dialect))
            for end, name in ((table, column), (other, other_column))
        ]
        left, right = (table_of(end, self.dialect, alias) for end, alias in ((table, "a"), (other, "b")))
        pair = exp.select("1").from_(left).join(right, on=exp.EQ(this=a, expression=b)).limit(1)
        result = self.run(exp.select(*[exp.Subquery(this=q) for q in counts], exp.Exists(this=pair)))
        if result is None:
            return None
        first, second, met = result.rows[0]
        return bool(met) or not (first and second)

    def _all(self, table: Table, column: str) -> tuple[str, ...] | None:
        name = exp.column(identifier(column, self.dialect))
        text = exp.Cast(this=name, to=exp.DataType.build("VARCHAR"))
        query = (
            exp.select(text).distinct().from_(table_of(table, self.dialect)).where(name.copy().is_(exp.null()).not_())
        )
        result = self.run(query, max_rows=MAX_VALUES)
        return None if result is None or result.truncated else tuple(sorted(row[0] for row in result.rows))


def table_of(table: Table, dialect: str, alias: str = "") -> exp.Table:
    """The table as FROM names it."""
    parts = [identifier(part, dialect) for part in table.path]
    named = exp.TableAlias(this=exp.to_identifier(alias)) if alias else None
    return exp.Table(**dict(zip(("this", "db", "catalog"), reversed(parts), strict=False)), alias=named)
