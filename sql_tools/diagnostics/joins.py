"""Joins that rarely mean what they say: COUNT(*) over unmatched rows, past a declared key, columns with no value in common.

Each diagnostic looks at one SELECT. `joins_keep_to_keys` asks nothing of the data; the other two ask one question each.
"""

from collections.abc import Iterator

from sqlglot import exp

from sql_tools.diagnostics.duplicates import with_ctes
from sql_tools.models import Column, Context, ForeignKey, Table
from sql_tools.query.grain import Grain, Name, groups_of, own, stored_column
from sql_tools.query.types import kind_of
from sql_tools.warehouses.probe import Probe


def no_match_counts_nothing(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """COUNT(*) over a LEFT JOIN is 1, not 0, for a row that nothing matches."""
    joins = grain.select.args.get("joins") or []
    if len(joins) != 1 or joins[0].side not in ("LEFT", "RIGHT") or not grain.select.args.get("group"):
        return
    first = grain.select.args["from_"].this.alias_or_name.lower()
    right = joins[0].this.alias_or_name.lower() if joins[0].side == "LEFT" else first
    counts = [count for count in own(grain.select, exp.Count) if _is_plain(count) and _counts_rows(count, right, grain)]
    if not counts:
        return
    key = next((name for pair in grain.equalities for name in pair if name and name[0] == right), None)
    if key is None or right in _named(grain):
        return
    query = exp.select("COUNT(*)").from_(grain.select.args["from_"].this.copy())
    query.set("joins", [join.copy() for join in joins])
    column = exp.column(key[1], table=right)
    query = query.where(exp.Is(this=column, expression=exp.Null()))
    if where := grain.select.args.get("where"):
        query = query.where(where.this.copy())
    found = probe.run(with_ctes(query, grain.select))
    if found is not None and found.rows and found.rows[0][0]:
        told = f"{counts[0].sql(context.dialect)} counts 1 where no row of {grain.sources[right].shown} matches, {found.rows[0][0]:,} times"
        yield f"{told}; COUNT({column.sql(context.dialect)}) counts 0"


def _counts_rows(count: exp.Expr, beside: str, grain: Grain) -> bool:
    """Does it count every joined row: `*`, a number, or columns of the side that is always there?"""
    homes = [grain.home(column) for column in count.find_all(exp.Column) if not isinstance(column.this, exp.Star)]
    return not count.find(exp.Distinct) and all(home is not None and home[0] != beside for home in homes)


def joins_keep_to_keys(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """Two tables with a declared key between them are joined by it."""
    pairs = [(one, other) for one, other in grain.equalities if other is not None]
    for a, b in dict.fromkeys((one[0], other[0]) for one, other in pairs):
        keys = [*_keys(grain, a, b), *_keys(grain, b, a)]
        joined = {frozenset(pair) for pair in pairs if {pair[0][0], pair[1][0]} == {a, b}}
        if a != b and keys and not any(key & joined for key in keys):
            words = " and ".join(" = ".join(_shown(name, grain) for name in sorted(pair)) for pair in keys[0])
            yield f"{grain.sources[a].shown} and {grain.sources[b].shown} are not joined by their key, {words}"


def _keys(grain: Grain, a: str, b: str) -> Iterator[set[frozenset[Name]]]:
    """The declared keys of one source that refer to another, each as its pairs of columns."""
    one, other = grain.sources[a].table, grain.sources[b].table
    for key in one.foreign_keys if one and other else ():
        if key.declared and other and key.target_table == other.name:
            yield {
                frozenset({(a, left.lower()), (b, right.lower())})
                for left, right in zip(key.columns, key.target_columns, strict=True)
            }


def _shown(name: Name, grain: Grain) -> str:
    return f"{grain.sources[name[0]].shown}.{name[1]}"


def _named(grain: Grain) -> set[str]:
    """The sources that WHERE and the groups speak of."""
    where = grain.select.args.get("where")
    nodes = [*(groups_of(grain) or ()), *([where.this] if where else [])]
    return {home[0] for node in nodes for column in node.find_all(exp.Column) if (home := grain.home(column))}


def _is_plain(count: exp.Expr) -> bool:
    return not isinstance(count.parent, (exp.Window, exp.Filter))


def joins_can_meet(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """Joined columns have a value in common, and are of like type unless a key says they belong together."""
    for one, other in grain.equalities:
        (table, column), (table_2, column_2) = stored_column(one, grain), stored_column(other, grain)
        if (
            table is None
            or column is None
            or table_2 is None
            or column_2 is None
            or (table, column) == (table_2, column_2)
        ):
            continue
        key = _key_between(table, column, table_2, column_2)
        pair = f"{table.name}.{column.name} and {table_2.name}.{column_2.name}"
        kinds = kind_of(column.type), kind_of(column_2.type)
        if key is None and all(kinds) and kinds[0] != kinds[1]:
            yield f"{pair} are joined but of unlike type: {column.type} and {column_2.type}"
        elif key is not None and not key.declared:
            continue  # borne out on the data; a declared key is not, neither Snowflake nor SQLite holds it true
        elif (
            table.row_count and table_2.row_count and probe.overlap(table, column.name, table_2, column_2.name) is False
        ):
            yield f"{pair} are joined but have no value in common"


def _key_between(table: Table, column: Column, other: Table, other_column: Column) -> ForeignKey | None:
    """The foreign key of either that refers to the other."""
    ways = ((table, column, other, other_column), (other, other_column, table, column))
    keys = [
        key
        for source, a, target, b in ways
        for key in source.foreign_keys
        if key.columns == (a.name,) and key.target_table == target.name and key.target_columns == (b.name,)
    ]
    return keys[0] if keys else None
