import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import inf, nan
from typing import Any
from uuid import UUID

import pytest

from app.contract import print_json, to_json
from sql_tools.models import Answer, ResultColumn


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, None),
        (True, True),
        (10**30, 10**30),
        (1.5, 1.5),
        (nan, None),
        (-inf, None),
        (Decimal("1.10"), "1.10"),
        (Decimal("NaN"), None),
        (date(2024, 2, 29), "2024-02-29"),
        (datetime(2024, 2, 29, 1, 2, 3), "2024-02-29T01:02:03"),
        (time(1, 2), "01:02:00"),
        (b"\x00\xff", "00ff"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (timedelta(days=1), "1 day, 0:00:00"),
        ([1, Decimal("2")], [1, "2"]),
        ({"a": nan, 1: (b"\x01",)}, {"a": None, "1": ["01"]}),
    ],
)
def test_engine_values_become_json(value: object, told: object) -> None:
    assert to_json(value) == told
    json.dumps(to_json(value), allow_nan=False)


def test_an_answer_is_one_line_with_its_rows_as_arrays(capfdbinary: Any) -> None:
    columns = (ResultColumn(name="ä", type="DOUBLE"),)
    print_json(Answer(status="answered", question="日本\ud800", columns=columns, rows=((nan,),)))
    out = capfdbinary.readouterr().out
    told = json.loads(out)
    assert out.count(b"\n") == 1
    assert (told["version"], told["question"], told["rows"]) == (2, "日本?", [[None]])
    assert told["columns"] == [{"name": "ä", "type": "DOUBLE"}]
