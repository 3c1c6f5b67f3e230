"""The file's tables -> what the asker may read: which stored table each stands for, and its columns.

A base table is found by its name; where several bear it, by schema and database too. On an engine that serves many
roles schema and database must agree as written; a file on this machine may be called otherwise than the account's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sqlglot import exp

from sql_tools.errors import CopilotError
from sql_tools.models import Column, Table
from sql_tools.query.identifiers import same
from sql_tools.query.tables import names_cte, tables_meant, tables_named
from sql_tools.query.text import parse
from sql_tools.semantic.model import BaseTable, Dimension, Fact, LogicalTable, SemanticModel

WRITTEN_IN = "snowflake"  # the dialect of the file's SQL, whatever engine runs it


@dataclass(frozen=True)
class Bound:
    """A table of the file and the stored one behind it; a query stands in for the latter where `query` is not empty."""

    logical: LogicalTable
    table: Table
    query: str = ""

    def column(self, name: str) -> str | None:
        """The stored column of that name, in any case; quotes around it are taken off."""
        return self._columns.get(_plain(name).casefold())

    def stored_column(self, name: str) -> str | None:
        """The stored column that a name of the file stands for without change; None if it is an expression or unknown."""
        return self._meant[name.casefold()] if name.casefold() in self._meant else self.column(name)

    def told_of(self, column: str) -> list[Dimension | Fact]:
        """What the file calls this stored column."""
        return [one for one in self.logical.row_level if self._meant[one.name.casefold()] == column]

    @cached_property
    def _columns(self) -> dict[str, str]:
        return {column.name.casefold(): column.name for column in reversed(self.table.columns)}

    @cached_property
    def _meant(self) -> dict[str, str | None]:
        """Folded name of the file -> the stored column it is, or None for an expression."""
        trees = {one.name.casefold(): parsed(one.expr) for one in self.logical.row_level}
        return {name: self.column(t.name) if isinstance(t, exp.Column) else None for name, t in trees.items()}


class Bindings:
    """All tables of the file that are there for the asker; `lacking` are those that are not."""

    def __init__(self, model: SemanticModel, catalog: tuple[Table, ...], *, dialect: str, exact: bool) -> None:
        self.catalog, self.dialect, self.exact = catalog, dialect, exact
        self.bound: dict[str, Bound] = {}
        for logical in sorted(
            model.tables, key=lambda table: bool(table.base_table.definition)
        ):  # these need the others
            if (bound := self._bind(logical)) is not None:
                self.bound[logical.name.casefold()] = bound
        self.lacking = tuple(table for table in model.tables if table.name.casefold() not in self.bound)

    def get(self, name: str) -> Bound | None:
        """By the file's name, in any case; with the two underscores that older verified queries put before it."""
        return self.bound.get(name.casefold()) or self.bound.get(name.casefold().removeprefix("__"))

    def of(self, table: Table) -> Iterator[Bound]:
        """The file's tables behind which this stored one is."""
        return (bound for bound in self.bound.values() if bound.table is table and not bound.query)

    def is_readable(self, tree: exp.Expr) -> bool:
        """Is each table that the SQL names in the file's reach or in the catalog?"""
        return all(
            (not node.db and self.get(node.name) is not None) or bool(tables_meant(node, self.catalog))
            for node in tree.find_all(exp.Table)
            if not names_cte(node) or node.name.startswith("__")
        )

    def _bind(self, logical: LogicalTable) -> Bound | None:
        base = logical.base_table
        if base.definition:
            return self._bind_query(logical)
        hits = tables_named(_plain(base.table), self.catalog)
        agreeing = tuple(t for t in hits if _agrees(t, base))
        hits = agreeing if agreeing or self.exact else hits
        return Bound(logical, hits[0]) if len(hits) == 1 else None

    def _bind_query(self, logical: LogicalTable) -> Bound | None:
        tree = parsed(logical.base_table.definition)
        if not isinstance(tree, exp.Query) or not self.is_readable(tree):
            return None
        columns: dict[str, Column] = {}
        for one in logical.row_level:
            inner = parsed(one.expr)
            for column in inner.find_all(exp.Column) if inner is not None else ():
                kind = one.data_type if inner is column else ""
                columns.setdefault(column.name.casefold(), Column(name=column.name, type=kind or "VARCHAR"))
        table = Table(schema_name="", name=logical.name, columns=tuple(columns.values()))
        return Bound(logical, table, query=tree.sql(self.dialect, comments=False))


def parsed(sql: str) -> exp.Expr | None:
    """The file's SQL as a tree; None if it does not parse as one statement or expression."""
    try:
        return parse(sql, WRITTEN_IN)
    except CopilotError:
        return None


def _plain(name: str) -> str:
    """A name without the quotes that the file may write around it."""
    return name[1:-1].replace('""', '"') if len(name) > 1 and name[0] == name[-1] == '"' else name


def _agrees(table: Table, base: BaseTable) -> bool:
    wanted = ((base.schema_name, table.schema_name), (base.database, table.database))
    return all(not written or not stored or same(_plain(written), stored) for written, stored in wanted)
