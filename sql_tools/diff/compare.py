"""Does a Snowflake query give the same on DuckDB? Run it there, its transpile here, and say what differs.

What agreement proves depends on the account. On the real one: that this query can be trusted on this data. On the tests'
stand-in for Snowflake, which is sqlglot onto DuckDB itself: only that the plumbing works. That the dialect is right is
proven by the cases from Snowflake's documentation, tests/sql_tools/transpile/fixtures/snowflake_dialect.sql, and by nothing else.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

from sqlglot import exp

from sql_tools.diff.cells import families_differ, key_of, row_agrees
from sql_tools.errors import SettingsError, WarehouseError
from sql_tools.models import Context, DraftSQL, QueryResult, Record, Table, ValidSQL
from sql_tools.query.text import parse
from sql_tools.retrieve import catalog_of
from sql_tools.settings import Settings
from sql_tools.transpile import to_duckdb
from sql_tools.validate import validate
from sql_tools.warehouses import Warehouse

MAX_SHOWN = 5

Row = Sequence[object]


class DiffReport(Record):
    """Same or different, and in what; `sql` ran on the account, `local_sql` on DuckDB. Rows are counted on each side."""

    status: Literal["same", "different"]
    message: str
    differences: tuple[str, ...]
    sql: str
    local_sql: str
    warehouse: str
    local: str
    row_count: int
    local_row_count: int
    copied: tuple[str, ...] = ()


def checked(sql: str, account: Warehouse, settings: Settings) -> ValidSQL:
    """The query as it may run on the account: a read, with every name bound; InvalidSQLError if it may not."""
    tables = catalog_of(account).tables
    context = Context(dialect=account.dialect, tables=tables, catalog=tables, limits=settings.read_limits)
    return validate(DraftSQL(text=sql, dialect=account.dialect), context, explain=account.explain)


def diff(sql: ValidSQL, account: Warehouse, local: Warehouse, settings: Settings) -> DiffReport:
    """Run it on both and compare.

    Raises InvalidSQLError where DuckDB has nothing like it, WarehouseError if an engine fails or a table is not there,
    SettingsError if a result is too long to be compared.
    """
    tree = parse(sql.text, sql.dialect)
    local_sql = local_text(tree, local.tables())
    theirs = account.run(sql.text, max_rows=settings.max_rows, timeout_seconds=settings.timeout_seconds)
    ours = local.run(local_sql, max_rows=settings.max_rows, timeout_seconds=settings.timeout_seconds)
    if theirs.truncated or ours.truncated:
        raise SettingsError(
            f"There are more than {settings.max_rows:,} rows, and a part of them cannot be compared.",
            "Set ARCTIC_COPILOT_MAX_ROWS higher, or add ORDER BY and LIMIT.",
        )
    differences = tuple(_differences(tree, theirs, ours))
    return DiffReport(
        status="different" if differences else "same",
        message=_message(differences, theirs),
        differences=differences,
        sql=sql.text,
        local_sql=local_sql,
        warehouse=account.name,
        local=local.name,
        row_count=len(theirs.rows),
        local_row_count=len(ours.rows),
    )


def local_text(tree: exp.Expr, tables: Sequence[Table]) -> str:
    """The query in DuckDB's SQL, on the local tables of the same names; WarehouseError if one is not there."""
    placed = tree.copy()
    ctes = {cte.alias.casefold() for cte in placed.find_all(exp.CTE)}
    for table in placed.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier) and (table.db or table.name.casefold() not in ctes):
            _place(table, tables)
    for column in placed.find_all(exp.Column):
        column.set("db", None)
        column.set("catalog", None)
    return to_duckdb(placed)


def _place(table: exp.Table, tables: Sequence[Table]) -> None:
    """Name the local table: of the same schema if there is one, else of the same name alone."""
    named = [one for one in tables if one.name.casefold() == table.name.casefold()]
    named = [one for one in named if one.schema_name.casefold() == table.db.casefold()] or named
    if not named:
        raise WarehouseError(
            f"There is no table {table.name} in the local data.", "Copy it there, or leave --local out."
        )
    if not table.alias:  # so that columns written table.column still mean it
        table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=table.this.quoted)))
    table.set("this", exp.to_identifier(named[0].name, quoted=True))
    table.set("db", exp.to_identifier(named[0].schema_name, quoted=True))
    table.set("catalog", None)


def _differences(tree: exp.Expr, theirs: QueryResult, ours: QueryResult) -> Iterator[str]:
    """What differs, in words: columns first, then types, then rows."""
    if len(theirs.columns) != len(ours.columns):
        yield f"{len(theirs.columns)} columns there, {len(ours.columns)} here"
        return
    given = _given_names(tree, len(theirs.columns))
    for at, (there, here) in enumerate(zip(theirs.columns, ours.columns, strict=True)):
        if given[at] and there.name.casefold() != here.name.casefold():
            yield f"column {at + 1} is {there.name} there, {here.name} here"
        values = [row[at] for row in (*theirs.rows, *ours.rows)]
        if any(value is not None for value in values) and families_differ(there.type, here.type):
            yield f"{there.name} is {there.type} there, {here.type} here"
    yield from _rows_differ(tree, theirs, ours)


def _given_names(tree: exp.Expr, count: int) -> list[bool]:
    """Whether the query names each output column; each engine calls an expression without a name as it likes."""
    select = tree.find(exp.Select)
    columns = select.expressions if select else []
    if len(columns) != count:  # a star
        return [True] * count
    return [isinstance(column, exp.Alias | exp.Column) for column in columns]


def _rows_differ(tree: exp.Expr, theirs: QueryResult, ours: QueryResult) -> Iterator[str]:
    types = [column.type for column in theirs.columns]
    if len(theirs.rows) != len(ours.rows):
        yield f"{len(theirs.rows):,} rows there, {len(ours.rows):,} here"
    missing, added = _unmatched(theirs.rows, ours.rows, types)
    yield from (f"only there: {_shown(row)}" for row in missing[:MAX_SHOWN])
    yield from (f"only here: {_shown(row)}" for row in added[:MAX_SHOWN])
    if len(missing) > MAX_SHOWN or len(added) > MAX_SHOWN:
        yield f"in all {len(missing):,} rows only there, {len(added):,} only here"
    if not missing and not added and _order_differs(tree, theirs.rows, ours.rows, types):
        yield "the same rows in another order"


def _unmatched(theirs: Sequence[Row], ours: Sequence[Row], types: Sequence[str]) -> tuple[list[Row], list[Row]]:
    """Rows of each side without a partner, as multisets: first those that look alike, then those that nearly do."""
    counts = Counter(key_of(row) for row in ours)
    missing = []
    for row in theirs:
        if counts[key := key_of(row)] > 0:
            counts[key] -= 1
        else:
            missing.append(row)
    added = []
    for row in ours:
        if counts[key := key_of(row)] > 0:
            counts[key] -= 1
            added.append(row)
    for row in list(missing):
        partner = next((at for at, other in enumerate(added) if row_agrees(row, other, types)), None)
        if partner is not None:
            missing.remove(row)
            added.pop(partner)
    return missing, added


def _order_differs(tree: exp.Expr, theirs: Sequence[Row], ours: Sequence[Row], types: Sequence[str]) -> bool:
    """Are the rows ordered by something that they show, and not alike? Rows that tie may come in any order."""
    if not tree.args.get("order"):
        return False
    keys = _sort_columns(tree)
    shown = keys if keys is not None else range(len(types))
    return not all(
        row_agrees([one[at] for at in shown], [other[at] for at in shown], [types[at] for at in shown])
        for one, other in zip(theirs, ours, strict=True)
    )


def _sort_columns(tree: exp.Expr) -> list[int] | None:
    """Where the columns of ORDER BY stand in the output; None if one is not shown there."""
    select = tree.find(exp.Select)
    outputs = select.expressions if select else []
    found = []
    for ordered in tree.args["order"].expressions:
        key = ordered.this
        if key.is_int:
            found.append(int(key.name) - 1)
            continue
        at = next((i for i, out in enumerate(outputs) if _is_same_column(key, out)), None)
        if at is None:
            return None
        found.append(at)
    return found


def _is_same_column(key: exp.Expr, output: exp.Expr) -> bool:
    named = isinstance(key, exp.Column) and key.name.casefold() == output.alias_or_name.casefold()
    return named or key == output.unalias()


def _shown(row: Row) -> str:
    return "(" + ", ".join("NULL" if cell is None else str(cell) for cell in row) + ")"


def _message(differences: Sequence[str], theirs: QueryResult) -> str:
    rows = "1 row" if len(theirs.rows) == 1 else f"{len(theirs.rows):,} rows"
    return f"Same on both: {rows}." if not differences else f"Different: {differences[0]}."
