"""The double-count alarm on a small shop whose repeated rows were counted by hand: fixtures/shop.sql, fixtures/fan_out.sql."""

from pathlib import Path

import pytest
import sqlglot

from sql_tools.diagnostics.fan_out import Alarm, fan_out
from sql_tools.errors import QueryTimeoutError
from sql_tools.models import Context, QueryResult, Table
from sql_tools.warehouses import Warehouse
from sql_tools.warehouses.probe import Probe

FIXTURES = Path(__file__).parent / "fixtures"
BLOCKS = [block.strip().splitlines() for block in (FIXTURES / "fan_out.sql").read_text().split("\n\n")]
WRONG = [pytest.param(*block[1:], id=block[0][2:]) for block in BLOCKS if not block[0].startswith("# RIGHT")]
RIGHT = [pytest.param(block[1], id=block[0][9:]) for block in BLOCKS if block[0].startswith("# RIGHT")]


def looked_at(sql: str, warehouse: Warehouse, probe: Probe | None = None) -> Alarm:
    context = Context(dialect="duckdb", tables=warehouse.tables(), catalog=warehouse.tables())
    return fan_out(sqlglot.parse_one(sql, read="duckdb"), context, probe or Probe(warehouse))


def rows(sql: str, warehouse: Warehouse) -> str:
    result = warehouse.run(sql, max_rows=100, timeout_seconds=5)
    return "; ".join(sorted(" ".join(map(str, row)) for row in result.rows))


@pytest.mark.parametrize(("sql", "words", "right"), WRONG)
def test_a_number_that_repeated_rows_change_is_told_with_the_right_one(
    sql: str, words: str, right: str, shop: Warehouse
) -> None:
    alarm = looked_at(sql, shop)
    assert not alarm.check.passed
    assert words in alarm.check.detail
    assert (rows(alarm.rewritten, shop) if alarm.rewritten else "!") == right


@pytest.mark.parametrize("sql", RIGHT)
def test_a_right_number_raises_no_alarm(sql: str, shop: Warehouse) -> None:
    alarm = looked_at(sql, shop)
    assert (alarm.check.passed, alarm.rewritten) == (True, "")


def test_where_declared_keys_tell_nothing_is_asked_of_the_data(shop: Warehouse) -> None:
    probe = Probe(shop)
    looked_at("SELECT SUM(o.total) FROM orders o JOIN customers c ON o.customer_id = c.id", shop, probe)
    assert probe.asked == 0


def test_what_was_learned_of_a_key_is_not_asked_again(shop: Warehouse) -> None:
    sql = "SELECT SUM(o.total) FROM orders o JOIN drafts d ON d.order_id = o.id"  # drafts is empty, so it is unique
    looked_at(sql, shop)
    probe = Probe(shop)
    assert looked_at(sql, shop, probe).check.passed
    assert probe.asked == 0


class Slow:
    """A warehouse where nothing is finished in time."""

    name, dialect, remote, notes = "slow", "duckdb", False, ()

    def __init__(self, tables: tuple[Table, ...]) -> None:
        self._tables = tables

    def tables(self) -> tuple[Table, ...]:
        return self._tables

    def explain(self, sql: str) -> None: ...

    def is_cheap(self, sql: str) -> bool:
        return True

    def run(self, sql: str, *, max_rows: int, timeout_seconds: float) -> QueryResult:
        raise QueryTimeoutError("too slow")

    def close(self) -> None: ...


def test_what_cannot_be_measured_in_time_is_said_to_be_unsure(shop: Warehouse) -> None:
    alarm = looked_at("SELECT SUM(o.total) FROM orders o JOIN payments p ON p.order_id = o.id", Slow(shop.tables()))
    assert alarm.check.outcome == "not_checked"
    told = "whether repeated rows change SUM(o.total), where orders x payments may repeat rows of orders"
    assert alarm.check.detail == told
