"""Valid SQL -> what may be wrong with its number: the double-count alarm and the other diagnostics, each a Check.

Nothing here refuses or changes the SQL. Asking the data is bounded in time, all checks of a statement together. A check that
could not look, or broke, says so: it is not checked.
"""

import logging
from collections.abc import Sequence

from sqlglot import exp

from sql_tools.diagnostics.conditions import CONDITIONS, Diagnostic
from sql_tools.diagnostics.fan_out import CHECK, fan_out
from sql_tools.diagnostics.groups import categories_are_spelt_alike, months_keep_their_year
from sql_tools.diagnostics.inline import inlined
from sql_tools.diagnostics.joins import joins_can_meet, joins_keep_to_keys, no_match_counts_nothing
from sql_tools.diagnostics.limits import limits_lose_nothing
from sql_tools.diagnostics.nulls import not_in_meets_no_null
from sql_tools.diagnostics.plainer import plainer
from sql_tools.diagnostics.ratios import ratios_can_differ
from sql_tools.diagnostics.stored_values import values_are_held
from sql_tools.diagnostics.text_numbers import casts_keep_values, numbers_order_as_numbers
from sql_tools.errors import NotChecked
from sql_tools.models import Check, Context, Record
from sql_tools.query.grain import Grain, grains, unjudged
from sql_tools.query.text import parse
from sql_tools.semantic.defined import metric_checks
from sql_tools.warehouses import Warehouse
from sql_tools.warehouses.probe import Probe

ALL: tuple[Diagnostic, ...] = (
    *CONDITIONS,
    ratios_can_differ,
    no_match_counts_nothing,
    joins_keep_to_keys,
    values_are_held,
    joins_can_meet,
    not_in_meets_no_null,
    limits_lose_nothing,
    casts_keep_values,
    numbers_order_as_numbers,
    categories_are_spelt_alike,
    months_keep_their_year,
)
LOG = logging.getLogger(__name__)


class Diagnosis(Record):
    """One check for each diagnostic, and the SQL offered in place of one that counts rows twice; "" if there is none."""

    checks: tuple[Check, ...] = ()
    rewritten: str = ""


def diagnose(sql: str, context: Context, warehouse: Warehouse) -> Diagnosis:
    """The checks that valid SQL may fail and still run."""
    probe = Probe(warehouse)
    names = (CHECK, *(diagnostic.__name__ for diagnostic in ALL))
    try:
        tree = plainer(parse(sql, context.dialect))
        found = list(grains(tree, context))
        merged = inlined(tree, context)
        inside = list(grains(merged, context)) if merged is not None else []
        unknown = [_place(select, context.dialect) for select in unjudged(tree, context)]
    except Exception as error:  # names too tangled; a node sqlglot's writer stumbles over
        return Diagnosis(checks=tuple(_broken(name, error) for name in names))
    checks, rewritten = [], ""
    try:
        alarm = fan_out(tree, context, probe)
        checks, rewritten = [alarm.check], alarm.rewritten
    except Exception as error:  # the answer is there already, and must not be lost
        checks = [_broken(CHECK, error)]
    checks += [_check(diagnostic, (found, inside), unknown, context, probe) for diagnostic in ALL]
    try:
        checks += metric_checks(tree, context)
    except Exception as error:
        checks.append(_broken("metrics_as_defined", error))
    return Diagnosis(checks=tuple(checks), rewritten=rewritten)


def _check(
    diagnostic: Diagnostic,
    readings: Sequence[Sequence[Grain]],
    unknown: Sequence[str],
    context: Context,
    probe: Probe,
) -> Check:
    """The verdict on each SELECT as it stands; where nothing is odd so, on the SELECTs with plain subqueries put into them."""
    name, odd, missed = diagnostic.__name__, list[str](), list(unknown)
    before = probe.unanswered
    for found in readings:
        for grain in found if not odd else ():
            try:
                odd += diagnostic(grain, context, probe)
            except NotChecked as error:
                missed.append(str(error))
            except Exception as error:
                return _broken(name, error)
    if odd:
        return Check(name=name, outcome="warned", detail="; ".join(dict.fromkeys(odd)) + ".")
    if probe.unanswered > before:
        missed.append("the data was not asked, or gave no answer in time")
    if missed:
        return Check(name=name, outcome="not_checked", detail="; ".join(dict.fromkeys(missed)))
    return Check(name=name, outcome="passed", detail="nothing odd")


def _broken(name: str, error: Exception) -> Check:
    LOG.error("%s broke", name, exc_info=error)
    return Check(name=name, outcome="not_checked", detail=f"it broke on this SQL ({type(error).__name__})")


def _place(select: exp.Select, dialect: str) -> str:
    """Which FROM could not be judged, in its own words."""
    text = select.args["from_"].sql(dialect, comments=False)
    return f"what comes {text[:60]}{'…' if len(text) > 60 else ''}"
