"""An Open Semantic Interchange file, taken over."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sql_tools import Settings, check
from sql_tools.errors import SemanticFileError
from sql_tools.semantic.apply import SemanticWarehouse
from sql_tools.semantic_authoring.osi import read_osi
from sql_tools.semantic_authoring.write import yaml_text

OSI = """
version: "0.1.1"
semantic_model:
  - name: trade
    description: all of it
    ai_context: {instructions: Name the months.}
    datasets:
      - name: sales
        source: TRADE.MAIN.LINES
        primary_key: [NR]
        ai_context: {synonyms: [revenue]}
        fields:
          - {name: nr, expression: {dialects: [{dialect: ANSI_SQL, expression: NR}]}, dimension: {}}
          - {name: month, expression: {dialects: [{dialect: SNOWFLAKE, expression: "DATE_TRUNC('MONTH', sales.SOLD)"}]}, dimension: {is_time: true}}
          - {name: net, expression: {dialects: [{dialect: TABLEAU, expression: "[x]"}, {dialect: ANSI_SQL, expression: AMOUNT * (1 - CUT)}]}}
          - {name: odd, expression: {dialects: [{dialect: MDX, expression: "[Measures].[x]"}]}}
      - name: clients
        source: TRADE.MAIN.PARTIES
        primary_key: [CODE]
    relationships:
      - {name: r, from: sales, to: clients, from_columns: [BUYER], to_columns: [CODE]}
    metrics:
      - {name: takings, description: after discount, expression: {dialects: [{dialect: ANSI_SQL, expression: SUM(sales.net)}]}}
      - {name: sales_per_client, expression: {dialects: [{dialect: ANSI_SQL, expression: COUNT(sales.NR) / COUNT(DISTINCT clients.CODE)}]}}
"""


def test_an_osi_file_becomes_a_semantic_file_that_works(
    tmp_path: Path, lay: Callable[[str], SemanticWarehouse]
) -> None:
    (tmp_path / "osi.yaml").write_text(OSI)
    model, left_out = read_osi(tmp_path / "osi.yaml")
    sales = model.tables[0]
    assert left_out == ("odd",)
    assert ([one.name for one in sales.time_dimensions], [one.name for one in sales.facts]) == (["month"], ["net"])
    assert ([one.name for one in sales.metrics], [one.name for one in model.metrics]) == (
        ["takings"],
        ["sales_per_client"],
    )
    laid = lay(yaml_text(model))
    assert laid.semantics.instructions == "Name the months."
    assert next(table for table in laid.tables() if table.name == "lines").foreign_keys
    report = check("SELECT month, takings FROM sales GROUP BY month", laid, Settings())
    assert "SUM(sales.amount * (" in report.sql, report.problems
    assert {d.name: d.shown for d in laid.semantics.definitions}["sales_per_client"] == (
        "COUNT(lines.nr) / COUNT(DISTINCT parties.code)"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x", "has no semantic_model"),
        ("semantic_model: [{name: x}]", "line 1: datasets field required"),
        ("semantic_model:\n- name: x\n  datasets:\n  - name: y", "line 4: datasets.0.source field required"),
        (OSI.replace("to_columns: [CODE]", "to_columns: [CODE, X]"), "cannot be taken over"),
        ("a: [", "no valid YAML"),
    ],
)
def test_what_is_no_osi_file_is_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "osi.yaml").write_text(text)
    with pytest.raises(SemanticFileError, match=said):
        read_osi(tmp_path / "osi.yaml")
