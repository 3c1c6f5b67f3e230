"""Values and samples within bounds: how many statements a table costs, and which are never sent."""

import re

from sql_tools.errors import WarehouseError
from sql_tools.models import Column, Table
from sql_tools.warehouses.snowflake.contents import MAX_COUNTED_BYTES, SAMPLE_ROWS, with_contents
from sql_tools.warehouses.snowflake.statements import Fetched

TABLE = Table(
    database="D",
    schema_name="S",
    name="T",
    columns=(Column(name="KIND", type="VARCHAR"), Column(name="Free text", type="VARCHAR"), Column(name="RAW", type="VARIANT")),
)  # fmt: skip


class Engine:
    """A table of `rows` rows: KIND is one of two, `Free text` is different in each."""

    def __init__(self, rows: int) -> None:
        self.rows, self.sent = rows, list[str]()

    def __call__(self, sql: str, max_rows: int) -> Fetched:
        self.sent.append(sql)
        if "APPROX_COUNT_DISTINCT" in sql:
            rows = [tuple(2 for _ in re.findall("APPROX_COUNT_DISTINCT", sql))]
        elif "DISTINCT" in sql:
            rows = [("b",), ("a",)]
        else:
            rows = [("ab"[n % 2], f"text {n}") for n in range(min(self.rows, max_rows))]
        return Fetched((), rows, "")


def columns(table: Table) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(column.values, column.samples) for column in table.columns]


def test_of_a_small_table_all_values_come_from_one_statement() -> None:
    engine = Engine(40)
    told = columns(with_contents(engine, TABLE, bytes_stored=100, is_view=False))
    assert told[0] == (("a", "b"), ())
    assert len(told[1][0]) == 40
    assert engine.sent == [
        f'SELECT TO_VARCHAR("KIND"), TO_VARCHAR("Free text") FROM "D"."S"."T" LIMIT {SAMPLE_ROWS + 1}'
    ]


def test_of_a_larger_one_only_columns_with_few_are_listed() -> None:
    engine = Engine(10_000)
    told = columns(with_contents(engine, TABLE, bytes_stored=10**6, is_view=False))
    assert told == [(("a", "b"), ()), ((), ("text 0", "text 1", "text 2")), ((), ())]
    assert len(engine.sent) == 3
    assert all("Free text" not in sql for sql in engine.sent[1:])


def test_a_large_table_and_a_view_are_never_read_whole() -> None:
    for size, is_view in ((MAX_COUNTED_BYTES + 1, False), (0, True)):
        engine = Engine(10_000)
        told = columns(with_contents(engine, TABLE, bytes_stored=size, is_view=is_view))
        assert told[0] == ((), ("a", "b"))
        assert len(engine.sent) == 1


def test_a_table_that_may_not_be_read_or_not_in_time_keeps_what_is_declared() -> None:
    def refuse(sql: str, max_rows: int) -> Fetched:
        raise WarehouseError("no")

    assert with_contents(refuse, TABLE, bytes_stored=1, is_view=False) == TABLE
