"""What a result is drawn as, and what is never drawn."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.chat.charts import BigNumber, Plot, asked_chart, natural_chart
from sql_tools.models import Chart, ResultColumn


def draw(names: str, *rows: tuple[Any, ...]) -> BigNumber | Plot | None:
    return natural_chart([ResultColumn(name=name, type="") for name in names.split()], rows)


def plot(names: str, *rows: tuple[Any, ...]) -> Plot:
    drawn = draw(names, *rows)
    assert isinstance(drawn, Plot)
    return drawn


NATIONS = (("FRANCE", Decimal("12.50")), ("PERU", Decimal("9.25")), ("JAPAN", Decimal("3.00")))


def test_a_category_and_a_number_make_bars_in_the_order_of_the_rows() -> None:
    chart = plot("N_NAME REVENUE", *NATIONS)
    assert chart.kind == "bar"
    assert [point["y"] for point in chart.spec["data"]["values"]] == ["FRANCE", "PERU", "JAPAN"]
    assert chart.spec["encoding"]["y"]["sort"] is None


def test_decimals_reach_the_chart_as_numbers() -> None:
    assert [point["x"] for point in plot("N_NAME REVENUE", *NATIONS).spec["data"]["values"]] == [12.5, 9.25, 3.0]


def test_dates_and_a_number_make_a_line_on_a_time_scale() -> None:
    chart = plot("day total", (date(1995, 1, 1), 3), (date(1995, 1, 2), 5))
    assert (chart.kind, chart.spec["encoding"]["x"]["type"]) == ("line", "temporal")


def test_a_date_is_given_with_its_hour_so_that_no_browser_shows_the_day_before() -> None:
    values = plot("day total", (date(1995, 1, 1), 3), (date(1995, 1, 2), 5)).spec["data"]["values"]
    assert values[0]["x"] == "1995-01-01T00:00:00"


@pytest.mark.parametrize("months", [("1995-01", "1995-02"), (datetime(1995, 1, 1), datetime(1995, 2, 1))])
def test_months_make_a_line_however_they_are_written(months: tuple[Any, Any]) -> None:
    chart = plot("month total", (months[0], 3), (months[1], 5))
    assert chart.spec["data"]["values"][1]["x"] == "1995-02-01T00:00:00"


def test_years_as_whole_numbers_are_steps_of_a_line_not_amounts() -> None:
    chart = plot("order_year orders", (1992, 2281), (1993, 2266), (1994, 2270))
    assert (chart.kind, chart.spec["encoding"]["x"]["type"]) == ("line", "ordinal")


def test_orders_per_year_is_an_amount() -> None:
    assert plot("name orders_per_year", ("A", 2281), ("B", 2266)).kind == "bar"


def test_a_line_per_category_when_there_are_few() -> None:
    chart = plot("year segment n", (1992, "A", 1), (1992, "B", 2), (1993, "A", 3), (1993, "B", 4))
    assert chart.spec["encoding"]["color"]["title"] == "segment"


def test_times_that_repeat_without_a_category_make_no_line() -> None:
    assert draw("year n", (1992, 1), (1992, 2), (1993, 3)) is None


def test_two_numbers_make_a_scatter() -> None:
    assert plot("balance total", (1.5, 2), (2.5, 9), (3.5, 4)).kind == "scatter"


@pytest.mark.parametrize("key", ["C_CUSTKEY", "id", "customer_id", "customerId", "order_number", "zip"])
def test_keys_are_never_drawn(key: str) -> None:
    assert draw(f"{key} total", (1, 5.5), (2, 7.5), (3, 9.5)) is None


@pytest.mark.parametrize("key", ["id", "uuid", "L_ORDERKEY"])
def test_text_keys_make_no_bars(key: str) -> None:
    assert draw(f"{key} total", ("x1", 5), ("x2", 7)) is None


def test_a_key_beside_a_name_is_passed_over() -> None:
    chart = plot("C_CUSTKEY C_NAME total", (7, "Ann", 50), (3, "Bob", 40))
    assert chart.spec["encoding"]["y"]["axis"]["title"] is None  # the names speak for themselves
    assert chart.summary == "bar chart of 2 points: total by C_NAME"
    assert [point["y"] for point in chart.spec["data"]["values"]] == ["Ann", "Bob"]


def test_of_two_numbers_the_one_that_orders_the_rows_is_drawn() -> None:
    chart = plot("name orders revenue", ("A", 3, 90), ("B", 7, 80), ("C", 5, 70))
    assert chart.spec["encoding"]["x"]["title"] == "revenue"


def test_two_numbers_that_order_nothing_are_not_drawn() -> None:
    assert draw("name orders revenue", ("A", 3, 70), ("B", 7, 90), ("C", 5, 80)) is None


def test_more_than_thirty_categories_make_no_bars() -> None:
    rows = [(f"name {i}", i) for i in range(31)]
    assert draw("name n", *rows) is None
    assert plot("name n", *rows[:30]).kind == "bar"


def test_a_category_that_repeats_makes_no_bars() -> None:
    assert draw("name n", ("A", 1), ("A", 2), ("B", 3)) is None


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (15000, "15,000"),
        (Decimal("1234.50"), "1,234.50"),
        (0.125, "0.125"),
        (1e-7, "1e-07"),
        ("AIR", "AIR"),
        (True, "True"),
    ],
)
def test_one_value_is_a_big_number(value: Any, written: str) -> None:
    assert draw("n", (value,)) == BigNumber("n", written)


@pytest.mark.parametrize("value", [None, "x" * 41, [1, 2], b"bytes"])
def test_one_value_that_is_no_figure_is_not_blown_up(value: Any) -> None:
    assert draw("n", (value,)) is None


def test_missing_and_infinite_numbers_leave_a_gap() -> None:
    values = plot("name n", ("A", 1.0), ("B", None), ("C", float("inf"))).spec["data"]["values"]
    assert [point["x"] for point in values] == [1.0, None, None]


def test_a_category_that_is_missing_is_named() -> None:
    assert plot("name n", (None, 2), ("B", 1)).spec["data"]["values"][0]["y"] == "(none)"


def test_names_with_dots_and_brackets_are_titles_not_paths() -> None:
    columns = [ResultColumn(name="a.b[0]", type=""), ResultColumn(name="sum(x)", type="")]
    chart = natural_chart(columns, [("A", 1), ("B", 2)])
    assert isinstance(chart, Plot)
    encoding = chart.spec["encoding"]
    assert {channel["field"] for channel in (encoding["x"], encoding["y"], *encoding["tooltip"])} == {"x", "y"}


@pytest.mark.parametrize("rows", [(), (("A", 1),)])
def test_no_rows_and_one_row_of_several_values_are_not_drawn(rows: tuple[tuple[Any, ...], ...]) -> None:
    assert draw("name n", *rows) is None


@pytest.mark.parametrize("kind", ["bar", "line", "pie"])
def test_a_chart_that_was_asked_for_is_drawn_of_its_kind(kind: str) -> None:
    columns = (ResultColumn(name="city", type="VARCHAR"), ResultColumn(name="n", type="BIGINT"))
    asked = Chart(type=kind, x="city", y="n")  # type: ignore[arg-type]
    chart = asked_chart(asked, columns, (("Oslo", 3), ("Lima", 5), (None, 1)))
    assert chart is not None
    assert chart.kind == kind
    assert chart.spec["mark"]["type"] == {"pie": "arc"}.get(kind, kind)
    names, numbers = {"pie": ("color", "theta"), "bar": ("y", "x")}.get(kind, ("x", "y"))
    values = chart.spec["data"]["values"]
    encoding = chart.spec["encoding"]
    assert [point[encoding[names]["field"]] for point in values] == ["Oslo", "Lima", "(none)"]
    assert [point[encoding[numbers]["field"]] for point in values] == [3, 5, 1]
    assert asked_chart(asked.model_copy(update={"y": "gone"}), columns, (("Oslo", 3),)) is None
