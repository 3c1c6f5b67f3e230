"""Does the SQL compute a metric as it is defined? The same in other words yes, another number no."""

import pytest

from sql_tools import Settings, check
from sql_tools.semantic.apply import SemanticWarehouse


def verdicts(sql: str, laid: SemanticWarehouse) -> list[bool]:
    report = check(sql, laid, Settings(), ask_data=True)
    assert report.allowed, report.problems
    return [one.passed for one in report.checks if one.name == "metrics_as_defined"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT SUM(amount * (1 - cut)) AS net_revenue FROM lines",
        "SELECT SUM((1 - l.cut) * l.amount) AS net_revenue FROM lines AS l",
        "SELECT ROUND(SUM(CAST(amount AS DOUBLE) * (1 - cut)), 2) AS net_revenue FROM lines",
        "SELECT state, SUM(amount * (1 - cut)) AS takings FROM lines GROUP BY state",
        "SELECT SUM(x) AS net_revenue FROM (SELECT amount * (1 - cut) AS x FROM lines) AS t",
        "WITH t AS (SELECT amount AS a, cut AS c FROM lines) SELECT SUM(a * (1 - c)) AS net_revenue FROM t",
        "SELECT SUM(CASE WHEN state = 'done' THEN amount * (1 - cut) ELSE 0 END) AS net_revenue FROM lines",
        "SELECT SUM(amount * (1 - cut)) FILTER (WHERE state = 'done') AS net_revenue FROM lines",
        "SELECT COUNT(nr) AS deals FROM lines",
        "SELECT COUNT(1) AS deals FROM lines",
        "SELECT 1 - SUM(amount * (1 - cut)) / NULLIF(SUM(amount), 0) AS share_given_away FROM lines",
    ],
)
def test_the_same_in_other_words_passes(laid: SemanticWarehouse, sql: str) -> None:
    assert verdicts(sql, laid) == [True]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT SUM(amount) AS net_revenue FROM lines",
        "SELECT SUM(amount * (1 + cut)) AS net_revenue FROM lines",
        "SELECT AVG(amount * (1 - cut)) AS net_revenue FROM lines",
        "SELECT SUM(amount) * (1 - MAX(cut)) AS net_revenue FROM lines",
        "SELECT SUM(DISTINCT amount * (1 - cut)) AS net_revenue FROM lines",
        "SELECT SUM(CASE WHEN state = 'done' THEN amount * (1 - cut) ELSE 5 END) AS net_revenue FROM lines",
        "SELECT COUNT(state) AS deals FROM lines",
        "SELECT COUNT(*) AS deals FROM parties",
        "SELECT SUM(amount) / SUM(amount * (1 - cut)) - 1 AS share_given_away FROM lines",
    ],
)
def test_another_number_under_that_name_is_flagged(laid: SemanticWarehouse, sql: str) -> None:
    assert verdicts(sql, laid) == [False]


def test_what_computes_nothing_and_what_names_no_metric_are_not_judged(laid: SemanticWarehouse) -> None:
    assert verdicts("SELECT amount AS net_revenue FROM lines", laid) == []
    assert verdicts("SELECT SUM(amount) AS total FROM lines", laid) == []
    assert verdicts("SELECT SUM(amount) AS margin_base FROM lines", laid) == []  # private
