"""Groups that are not what they seem: one category in two spellings, January of all years in one.

Both ask the data, and judge plain columns: a query that folds its categories (LOWER, TRIM) has seen to them.
"""

from collections import defaultdict
from collections.abc import Iterator

from sqlglot import exp

from sql_tools.diagnostics.duplicates import rows_of, with_ctes
from sql_tools.models import Context
from sql_tools.query.grain import Grain, groups_of, own, stored_column
from sql_tools.query.types import kind_of
from sql_tools.warehouses.probe import Probe
from sql_tools.words import fold

MAX_TOLD = 3
MAX_VALUES = 5000
OF_MONTHS = (exp.Month, exp.Quarter, exp.Week, exp.WeekOfYear, exp.Day, exp.DayOfMonth, exp.Monthname)
MONTH_FORMATS = ("%m", "%b", "%B", "%-m", "MM", "MON", "MMMM", "Mon")


def categories_are_spelt_alike(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """No text that is grouped by, counted once a value, or asked for, is stored in other letters or with blanks as well."""
    for column, texts in _categories(grain):
        table, stored = stored_column(grain.home(column), grain)
        if table is None or stored is None or kind_of(stored.type) != "text":
            continue
        alike: defaultdict[str, list[str]] = defaultdict(list)
        for value in _values(column, grain, probe) if not texts else probe.values(table, stored.name) or ():
            alike[fold(value)].append(value)
        several = [
            values
            for key, values in alike.items()
            if len(values) > 1 and (not texts or (key in {fold(t) for t in texts} and not set(values) <= texts))
        ]
        if several:
            shown = "; ".join(" and ".join(f"'{v}'" for v in values[:MAX_TOLD]) for values in several[:MAX_TOLD])
            yield f"{stored.name} of {table.name} has one value in several spellings: {shown}"


def _values(column: exp.Column, grain: Grain, probe: Probe) -> list[str]:
    """The column's values among the rows that the SELECT keeps, if they are not too many."""
    rows = rows_of(grain).select(exp.alias_(column.copy(), "v_")).distinct()
    result = probe.run(with_ctes(rows, grain.select), max_rows=MAX_VALUES)
    return (
        [] if result is None or result.truncated else sorted(str(row[0]) for row in result.rows if row[0] is not None)
    )


def _categories(grain: Grain) -> Iterator[tuple[exp.Column, set[str]]]:
    """The plain columns whose values are told apart, and the folded texts asked for; none where all of them count."""
    for e in groups_of(grain) or ():
        if isinstance(e, exp.Column):
            yield e, set()
    for count in own(grain.select, exp.Count):
        counted = count.this.expressions if isinstance(count.this, exp.Distinct) else []
        yield from ((e, set()) for e in counted if len(counted) == 1 and isinstance(e, exp.Column))
    where = grain.select.args.get("where")
    for node in where.find_all(exp.EQ, exp.NEQ, exp.In) if where else ():
        others = node.expressions if isinstance(node, exp.In) else [node.expression]
        texts = {other.name for other in others if other.is_string}
        if isinstance(node.this, exp.Column) and texts and node.find_ancestor(exp.Select) is grain.select:
            yield node.this, texts


def months_keep_their_year(grain: Grain, context: Context, probe: Probe) -> Iterator[str]:
    """Where rows are grouped by a month, a quarter or a week, those of several years are not put together."""
    groups = groups_of(grain) or []
    if any(years.find_ancestor(exp.Filter, exp.If) for years in own(grain.select, exp.Year)):
        return  # a column for each year
    for group in groups:
        date = _cycle_of(group)
        if date is None or any(_tells_years(other, date) for other in groups if other is not group):
            continue
        years = [exp.Year(this=bound(this=date.copy())) for bound in (exp.Min, exp.Max)]
        result = probe.run(with_ctes(rows_of(grain).select(*years), grain.select))
        if result is not None and result.rows and None not in result.rows[0] and result.rows[0][0] != result.rows[0][1]:
            first, last = result.rows[0]
            yield f"{group.sql(context.dialect)} puts the years {first} to {last} together; group by the year as well to tell them apart"


def _cycle_of(group: exp.Expr) -> exp.Expr | None:
    """The date of which a group is the month, quarter, week or day of the month."""
    node = group.unnest()
    while isinstance(node, exp.Cast):
        node = node.this
    date: exp.Expr | None = None
    if isinstance(node, OF_MONTHS) or (isinstance(node, exp.TimeToStr) and node.args["format"].name in MONTH_FORMATS):
        date = node.this
    elif isinstance(node, exp.Extract) and node.name.lower() in ("month", "quarter", "week"):
        date = node.expression
    return date


def _tells_years(group: exp.Expr, date: exp.Expr) -> bool:
    """Does another group go with the year of the same date: the year itself, the date, a date cut to its month?"""
    column = date.find(exp.Column)
    return column is not None and any(c == column for c in group.find_all(exp.Column)) and _cycle_of(group) is None
