"""EXPLAIN, in the shape that Snowflake documents for USING JSON: what would be read, from what the catalog knows."""

import json
import re
from typing import Any

from fake_server.account import Session
from fake_server.catalog import Table
from fake_server.engine import Engine, Watch
from fake_server.errors import SnowflakeError
from fake_server.information_schema import size
from fake_server.lexer import path
from fake_server.query import parse, prepare, run
from fake_server.resolve import bind
from fake_server.results import Result, listing
from sqlglot import exp

OPENING = re.compile(r"\s*EXPLAIN(\s+USING\s+(TABULAR|JSON|TEXT))?\s+", re.IGNORECASE)
PARTITION_BYTES = 16 * 2**20


def explain(session: Session, engine: Engine, sql: str, values: Any, watch: Watch) -> Result:
    """The plan of a query: names, privileges and types are checked, nothing is read."""
    opening = OPENING.match(sql)
    form = ((opening[2] if opening else None) or "TABULAR").upper()
    tree = parse(sql[opening.end() :] if opening else sql)
    if not isinstance(tree, exp.Query):
        raise SnowflakeError(1003, "42000", "SQL compilation error:\nEXPLAIN here takes queries only.")
    bind(tree, values)
    ready = prepare(session, engine, tree, sql, watch)
    if ready.registered:
        raise SnowflakeError(2, "0A000", "Unsupported feature 'EXPLAIN for INFORMATION_SCHEMA objects'.")
    run(session, engine, ready, None, watch, describe=True)
    plan = _plan(engine, ready.tables)
    if form == "JSON":
        return listing(["content"], [[json.dumps(plan)]])
    if form == "TEXT":
        return listing(["content"], [[json.dumps(plan, indent=1)]])
    return _tabular(plan)


def _plan(engine: Engine, tables: list[Table]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"id": 0, "operation": "Result", "expressions": []}]
    for number, table in enumerate(tables, 1):
        steps.append({"id": number, "parentOperators": [0], "operation": "TableScan", **_scan(engine, table)})
    assigned = sum(step.get("bytesAssigned", 0) for step in steps)
    parts = sum(step.get("partitionsAssigned", 0) for step in steps)
    stats = {"partitionsTotal": parts, "partitionsAssigned": parts, "bytesAssigned": assigned}
    return {"GlobalStats": stats, "Operations": [steps]}


def _scan(engine: Engine, table: Table) -> dict[str, Any]:
    read = size(engine, table) or 0
    parts = table.partitions if table.partitions is not None else max(1, -(-read // PARTITION_BYTES))
    return {
        "objects": [path(*table.name)], "expressions": [column.name for column in table.columns], "partitionsAssigned": parts,
        "partitionsTotal": parts, "bytesAssigned": read,
    }  # fmt: skip


def _tabular(plan: dict[str, Any]) -> Result:
    names = (
        "step",
        "id",
        "parentOperators",
        "operation",
        "objects",
        "alias",
        "expressions",
        "partitionsTotal",
        "partitionsAssigned",
        "bytesAssigned",
    )
    stats = plan["GlobalStats"]
    rows: list[list[Any]] = [[None, None, None, "GlobalStats", None, None, None, *(stats[k] for k in names[7:])]]
    for step in plan["Operations"][0]:
        told = ", ".join(step.get("objects", []))
        rows.append(
            [
                1,
                step["id"],
                step.get("parentOperators"),
                step["operation"],
                told,
                None,
                ", ".join(step["expressions"]),
                *(step.get(k) for k in names[7:]),
            ]
        )
    return listing(names, rows)
