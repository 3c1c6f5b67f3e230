"""An empty result -> why: the condition that no row meets, and the nearest stored value.

The query is asked again without one of its conditions at a time, only whether any row is left. Bounded: the first
MAX_PARTS conditions, a few seconds in all. Said of the outermost SELECT; of a set operation, which side has no rows.
"""

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.errors import SqlglotError

from sql_tools.diagnostics.duplicates import with_ctes
from sql_tools.diagnostics.stored_values import is_held, nearest_words
from sql_tools.errors import CopilotError
from sql_tools.models import Column, Context, QueryResult, Table
from sql_tools.query.conditions import parts_of
from sql_tools.query.grain import Grain, grains, stored_column
from sql_tools.query.text import parse
from sql_tools.query.types import kind_of
from sql_tools.warehouses import Warehouse
from sql_tools.warehouses.probe import Probe, table_of

MAX_PARTS = 8
MAX_LISTED = 8
SIDES = {exp.Intersect: "INTERSECT keeps what both sides hold", exp.Except: "EXCEPT takes the second side's rows away"}


def is_empty(result: QueryResult, sql: str, dialect: str) -> bool:
    """No rows, or one row of aggregates over none: zeros and NULLs only."""
    if not result.rows:
        return True
    if len(result.rows) > 1 or any(cell is not None and cell != 0 for cell in result.rows[0]):
        return False
    select = parse(sql, dialect)
    alone = isinstance(select, exp.Select) and not select.args.get("group")
    return alone and all(e.find(exp.AggFunc) and not e.find(exp.Query) for e in select.expressions)


def why_empty(sql: str, context: Context, warehouse: Warehouse) -> str:
    """The reason in one or two sentences; empty if it was not found in time."""
    try:
        tree = parse(sql, context.dialect)
        return _Reason(tree, context, Probe(warehouse)).of(tree)
    except (SqlglotError, CopilotError, RecursionError, AttributeError):  # sqlglot's writer stumbles over some nodes
        return ""


class _Reason:
    """Finds why a query of one statement has no rows."""

    def __init__(self, tree: exp.Expr, context: Context, probe: Probe) -> None:
        self.dialect, self.probe = context.dialect, probe
        self.grains = {id(grain.select): grain for grain in grains(tree, context)}

    def of(self, query: exp.Expr) -> str:
        if isinstance(query, exp.SetOperation):
            return _why_set(query, self.probe)
        return self._of_select(query) if isinstance(query, exp.Select) else ""

    def _of_select(self, select: exp.Select) -> str:
        where = select.args.get("where")
        parts = parts_of(where.this) if where else []
        if (whole := _rows_left(select, parts, self.probe)) is None:
            return ""
        if whole:
            return _why_later(select, self.dialect)
        if not _rows_left(select, [], self.probe):
            return _why_sources(select, self.grains.get(id(select)), self.probe)
        tried = parts[:MAX_PARTS]
        if alone := [part for part in tried if _rows_left(select, [part], self.probe) is False]:
            return " ".join(self._unmet(part, select) for part in alone)
        without = [p for p in tried if _rows_left(select, [other for other in parts if other is not p], self.probe)]
        if len(without) == 1:
            return f"Rows meet the other conditions, but none of those meets {self._shown(without[0])}."
        return f"Rows meet {', rows meet '.join(map(self._shown, without or tried))}, but no row meets all conditions."

    def _unmet(self, part: exp.Expr, select: exp.Select) -> str:
        """A condition that no row meets, with what is stored instead."""
        words = f"No row meets {self._shown(part)}"
        if inner := part.find(exp.Select):
            alone = _stands_alone(inner, self.grains) and isinstance(part, (exp.In, exp.EQ, exp.Exists))
            result = self.probe.run(with_ctes(inner.copy(), inner)) if alone else None
            return f"{words}. {self.of(inner)}".strip() if result is not None and not result.rows else f"{words}."
        grain = self.grains.get(id(select))
        if grain is not None and len(grain.sources) > 1 and (table := self._met_before_join(part, select, grain)):
            others = " and ".join(source.shown for source in grain.sources.values() if source.shown != table)
            return f"Rows of {table} meet {self._shown(part)}, but none of those has a row in {others}."
        told = list(dict.fromkeys(_nearest(part, grain, self.probe)))
        return f"{'; '.join([words, *told])}."

    def _met_before_join(self, part: exp.Expr, select: exp.Select, grain: Grain) -> str:
        """The one table the condition is about, if rows of it meet the condition; else nothing."""
        homes = {home[0] for column in part.find_all(exp.Column) if (home := grain.home(column))}
        nodes = [select.args["from_"].this, *(join.this for join in select.args.get("joins") or [])]
        node = next((n for n in nodes if homes == {n.alias_or_name.lower()} and isinstance(n, exp.Table)), None)
        if node is None:
            return ""
        query = exp.select("1").from_(node.copy()).where(part.copy()).limit(1)
        result = self.probe.run(with_ctes(query, select))
        return grain.sources[node.alias_or_name.lower()].shown if result is not None and result.rows else ""

    def _shown(self, part: exp.Expr) -> str:
        return part.sql(self.dialect)


def _stands_alone(select: exp.Select, known: dict[int, Grain]) -> bool:
    """May the subquery be asked by itself: are all its columns of its own FROM?"""
    grain = known.get(id(select))
    columns = [c for c in select.find_all(exp.Column) if c.find_ancestor(exp.Select) is select]
    return grain is not None and all(grain.home(column) for column in columns)


def _rows_left(select: exp.Select, parts: list[exp.Expr], probe: Probe) -> bool | None:
    """Has FROM any row that meets these conditions? None if it cannot be told in time."""
    args = {key: node for key in ("from_", "joins", "laterals") if (node := select.args.get(key))}
    query = exp.Select(
        **{k: n.copy() if isinstance(n, exp.Expr) else [one.copy() for one in n] for k, n in args.items()}
    )
    query = query.select("1").limit(1)
    if parts:
        query = query.where(*[part.copy() for part in parts])
    result = probe.run(with_ctes(query, select))
    return None if result is None else bool(result.rows)


def _why_later(select: exp.Select, dialect: str) -> str:
    """Rows pass WHERE, so what comes after it took them."""
    if having := select.args.get("having"):
        return f"Rows are found, but no group meets {having.this.sql(dialect)}."
    if qualify := select.args.get("qualify"):
        return f"Rows are found, but none meets {qualify.this.sql(dialect)}."
    if select.args.get("offset"):
        return "Rows are found, but OFFSET skips all of them."
    return ""


def _why_sources(select: exp.Select, grain: Grain | None, probe: Probe) -> str:
    if grain is None:
        return ""
    tables = [source.table for source in grain.sources.values() if source.table]
    bare = [
        t.name
        for t in tables
        if (r := probe.run(exp.select("1").from_(table_of(t, probe.dialect)).limit(1))) and not r.rows
    ]
    if bare:
        return f"{' and '.join(dict.fromkeys(bare))} {'holds' if len(set(bare)) == 1 else 'hold'} no rows."
    joined = " and ".join(source.shown for source in grain.sources.values())
    return f"The join of {joined} finds no rows that belong together." if len(grain.sources) > 1 else ""


def _why_set(tree: exp.SetOperation, probe: Probe) -> str:
    """Which side of a set operation has no rows of its own."""
    sides = {"first": tree.left, "second": tree.right}
    counts: dict[str, bool | None] = {}
    for name, side in sides.items():
        query = exp.select("1").from_(exp.Subquery(this=side.unnest().copy()).as_("side")).limit(1)
        for cte in tree.ctes:
            query = query.with_(cte.args["alias"].copy(), as_=cte.this.copy(), copy=False)
        result = probe.run(query)
        counts[name] = None if result is None else bool(result.rows)
    if without := [
        name
        for name, any_rows in counts.items()
        if any_rows is False and not (name == "second" and isinstance(tree, exp.Except))
    ]:
        return f"The {' and the '.join(without)} of the two queries {'finds' if len(without) == 1 else 'find'} no rows."
    return f"Both queries find rows, but {SIDES[type(tree)]}." if type(tree) in SIDES and all(counts.values()) else ""


def _nearest(part: exp.Expr, grain: Grain | None, probe: Probe) -> Iterator[str]:
    """What is stored instead of the value compared with: the nearest text, or the range of numbers and dates."""
    for test in part.find_all(exp.EQ, exp.In, exp.Like, exp.ILike, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between):
        column = test.this if isinstance(test.this, exp.Column) else test.args.get("expression")
        if grain is None or not isinstance(column, exp.Column):
            continue
        table, stored = stored_column(grain.home(column), grain)
        if table is None or stored is None:
            continue
        if kind_of(stored.type) in ("number", "time"):
            yield from _range(column, table.name, probe.run(_extremes(table_of(table, probe.dialect), column)))
            continue
        for literal in test.find_all(exp.Literal):
            text = literal.this.strip("%") if isinstance(test, (exp.Like, exp.ILike)) else literal.this
            if literal.is_string and not is_held(text, table, stored, probe):
                yield nearest_words(text, table, stored, probe).removeprefix("; ") or _choice(table, stored, probe)


def _choice(table: Table, stored: Column, probe: Probe) -> str:
    """All the column's values, where they are few."""
    values = probe.values(table, stored.name) or ()
    listed = ", ".join(f"'{value}'" for value in values)
    return f"{stored.name} is one of {listed}" if 0 < len(values) <= MAX_LISTED else "nothing stored is like it"


def _extremes(table: exp.Table, column: exp.Column) -> exp.Select:
    bare = exp.column(column.this.copy())
    return exp.select(exp.Min(this=bare), exp.Max(this=bare.copy())).from_(table)


def _range(column: exp.Column, table: str, result: QueryResult | None) -> Iterator[str]:
    if result is not None and result.rows and result.rows[0][0] is not None:
        low, high = result.rows[0]
        yield f"{column.name} of {table} lies between {low} and {high}"
