"""The alarm against the plain way: every row told by DuckDB's own row id, counted once in each group.

Over joins of up to four tables, measures and groups drawn with a fixed seed, there is an alarm if and only if the two
ways differ, and the query offered gives what the plain way gives."""

import random
from collections.abc import Iterator

import pytest
import sqlglot

from sql_tools.diagnostics.fan_out import fan_out
from sql_tools.models import Context
from sql_tools.warehouses import Warehouse
from sql_tools.warehouses.probe import Probe

EDGES = [
    ("orders", "payments", "orders.id = payments.order_id"),
    ("orders", "shipments", "orders.id = shipments.order_id"),
    ("orders", "customers", "orders.customer_id = customers.id"),
    ("orders", "order_tags", "orders.id = order_tags.order_id"),
    ("order_tags", "tags", "order_tags.tag_id = tags.id"),
    ("customers", "rates", "customers.region = rates.region"),
    ("payments", "shipments", "payments.order_id = shipments.order_id"),
    ("orders", "returns", "orders.id = returns.order_id"),
]
MEASURES = ["orders.total", "payments.amount", "shipments.weight", "customers.credit", "rates.rate", "returns.amount"]
GROUPS = ["", "orders.status", "customers.region", "payments.kind", "tags.label", "orders.id", "customers.name"]
SAMPLES = 250


def joined(rng: random.Random) -> tuple[list[str], str]:
    """Tables reached along random edges, and their FROM."""
    edges = rng.sample(EDGES, len(EDGES))
    tables = [edges[0][0]]
    from_ = tables[0]
    for _ in range(rng.randint(1, 3)):
        a, b, on = next(e for e in edges if (e[0] in tables) != (e[1] in tables))
        new = b if a in tables else a
        from_ += f" {rng.choice(['JOIN', 'LEFT JOIN'])} {new} ON {on}"
        tables.append(new)
    return tables, from_


def cases() -> Iterator[tuple[str, str]]:
    rng = random.Random(7)
    while True:
        tables, from_ = joined(rng)
        measures = [m for m in MEASURES if m.split(".")[0] in tables]
        if not measures:
            continue
        measure, function = rng.choice(measures), rng.choice(["SUM", "AVG"])
        group = rng.choice([g for g in GROUPS if not g or g.split(".")[0] in tables])
        table = measure.split(".")[0]
        head, tail = (f"{group}, ", f" GROUP BY {group}") if group else ("", "")
        inner = f"SELECT DISTINCT {group or '1'} AS g, {table}.rowid AS r, {measure} AS m FROM {from_}"
        plain = f"SELECT {'g, ' if group else ''}{function}(m) FROM ({inner}){' GROUP BY g' if group else ''}"
        yield f"SELECT {head}{function}({measure}) FROM {from_}{tail}", plain


def rows(sql: str, warehouse: Warehouse) -> list[str]:
    result = warehouse.run(sql, max_rows=1000, timeout_seconds=5)
    return sorted(str([round(c, 9) if isinstance(c, float) else c for c in row]) for row in result.rows)


def test_there_is_an_alarm_if_and_only_if_repeated_rows_change_the_answer(shop: Warehouse) -> None:
    context = Context(dialect="duckdb", tables=shop.tables(), catalog=shop.tables())
    drawn = cases()
    alarms = offers = 0
    for _ in range(SAMPLES):
        sql, plain = next(drawn)
        alarm = fan_out(sqlglot.parse_one(sql, read="duckdb"), context, Probe(shop))
        right = rows(plain, shop)
        assert alarm.check.passed == (rows(sql, shop) == right), sql
        if alarm.rewritten:
            assert rows(alarm.rewritten, shop) == right, sql
        alarms += not alarm.check.passed
        offers += bool(alarm.rewritten)
    assert alarms == pytest.approx(SAMPLES / 2, abs=SAMPLES / 4)  # both outcomes are well covered
    assert offers > alarms / 2
