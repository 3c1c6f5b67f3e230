"""Valid SQL -> what may be wrong with its number: the double-count alarm and the suspicions, as checks that may fail.

Nothing here refuses or changes the SQL. Asking the data is bounded in time, all checks of a statement together.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import sqlglot

from sql_tools.fanout import fan_out
from sql_tools.grain import Grain, grains
from sql_tools.held import joins_can_meet, values_are_held
from sql_tools.misread import MISREAD
from sql_tools.models import Check, Context, Record
from sql_tools.probe import Probe
from sql_tools.semantic.defined import metric_checks
from sql_tools.suspicions import SUSPICIONS, Suspicion
from sql_tools.warehouses import Warehouse

T = TypeVar("T")
ALL: tuple[Suspicion, ...] = (*SUSPICIONS, *MISREAD, values_are_held, joins_can_meet)


class Doubts(Record):
    """One check a suspicion, and the SQL offered in place of one that counts rows twice; empty if there is none."""

    checks: tuple[Check, ...] = ()
    rewritten: str = ""


def doubts(sql: str, context: Context, warehouse: Warehouse) -> Doubts:
    """The checks that valid SQL may fail and still run. One that breaks on this SQL is left out: it has not looked."""
    probe = Probe(warehouse)
    try:
        tree = sqlglot.parse_one(sql, read=context.dialect)
        found = list(grains(tree, context))
    except Exception:  # names too tangled; a node sqlglot's writer stumbles over
        return Doubts()
    alarm = _unless_it_breaks(lambda: fan_out(tree, context, probe))
    checks = [_unless_it_breaks(partial(_check, suspicion, found, context, probe)) for suspicion in ALL]
    metrics = _unless_it_breaks(lambda: metric_checks(tree, context)) or ()
    told = (alarm.check if alarm else None, *checks, *metrics)
    return Doubts(checks=tuple(check for check in told if check), rewritten=alarm.rewritten if alarm else "")


def _unless_it_breaks(look: Callable[[], T]) -> T | None:
    """What is found; None where looking broke. The answer is there already, and must not be lost."""
    try:
        return look()
    except Exception:
        return None


def _check(suspicion: Suspicion, found: list[Grain], context: Context, probe: Probe) -> Check:
    odd = list(dict.fromkeys(words for grain in found for words in suspicion(grain, context, probe)))
    return Check(name=suspicion.__name__, passed=not odd, detail="; ".join(odd) + "." if odd else "nothing odd")
