"""Literals and join columns against what is stored: values no row holds, joins that no pair of rows can meet."""

import difflib
from collections.abc import Iterator

from sqlglot import exp

from sql_tools.grain import Grain, Name
from sql_tools.identifiers import identifier
from sql_tools.models import Column, Context, ForeignKey, Table
from sql_tools.probe import Probe, table_of
from sql_tools.words import fold

NUMBERS = ("INT", "DOUBLE", "FLOAT", "REAL", "DECIMAL", "NUMERIC", "NUMBER")
KINDS = {"number": NUMBERS, "text": ("CHAR", "TEXT", "STRING", "ENUM"), "time": ("DATE", "TIME"), "truth": ("BOOL",)}


def values_are_held(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """Each text that a column is compared with is in some row of its table."""
    for node in _comparisons(grain):
        column, texts = _compared(node)
        home = grain.home(column) if column is not None else None
        table, stored = stored_column(home, grain)
        if table is None or stored is None or kind_of(stored.type) != "text" or not table.row_count:
            continue
        for text in texts:
            if text not in stored.values and is_held(text, table, stored, probe) is False:
                yield f"no row of {table.name} holds '{text}' in {stored.name}{nearest_words(text, table, stored, probe)}"


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


def kind_of(sql_type: str) -> str:
    """number, text, time or truth; empty for any other type. INTERVAL holds INT but is no number."""
    upper = sql_type.upper()
    if upper.endswith("]") or upper.startswith(("INTERVAL", "STRUCT", "MAP", "UNION")):
        return ""
    return next((kind for kind, words in KINDS.items() if any(word in upper for word in words)), "")


def stored_column(home: Name | None, grain: Grain) -> tuple[Table | None, Column | None]:
    """The catalog's table and column behind an alias and name; None for a subquery's."""
    table = grain.sources[home[0]].table if home else None
    if home is None or table is None:
        return None, None
    return table, next((c for c in table.columns if c.name.lower() == home[1]), None)


def is_held(text: str, table: Table, stored: Column, probe: Probe) -> bool | None:
    """Is there a row with this text? None if it cannot be told in time."""
    column = exp.column(identifier(stored.name, probe.dialect))
    query = (
        exp.select("1")
        .from_(table_of(table, probe.dialect))
        .where(exp.EQ(this=column, expression=exp.Literal.string(text)))
    )
    result = probe.run(query.limit(1))
    return None if result is None else bool(result.rows)


def nearest_words(text: str, table: Table, stored: Column, probe: Probe) -> str:
    """`; the nearest is 'France' (2 rows)`, or nothing if none is near."""
    near = nearest_value(text, probe.values(table, stored.name) or ())
    if near is None:
        return ""
    column = exp.column(identifier(stored.name, probe.dialect))
    same = exp.EQ(this=column, expression=exp.Literal.string(near))
    result = probe.run(exp.select("COUNT(*)").from_(table_of(table, probe.dialect)).where(same))
    count = f" ({result.rows[0][0]:,} row{'s' * (result.rows[0][0] != 1)})" if result is not None else ""
    return f"; the nearest stored value is '{near}'{count}"


def nearest_value(text: str, values: tuple[str, ...]) -> str | None:
    """The stored value most like a text: the same but for case and accents, else spelled much alike, else containing it."""
    folded = {fold(value).strip(): value for value in reversed(values)}
    wanted = fold(text).strip()
    if wanted in folded:
        return folded[wanted]
    if close := difflib.get_close_matches(wanted, folded, n=1, cutoff=0.65):
        return folded[close[0]]
    holding = [
        value
        for key, value in folded.items()
        if len(wanted) > 2 and (wanted in key or (len(key) > 2 and key in wanted))
    ]
    return min(holding, key=len, default=None)


def _comparisons(grain: Grain) -> Iterator[exp.Expr]:
    select = grain.select
    clauses = [select.args.get("where"), *(join.args.get("on") for join in select.args.get("joins") or [])]
    for clause in filter(None, clauses):
        yield from (n for n in clause.find_all(exp.EQ, exp.NEQ, exp.In) if n.find_ancestor(exp.Select) is select)


def _compared(node: exp.Expr) -> tuple[exp.Column | None, list[str]]:
    sides = [node.this, *(node.expressions if isinstance(node, exp.In) else [node.expression])]
    if isinstance(node.this, exp.Literal):
        sides.reverse()
    column, *others = sides
    texts = [o.this for o in others if isinstance(o, exp.Literal) and o.is_string]
    return (column, texts) if isinstance(column, exp.Column) else (None, [])


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
