"""What a query would read, before it runs: EXPLAIN USING JSON, and the asker's budget.

EXPLAIN compiles and needs no running warehouse; its bytes and partitions are upper bounds, after pruning. Gigabytes are
10^9 bytes. Source: Snowflake's documentation of EXPLAIN.
"""

import json
from collections.abc import Iterable
from typing import Any

from sql_tools.errors import OverBudgetError, WarehouseError
from sql_tools.models import Record, Table
from sql_tools.settings import Settings

TIMES = ("DATE", "TIMESTAMP")


class Scan(Record):
    """One table's part of an estimate."""

    table: str
    bytes: int


class Estimate(Record):
    """What a query may read at most: bytes, and micro-partitions of so many in all; `scans` largest first."""

    bytes: int
    partitions: int
    partitions_total: int
    scans: tuple[Scan, ...] = ()

    def __str__(self) -> str:
        share = f"{self.partitions:,} of {self.partitions_total:,} partitions"
        return f"at most {size(self.bytes)} in {share}"


def read_plan(text: str) -> Estimate:
    """The estimate in what EXPLAIN USING JSON returned; WarehouseError if it is no plan."""
    try:
        plan = json.loads(text)
        stats = plan.get("GlobalStats") or {}
        return Estimate(
            bytes=int(stats.get("bytesAssigned") or 0),
            partitions=int(stats.get("partitionsAssigned") or 0),
            partitions_total=int(stats.get("partitionsTotal") or 0),
            scans=tuple(sorted(_scans(plan), key=lambda scan: -scan.bytes)),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise WarehouseError("Snowflake's plan of the query cannot be read.", "Report this.") from error


def require_within_budget(sql: str, estimate: Estimate, role: str, settings: Settings, tables: Iterable[Table]) -> None:
    """OverBudgetError if the query may read more than this role's queries may; says how much, and what to do."""
    limit_gb, most = settings.scan_gb_of(role), settings.max_scan_partitions
    over_bytes = estimate.bytes > limit_gb * 1e9
    if not over_bytes and not (most and estimate.partitions > most and not settings.allow_scan_gb):
        return
    allowed = f"{limit_gb:g} GB" if over_bytes else f"{most:,} partitions"
    about = f", most of it of {estimate.scans[0].table}" if estimate.scans else ""
    needed = max(1, -(-estimate.bytes // 10**9))
    raise OverBudgetError(
        f"This would read {estimate}{about}; {allowed} is what a query of {role or 'this role'} may read unasked.",
        f"{_narrower(estimate, tables)} To run it all the same, ask again with `--allow-scan-gb {needed}`, "
        f"or with ARCTIC_COPILOT_ALLOW_SCAN_GB={needed} set.",
        sql=sql,
    )


def size(count: float) -> str:
    """Bytes in the unit that reads best.

    >>> size(1234), size(2.5e12)
    ('1.2 kB', '2.5 TB')
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            return f"{count:,.0f} B" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    return ""


def _narrower(estimate: Estimate, tables: Iterable[Table]) -> str:
    """A question that would read less: of the largest table, a part of its first column of time."""
    largest = estimate.scans[0].table.split(".")[-1].strip('"') if estimate.scans else ""
    table = next((table for table in tables if table.name == largest), None)
    column = next((c.name for c in table.columns if c.type.startswith(TIMES)), "") if table else ""
    return f"Ask about less, for example one month by {column}." if column else "Ask about less: a period, a part."


def _scans(plan: dict[str, Any]) -> Iterable[Scan]:
    steps = plan.get("Operations") or []
    for operation in (operation for step in steps for operation in step):
        if operation.get("bytesAssigned") and operation.get("objects"):
            yield Scan(table=str(operation["objects"][0]), bytes=int(operation["bytesAssigned"]))
