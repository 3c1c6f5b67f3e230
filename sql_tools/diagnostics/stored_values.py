"""Text literals against what is stored: a value that no row holds, and the stored one that comes nearest."""

import difflib
from collections.abc import Iterator

from sqlglot import exp

from sql_tools.models import Column, Context, Table
from sql_tools.query.grain import Grain, own, stored_column
from sql_tools.query.identifiers import identifier
from sql_tools.query.types import kind_of
from sql_tools.warehouses.probe import Probe, table_of
from sql_tools.words import fold


def values_are_held(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """Each text that a column is compared with is in some row of its table."""
    for node in _comparisons(grain):
        column, texts = _compared(node)
        home = grain.home(column) if column is not None else None
        table, stored = stored_column(home, grain)
        if table is None or stored is None or not _is_text(stored) or not table.row_count:
            continue
        for text in texts:
            if text not in stored.values and is_held(text, table, stored, probe) is False:
                yield f"no row of {table.name} holds '{text}' in {stored.name}{nearest_words(text, table, stored, probe)}"


def _is_text(stored: Column) -> bool:
    return kind_of(stored.type) == "text" or stored.type.upper().startswith("ENUM")


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
    for kind in (exp.EQ, exp.NEQ, exp.In):
        yield from (
            n
            for n in own(select, kind)
            if n.find_ancestor(exp.If, exp.Filter, exp.Having, exp.Qualify, exp.Select) is not select
        )


def _compared(node: exp.Expr) -> tuple[exp.Column | None, list[str]]:
    sides = [node.this, *(node.expressions if isinstance(node, exp.In) else [node.expression])]
    if isinstance(node.this, exp.Literal):
        sides.reverse()
    column, *others = sides
    texts = [o.this for o in others if isinstance(o, exp.Literal) and o.is_string]
    return (column, texts) if isinstance(column, exp.Column) else (None, [])
