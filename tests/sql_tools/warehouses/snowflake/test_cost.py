"""Plans as Snowflake documents them, and budgets by role."""

import json

import pytest

from sql_tools.errors import OverBudgetError, SettingsError, WarehouseError
from sql_tools.models import Column, Table
from sql_tools.settings import Settings
from sql_tools.warehouses.snowflake.cost import Estimate, Scan, read_plan, require_within_budget

ORDERS = Table(
    schema_name="S", name="ORDERS", columns=(Column(name="ID", type="NUMBER"), Column(name="O_DATE", type="DATE"))
)
PLAN = json.dumps(
    {  # the shape in Snowflake's documentation of EXPLAIN
        "GlobalStats": {"partitionsTotal": 40, "partitionsAssigned": 30, "bytesAssigned": 120_000_000_000},
        "Operations": [
            [
                {"id": 0, "operation": "Result", "expressions": ["ORDERS.ID"]},
                {
                    "id": 1,
                    "operation": "TableScan",
                    "objects": ["D.S.SMALL"],
                    "bytesAssigned": 10,
                    "partitionsAssigned": 1,
                },
                {
                    "id": 2,
                    "operation": "TableScan",
                    "objects": ["D.S.ORDERS"],
                    "bytesAssigned": 119_999_999_990,
                    "partitionsAssigned": 29,
                },
            ]
        ],
    }
)


def test_a_plan_tells_bytes_partitions_and_the_largest_table_first() -> None:
    estimate = read_plan(PLAN)
    assert (estimate.bytes, estimate.partitions, estimate.partitions_total) == (120_000_000_000, 30, 40)
    assert [scan.table for scan in estimate.scans] == ["D.S.ORDERS", "D.S.SMALL"]
    assert str(estimate) == "at most 120.0 GB in 30 of 40 partitions"


@pytest.mark.parametrize("text", ["", "[]", "no plan", '{"GlobalStats": {"bytesAssigned": "many"}}'])
def test_what_is_no_plan_is_an_error(text: str) -> None:
    with pytest.raises(WarehouseError):
        read_plan(text)


def test_over_the_budget_says_how_much_how_to_ask_less_and_how_to_consent() -> None:
    with pytest.raises(OverBudgetError) as caught:
        require_within_budget("SELECT 1", read_plan(PLAN), "ANALYST", Settings(), (ORDERS,))
    assert "at most 120.0 GB in 30 of 40 partitions, most of it of D.S.ORDERS; 50 GB" in caught.value.message
    assert "one month by O_DATE" in caught.value.hint
    assert "--allow-scan-gb 120" in caught.value.hint
    assert caught.value.sql == "SELECT 1"


@pytest.mark.parametrize(
    ("settings", "role", "allowed"),
    [
        (Settings(), "ANALYST", False),
        (Settings(max_scan_gb=130), "ANALYST", True),
        (Settings(role_scan_gb="analyst=200, INTERN=1"), "ANALYST", True),
        (Settings(role_scan_gb="analyst=200, INTERN=1", max_scan_gb=500), "INTERN", False),
        (Settings(allow_scan_gb=121, role_scan_gb="INTERN=1"), "INTERN", True),
        (Settings(max_scan_gb=500, max_scan_partitions=29), "ANALYST", False),
        (Settings(max_scan_gb=500, max_scan_partitions=30), "ANALYST", True),
    ],
)
def test_the_budget_is_the_roles_own_and_consent_goes_beyond_it(settings: Settings, role: str, allowed: bool) -> None:
    try:
        require_within_budget("SELECT 1", read_plan(PLAN), role, settings, ())
    except OverBudgetError:
        assert not allowed
    else:
        assert allowed


def test_a_malformed_role_budget_is_named() -> None:
    with pytest.raises(SettingsError, match="'INTERN:1' is no budget"):
        Settings(role_scan_gb="INTERN:1").scan_gb_of("INTERN")


def test_what_reads_nothing_is_within_any_budget() -> None:
    nothing = Estimate(bytes=0, partitions=0, partitions_total=0, scans=(Scan(table="T", bytes=0),))
    require_within_budget("SELECT 1", nothing, "R", Settings(max_scan_gb=0.001), ())
