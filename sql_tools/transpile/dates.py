"""Dates: a DATE stays one in DuckDB only if told so, and some of Snowflake's functions are spelled out."""

import re
from datetime import UTC, datetime

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

DATE_FORMAT = re.compile(r"YY|MM|DD|MON|HH24|HH12|MI|SS|DY", re.IGNORECASE)
DATE_UNITS = ("YEAR", "QUARTER", "MONTH", "WEEK", "WEEKISO", "DAY")
SECONDS_PER_MONTH = 31 * 86_400  # MONTHS_BETWEEN takes each month for 31 days
EPOCH_UNITS = ((31_536_000_000, 1), (31_536_000_000_000, 10**3), (31_536_000_000_000_000, 10**6))  # below, divided by


def keeps_type(node: exp.Expr) -> exp.Expr:
    """The type of the argument: DuckDB makes a timestamp of a date in DATEADD, DATE_TRUNC and `+ INTERVAL`.

    Source: functions/dateadd, Returns; functions/date_trunc, Returns.
    """
    date, unit = _date_and_unit(node)
    if date is None or unit.upper() not in DATE_UNITS or isinstance(date, exp.Literal) or _is_timestamp(date):
        return node
    if _is_date(date):
        return exp.cast(node.copy(), "date")
    return exp.Anonymous(this="CAST_TO_TYPE", expressions=[node.copy(), date.copy()])


def _date_and_unit(node: exp.Expr) -> tuple[exp.Expr | None, str]:
    """What is added to or cut, and by which unit; None where this is no sum of a date."""
    if not isinstance(node, exp.Add | exp.Sub):
        return node.this, str(node.args["unit"].name if node.args.get("unit") else "")
    interval = node.expression
    return (node.this, interval.text("unit")) if isinstance(interval, exp.Interval) else (None, "")


def texts_are_dates(node: exp.Expr) -> exp.Expr:
    """DATEDIFF takes dates written as text, in columns too. Source: functions/datediff, Examples."""
    if str(node.text("unit")).upper() not in DATE_UNITS:
        return node
    new = node.copy()
    for name in ("this", "expression"):
        if isinstance(new.args[name], exp.Column):
            new.set(name, exp.cast(new.args[name], "timestamp"))
    return new


def _is_date(node: exp.Expr) -> bool:
    return isinstance(node, exp.TsOrDsToDate | exp.CurrentDate | exp.LastDay) or (
        isinstance(node, exp.Cast) and node.to.is_type("date")
    )


def _is_timestamp(node: exp.Expr) -> bool:
    return isinstance(node, exp.CurrentTimestamp) or (
        isinstance(node, exp.Cast)
        and node.to.is_type("timestamp", "timestamptz", "timestampntz", "timestampltz", "time")
    )


def months_between(node: exp.Expr) -> exp.Expr:
    """Whole months, and the rest in 31sts with the time of day; no rest on the same day or between last days.

    Source: functions/months_between, Returns.
    """
    later, earlier = (f"CAST({one.sql('duckdb')} AS TIMESTAMP)" for one in (node.this, node.expression))
    seconds = " - ".join(
        f"(EPOCH({one}) - EPOCH(CAST({one} AS DATE)) + 86400 * DAY({one}))" for one in (later, earlier)
    )
    last = " AND ".join(f"DAY({one}) = DAY(LAST_DAY({one}))" for one in (later, earlier))
    return exp.maybe_parse(
        f"(DATE_DIFF('MONTH', {earlier}, {later}) + "
        f"CASE WHEN DAY({later}) = DAY({earlier}) OR ({last}) THEN 0 ELSE ({seconds}) / {SECONDS_PER_MONTH}.0 END)",
        dialect="duckdb",
    )


def to_date_or_timestamp(node: exp.Expr) -> exp.Expr:
    """TO_TIMESTAMP of a date or text, and TO_DATE of a text of digits, which Snowflake takes for time since 1970.

    Source: functions/to_date, Usage notes.
    """
    name, arguments = node.name.upper(), node.expressions
    if len(arguments) != 1:
        return node
    if name in ("TO_TIMESTAMP", "TO_TIMESTAMP_NTZ"):
        return exp.cast(arguments[0].copy(), "timestamp")
    if name == "TO_DATE" and arguments[0].is_string and arguments[0].name.isdigit():
        return exp.cast(exp.Literal.string(_date_of_epoch(int(arguments[0].name))), "date")
    return node


def _date_of_epoch(number: int) -> str:
    per_second = next((by for below, by in EPOCH_UNITS if number < below), 10**9)
    return datetime.fromtimestamp(number // per_second, UTC).date().isoformat()


def to_char(node: exp.Expr) -> exp.Expr:
    """TO_CHAR of a column by a date's format, which sqlglot takes only where it knows the type. Source: functions/to_char."""
    format = node.args.get("format")
    if not isinstance(format, exp.Literal) or not DATE_FORMAT.search(format.name):
        return node
    return exp.TimeToStr(this=node.this.copy(), format=Dialect.get_or_raise("snowflake").format_time(format))


def format_known(node: exp.Expr) -> exp.Expr:
    """The format AUTO is none; HH is the hour of 24, which sqlglot leaves as it is.

    Source: functions/to_date, Examples.
    """
    format = node.args.get("format")
    if not isinstance(format, exp.Literal):
        return node
    new = node.copy()
    new.set("format", exp.Literal.string(format.name.replace("HH", "%H")))
    if format.name.upper() == "AUTO":
        return exp.cast(node.this.copy(), "date" if isinstance(node, exp.TsOrDsToDate) else "timestamp")
    return new
