"""Valid SQL -> what may be wrong with its number: the double-count alarm and the other diagnostics, each a Check.

Nothing here refuses or changes the SQL. Asking the data is bounded in time, all checks of a statement together.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import sqlglot

from sql_tools.diagnostics.conditions import CONDITIONS, Diagnostic
from sql_tools.diagnostics.fan_out import fan_out
from sql_tools.diagnostics.joins import joins_can_meet, joins_keep_to_keys, no_match_counts_nothing
from sql_tools.diagnostics.ratios import ratios_can_differ
from sql_tools.diagnostics.stored_values import values_are_held
from sql_tools.models import Check, Context, Record
from sql_tools.query.grain import Grain, grains
from sql_tools.semantic.defined import metric_checks
from sql_tools.warehouses import Warehouse
from sql_tools.warehouses.probe import Probe

T = TypeVar("T")
ALL: tuple[Diagnostic, ...] = (
    *CONDITIONS,
    ratios_can_differ,
    no_match_counts_nothing,
    joins_keep_to_keys,
    values_are_held,
    joins_can_meet,
)


class Diagnosis(Record):
    """One check for each diagnostic, and the SQL offered in place of one that counts rows twice; "" if there is none."""

    checks: tuple[Check, ...] = ()
    rewritten: str = ""


def diagnose(sql: str, context: Context, warehouse: Warehouse) -> Diagnosis:
    """The checks that valid SQL may fail and still run. One that breaks on this SQL is left out: it has not looked."""
    probe = Probe(warehouse)
    try:
        tree = sqlglot.parse_one(sql, read=context.dialect)
        found = list(grains(tree, context))
    except Exception:  # names too tangled; a node sqlglot's writer stumbles over
        return Diagnosis()
    alarm = _unless_it_breaks(lambda: fan_out(tree, context, probe))
    checks = [_unless_it_breaks(partial(_check, diagnostic, found, context, probe)) for diagnostic in ALL]
    metrics = _unless_it_breaks(lambda: metric_checks(tree, context)) or ()
    told = (alarm.check if alarm else None, *checks, *metrics)
    return Diagnosis(checks=tuple(check for check in told if check), rewritten=alarm.rewritten if alarm else "")


def _unless_it_breaks(look: Callable[[], T]) -> T | None:
    """What is found; None where looking broke. The answer is there already, and must not be lost."""
    try:
        return look()
    except Exception:
        return None


def _check(diagnostic: Diagnostic, found: list[Grain], context: Context, probe: Probe) -> Check:
    odd = list(dict.fromkeys(words for grain in found for words in diagnostic(grain, context, probe)))
    if odd:
        return Check(name=diagnostic.__name__, outcome="warned", detail="; ".join(odd) + ".")
    return Check(name=diagnostic.__name__, outcome="passed", detail="nothing odd")
