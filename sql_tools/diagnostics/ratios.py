"""Ratios that say less than they seem to: a number divided by itself, a part of what WHERE has already kept.

It asks nothing of the data.
"""

from collections.abc import Iterator

from sqlglot import exp

from sql_tools.models import Context
from sql_tools.query.conditions import bare, repeated
from sql_tools.query.grain import Grain, own
from sql_tools.warehouses.probe import Probe


def ratios_can_differ(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """No part is divided by itself: the same number twice, or rows picked by what WHERE has already kept."""
    for ratio in own(grain.select, exp.Div):
        part, whole = bare(ratio.this), bare(ratio.expression)
        if part.find(exp.AggFunc) is None:
            continue
        if part == whole:
            yield f"{ratio.sql(context.dialect)} divides a number by itself"
        elif isinstance(whole, exp.Count) and not whole.find(exp.Distinct, exp.Case):
            for kept in repeated(ratio, grain.select):
                yield f"WHERE keeps only rows with {kept.sql(context.dialect)}, so {ratio.sql(context.dialect)} is of these alone"
