"""Hashes: the same in every process and order, another for every change that counts."""

import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from sql_tools.models import Column, ForeignKey, Table
from sql_tools.proof.hashes import catalog_hash, rows_hash

ROWS = [(1, "a", None), (2, "b", 1.5), (2, "b", 1.5)]
PLAIN = Table(
    schema_name="main",
    name="t",
    columns=(Column(name="a", type="INTEGER"), Column(name="b", type="VARCHAR")),
    primary_key=("a",),
    foreign_keys=(ForeignKey(columns=("a",), target_table="u", target_columns=("x",)),),
)
OTHER = Table(schema_name="main", name="u", columns=(Column(name="x", type="INTEGER"),))


def test_rows_in_any_order_are_the_same_unless_order_counts() -> None:
    turned = ROWS[::-1]
    assert rows_hash(ROWS, ordered=False) == rows_hash(turned, ordered=False)
    assert rows_hash(ROWS, ordered=True) != rows_hash(turned, ordered=True)


@pytest.mark.parametrize(
    "rows",
    [
        ROWS[:2],
        [*ROWS, ROWS[0]],
        [(1, "a", 0), *ROWS[1:]],
        [(1, "a", "None"), *ROWS[1:]],
        [("1", "a", None), *ROWS[1:]],
        [(1, "a\n", None), *ROWS[1:]],
        [(1, None, "a"), *ROWS[1:]],
        [(1, "a", None), (2, "b", 1.5), (2, "b", 1.50001)],
    ],
)
def test_any_other_cell_or_row_is_another_hash(rows: list[tuple[Any, ...]]) -> None:
    assert rows_hash(rows, ordered=False) != rows_hash(ROWS, ordered=False)


@pytest.mark.parametrize(
    "cell", [1.0, Decimal("1"), "1", True, date(2026, 1, 1), datetime(2026, 1, 1), b"1", [1], None]
)
def test_types_that_look_alike_differ(cell: Any) -> None:
    assert rows_hash([(cell,)], ordered=True) != rows_hash([(1,)], ordered=True) or cell is True


def test_the_last_digits_of_a_sum_do_not_count() -> None:
    assert rows_hash([(0.1 + 0.2,)], ordered=True) == rows_hash([(0.3,)], ordered=True)


def test_a_row_cannot_pass_for_two() -> None:
    assert rows_hash([('a"]\n["b',)], ordered=False) != rows_hash([("a",), ("b",)], ordered=False)


def test_what_changes_with_the_data_is_not_the_catalog() -> None:
    filled = PLAIN.model_copy(
        update={"row_count": 9, "comment": "x", "database": "other", "columns": tuple(c.model_copy(update={"values": ("v",)}) for c in PLAIN.columns)}
    )  # fmt: skip
    assert catalog_hash([PLAIN, OTHER]) == catalog_hash([OTHER, filled])


@pytest.mark.parametrize(
    "changes",
    [
        {"columns": (Column(name="a", type="BIGINT"), Column(name="b", type="VARCHAR"))},
        {"columns": (Column(name="a", type="INTEGER"), Column(name="c", type="VARCHAR"))},
        {"columns": (Column(name="a", type="INTEGER"),)},
        {"columns": (*PLAIN.columns, Column(name="c", type="VARCHAR"))},
        {"primary_key": ()},
        {"foreign_keys": ()},
        {"name": "t2"},
        {"schema_name": "other"},
    ],
)
def test_any_other_declaration_is_another_catalog(changes: dict[str, Any]) -> None:
    assert catalog_hash([PLAIN.model_copy(update=changes), OTHER]) != catalog_hash([PLAIN, OTHER])


def test_another_process_hashes_alike() -> None:
    code = "from sql_tools.proof.hashes import rows_hash; print(rows_hash([(1, 'a', None), (2, 'b', 1.5), (2, 'b', 1.5)], ordered=False))"
    told = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}).stdout.strip()
        for seed in ("1", "2")
    ]  # fmt: skip
    assert told == [rows_hash(ROWS, ordered=False)] * 2
