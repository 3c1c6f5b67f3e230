"""SQL as a good model or a person writes it: what the engine runs keeps its rows, by `check` and by `ask` with a model that
answers so; what the engine refuses is refused, or run with its change shown. right_sql.jsonl holds tables, SQL and rows."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from sql_tools import Settings, ask, check, open_warehouse
from sql_tools.warehouses import Warehouse

LINES = [json.loads(line) for line in (Path(__file__).parent / "right_sql.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[dict[str, Any], Warehouse, Settings]]:
    line = request.param
    with duckdb.connect(str(tmp_path / "x.duckdb")) as connection:
        try:
            connection.execute(line["ddl"])
        except duckdb.ConstraintException as error:
            pytest.skip(f"its rows break its own keys: {error}")
    settings = Settings(cache_dir=tmp_path / "cache", abstain_above=1.0, max_repairs=0)
    warehouse = open_warehouse(str(tmp_path / "x.duckdb"), settings)
    yield line, warehouse, settings
    warehouse.close()


@pytest.mark.parametrize("opened", LINES, ids=[line["id"] for line in LINES], indirect=True)
def test_right_sql_keeps_its_rows(opened: tuple[dict[str, Any], Warehouse, Settings]) -> None:
    line, warehouse, settings = opened
    report = check(line["sql"], warehouse, settings, ask_data=False)
    tables = re.findall(r"create table (\w+)", line["ddl"])
    question = line["question"] or f"Show the {' and the '.join(tables)}"
    answer = ask(question, warehouse, FakeListChatModel(responses=[line["sql"]]), settings)
    assert report.changes == ()
    if line["rows"] is None:
        assert not report.allowed
        assert answer.status != "answered" or answer.changes
        return
    assert report.allowed, report.problems
    assert answer.status == "answered", answer.message
    checked = warehouse.run(report.sql, max_rows=1000, timeout_seconds=20).rows
    as_written = warehouse.run(line["sql"], max_rows=1000, timeout_seconds=20).rows
    for rows in (checked, answer.rows):
        assert _texts(rows) in (_texts(line["rows"]), _texts(as_written))
    assert answer.changes == ()


def _texts(rows: Any) -> list[str]:
    return sorted(str([None if cell is None else str(cell) for cell in row]) for row in rows)
