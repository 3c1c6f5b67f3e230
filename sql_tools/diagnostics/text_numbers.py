"""Numbers kept as text: '9' is above '10', and a cast that may fail quietly leaves nothing to sum.

Both ask the data behind the SELECT, its own FROM and WHERE.
"""

from collections.abc import Iterator

from sqlglot import exp

from sql_tools.diagnostics.duplicates import rows_of, with_ctes
from sql_tools.models import Context
from sql_tools.query.conditions import output_at, parts_of
from sql_tools.query.grain import Grain, own, stored_column
from sql_tools.query.types import kind_of
from sql_tools.warehouses.probe import Probe

MOSTLY = 0.8  # the share of values that are numbers, where a text column holds numbers
MANY = 0.1  # the share of values that a cast may turn into NULL without a word


def casts_keep_values(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """No TRY_CAST turns all, or many, of the values it is given into NULL."""
    for cast in own(grain.select, exp.TryCast):
        inner = cast.this
        if isinstance(cast.parent, exp.Count):  # how many can be read is what is asked
            continue
        filtered = cast.find_ancestor(exp.Filter, exp.Select)
        if cast.find(exp.AggFunc, exp.Query) or not inner.find(exp.Column):
            continue
        if not all(grain.home(column) for column in cast.find_all(exp.Column)):
            continue
        counts = [exp.Count(this=inner.copy()), exp.Count(this=cast.copy())]
        rows = rows_of(grain).select(*counts)
        if isinstance(filtered, exp.Filter):
            rows = rows.where(filtered.expression.this.copy())
        result = probe.run(with_ctes(rows, grain.select))
        if result is None or not result.rows:
            continue
        given, kept = result.rows[0]
        if given and given - kept >= MANY * given:
            yield f"{cast.sql(context.dialect)} turns {given - kept:,} of {given:,} values into NULL"


def numbers_order_as_numbers(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """No MIN, MAX, ORDER BY or comparison puts numbers that are kept as text in the order of text."""
    for column, use in _ordered(grain):
        _, stored = stored_column(grain.home(column), grain)
        if stored is None or kind_of(stored.type) != "text":
            continue
        if (pair := _out_of_order(column, use, grain, probe)) is not None:
            yield f"{use.sql(context.dialect)} takes {stored.name} for text, and as text '{pair[0]}' comes after '{pair[1]}'"


def _ordered(grain: Grain) -> Iterator[tuple[exp.Column, exp.Expr]]:
    """The columns whose order counts, and where."""
    select = grain.select
    for node in own(select, exp.Expr):
        if isinstance(node, (exp.Min, exp.Max)) and isinstance(node.this, exp.Column):
            yield node.this, node
        elif isinstance(node, exp.Ordered):
            key = _meant(node.this, select)
            if isinstance(key, exp.Column):
                yield key, node
    where = select.args.get("where")
    for node in where.find_all(exp.GT, exp.GTE, exp.LT, exp.LTE) if where else ():
        if node.find_ancestor(exp.Select) is select:
            for side, other in ((node.this, node.expression), (node.expression, node.this)):
                if isinstance(side, exp.Column) and other.is_string and _is_number(other.name):
                    yield side, node


def _meant(key: exp.Expr, select: exp.Select) -> exp.Expr | None:
    """The column or output that a key of ORDER BY stands for."""
    if isinstance(key, exp.Literal) and key.is_int:
        output = output_at(int(key.name), select)
        return output.unalias() if output is not None else None
    if isinstance(key, exp.Column) and not key.table:
        return next((e.this for e in select.expressions if isinstance(e, exp.Alias) and e.alias == key.name), key)
    return key


def _out_of_order(column: exp.Column, use: exp.Expr, grain: Grain, probe: Probe) -> tuple[str, str] | None:
    """Two texts, the first after the second as text and below it as a number, of the rows that the other conditions keep; None
    where a value in five is no number."""
    rows = rows_of(grain)
    if where := rows.args.get("where"):
        others = [part for part in parts_of(where.this) if part != use]
        rows.set("where", exp.Where(this=exp.and_(*others)) if others else None)
    text = column.copy()
    number = exp.TryCast(this=column.copy(), to=exp.DataType.build("DOUBLE"))
    inner = rows.select(exp.alias_(text, "t_"), exp.alias_(number, "n_")).where(column.copy().is_(exp.null()).not_())
    window = exp.Window(
        this=exp.Lag(this=exp.column("n_")), order=exp.Order(expressions=[exp.Ordered(this=exp.column("t_"))])
    )
    before = exp.Window(
        this=exp.Lag(this=exp.column("t_")), order=exp.Order(expressions=[exp.Ordered(this=exp.column("t_"))])
    )
    middle = exp.select("t_", "n_", exp.alias_(window, "m_"), exp.alias_(before, "s_")).from_(
        inner.distinct().subquery("v_")
    )
    total = exp.select("COUNT(*)", "COUNT(n_)").from_(inner.copy().distinct().subquery("v_"))
    sums = probe.run(with_ctes(total, grain.select))
    if sums is None or not sums.rows or sums.rows[0][0] < 2 or sums.rows[0][1] < MOSTLY * sums.rows[0][0]:
        return None
    pair = exp.select("t_", "s_").from_(middle.subquery("w_")).where("n_ < m_").limit(1)
    result = probe.run(with_ctes(pair, grain.select))
    return (result.rows[0][0], result.rows[0][1]) if result is not None and result.rows else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
