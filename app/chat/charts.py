"""The chart a result has by nature, if any; pure, imports no Streamlit.

A chart is drawn only when the columns say what it should be: time and a number make a line, a category and a number
make bars, two numbers make a scatter, one value is a big number. Keys are names, not amounts: they are never drawn.
Among several numbers the one that orders the rows is meant; where none does, there is no chart: a wrong one misleads.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from sql_tools.conversation.column_roles import Series, classify
from sql_tools.models import Chart, ResultColumn

MAX_BARS = 30
MAX_LINES = 6
MAX_POINTS = 2000
NO_VALUE = "(none)"
LARGE = 10_000  # axis labels are shortened from here on: 1.2M


@dataclass(frozen=True)
class BigNumber:
    """One value, written out."""

    label: str
    value: str


@dataclass(frozen=True)
class Plot:
    """A Vega-Lite spec with its data inside; `summary` says what it shows to someone who cannot see it."""

    kind: Literal["line", "bar", "scatter", "pie"]
    spec: dict[str, Any]
    summary: str


def natural_chart(columns: Sequence[ResultColumn], rows: Sequence[Sequence[Any]]) -> BigNumber | Plot | None:
    """What to draw for a result, or None; columns and rows as in an Answer."""
    if len(rows) == 1 and len(columns) == 1:
        return _big_number(columns[0].name, rows[0][0])
    if not 2 <= len(rows) <= MAX_POINTS:
        return None
    series = [classify(column.name, tuple(row[i] for row in rows)) for i, column in enumerate(columns)]
    times, numbers, categories = (_of(series, role) for role in ("time", "number", "category"))
    if times:
        return _line(times, numbers, categories)
    if categories:
        return _bar(categories, numbers)
    if len(numbers) == len(series) == 2 and len(rows) >= 3:
        return _scatter(*numbers)
    return None


def asked_chart(chart: Chart, columns: Sequence[ResultColumn], rows: Sequence[Sequence[Any]]) -> Plot | None:
    """The chart that was asked for, whatever a result's nature is; None where there are more points than can be seen."""
    if not 1 <= len(rows) <= MAX_POINTS:
        return None
    series = {c.name: classify(c.name, tuple(row[i] for row in rows)) for i, c in enumerate(columns)}
    x, y, split = series.get(chart.x), series.get(chart.y), series.get(chart.series)
    if x is None or y is None:
        return None
    named = {**_channel(x.name, [NO_VALUE if v is None else str(v) for v in x.values]), "type": "nominal", "sort": None}
    number = _number_axis(y)
    if chart.type == "pie":
        return _plot("pie", {"type": "arc"}, {"x": named, "y": {k: v for k, v in number.items() if k != "axis"}})
    if chart.type == "bar":
        return _plot("bar", {"type": "bar", "cornerRadiusEnd": 2}, {"x": number, "y": named}, split)
    if chart.type == "scatter" and x.role == "number":
        return _scatter(x, y)
    axis = _time_axis(x) if x.role == "time" else named
    return _plot("line", {"type": "line", "point": True, "strokeWidth": 2}, {"x": axis, "y": number}, split)


def _of(series: list[Series], role: str) -> list[Series]:
    return [one for one in series if one.role == role]


def _big_number(label: str, value: Any) -> BigNumber | None:
    if value is None or isinstance(value, list | tuple | dict | bytes) or len(str(value)) > 40:
        return None
    return BigNumber(label, _written(value))


def _written(value: Any) -> str:
    """A value as an analyst would write it: 1,234.50 as stored, floats to 4 places, anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, float) and math.isfinite(value) and abs(value) >= 0.001:
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    return f"{value:,}"


def _line(times: list[Series], numbers: list[Series], categories: list[Series]) -> Plot | None:
    measure = _measure(numbers)
    if len(times) != 1 or measure is None or len(categories) > 1:
        return None
    time, split = times[0], categories[0] if categories else None
    points = list(zip(time.values, split.values if split else time.values, strict=True))
    if len(set(points)) < len(points) or (split and len(set(split.values)) > MAX_LINES):
        return None
    encoding = {"x": _time_axis(time), "y": _number_axis(measure)}
    mark = {"type": "line", "point": len(points) <= 60, "strokeWidth": 2}
    return _plot("line", mark, encoding, split)


def _bar(categories: list[Series], numbers: list[Series]) -> Plot | None:
    measure = _measure(numbers)
    names = next((one for one in categories if len(set(one.values)) == len(one.values)), None)
    if measure is None or names is None or len(names.values) > MAX_BARS:
        return None
    values = [NO_VALUE if value is None else str(value) for value in names.values]
    axis = {"title": None, "labelLimit": 160, "labelOverlap": False, "ticks": False, "domain": False}
    y = {"type": "nominal", "sort": None, "axis": axis}
    encoding = {"x": _number_axis(measure), "y": {**_channel(names.name, values), **y}}
    return _plot("bar", {"type": "bar", "cornerRadiusEnd": 2, "height": {"band": 0.7}}, encoding)


def _scatter(first: Series, second: Series) -> Plot:
    close = {"scale": {"zero": False}}
    encoding = {"x": {**_number_axis(first), **close}, "y": {**_number_axis(second), **close}}
    return _plot("scatter", {"type": "point", "filled": True, "opacity": 0.7}, encoding)


def _measure(numbers: list[Series]) -> Series | None:
    """The number that is meant: the only one, or the only one that orders the rows."""
    if len(numbers) == 1:
        return numbers[0]
    ordering = [number for number in numbers if _is_ordered(number.values)]
    return ordering[0] if len(ordering) == 1 else None


def _is_ordered(values: tuple[Any, ...]) -> bool:
    if any(value is None for value in values):
        return False
    return list(values) in (sorted(values), sorted(values, reverse=True))


def _time_axis(time: Series) -> dict[str, Any]:
    """Dates on a true time scale; years, months and quarters as ordered steps."""
    instants = [_instant(value) for value in time.values]
    if all(instant is not None for instant, value in zip(instants, time.values, strict=True) if value is not None):
        return {**_channel(time.name, instants), "type": "temporal", "axis": {"labelOverlap": True}}
    steps = [value if isinstance(value, str) or value is None else int(value) for value in time.values]
    return {**_channel(time.name, steps), "type": "ordinal", "axis": {"labelAngle": 0, "labelOverlap": True}}


def _instant(value: Any) -> str | None:
    """ISO date and time, since browsers read a bare date as UTC and would show the day before."""
    if isinstance(value, str) and len(value) >= 7:
        try:
            value = datetime.fromisoformat(f"{value}-01" if len(value) == 7 else value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value.isoformat()
    return f"{value.isoformat()}T00:00:00" if isinstance(value, date) else None


def _number_axis(number: Series) -> dict[str, Any]:
    values = [float(value) if value is not None and math.isfinite(value) else None for value in number.values]
    large = max((abs(value) for value in values if value is not None), default=0) >= LARGE
    axis = {"labelExpr": "replace(format(datum.value, '~s'), 'G', 'B')"} if large else {}
    return {**_channel(number.name, values), "type": "quantitative", "axis": {**axis, "tickCount": 5}}


def _channel(title: str, values: Sequence[Any]) -> dict[str, Any]:
    return {"title": title, "values": list(values)}


def _told(channel: dict[str, Any]) -> dict[str, Any]:
    """A tooltip's line. Vega's tooltip draws a line titled `image` as a picture and `title` as its heading: not here."""
    title = str(channel["title"])
    return {
        "field": channel["field"],
        "type": channel["type"],
        "title": title.capitalize() if title in ("image", "title") else title,
    }


def _plot(
    kind: Literal["line", "bar", "scatter", "pie"],
    mark: dict[str, Any],
    encoding: dict[str, Any],
    split: Series | None = None,
) -> Plot:
    """The spec; fields are named x, y and series, since Vega reads dots and brackets in a column's name as paths."""
    channels: dict[str, Any] = {"x": encoding["x"], "y": encoding["y"]}
    if split:
        channels["color"] = {**_channel(split.name, [str(value) for value in split.values]), "type": "nominal"}
    columns = {name: channel.pop("values") for name, channel in channels.items()}
    for name, channel in channels.items():
        channel["field"] = name
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    height = {"step": 26} if kind == "bar" else 300
    titles = " by ".join(str(channels[name]["title"]) for name in ("xy" if kind == "bar" else "yx"))
    channels["tooltip"] = [_told(channel) for channel in channels.values()]
    if kind == "pie":  # a slice's colour is its name, its angle the number
        channels = {"theta": channels["y"], "color": channels["x"], "tooltip": channels["tooltip"]}
    spec = {"data": {"values": rows}, "mark": mark, "encoding": channels, "height": height}
    return Plot(kind, spec, f"{kind} chart of {len(rows)} points: {titles}")
