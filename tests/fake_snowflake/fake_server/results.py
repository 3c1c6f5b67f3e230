"""What a statement answers, and how that goes over the wire."""

import base64
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from fakesnow.arrow import to_ipc, to_sf

SELECT, USE, SHOW, DESCRIBE, DDL, CALL = 0x1000, 0x4300, 0x4400, 0x4500, 0x6000, 0x4600
DML = {"INSERT": 0x3100, "UPDATE": 0x3200, "DELETE": 0x3300, "MERGE": 0x3400}


@dataclass
class Result:
    """Rows as an Arrow table, or as text; `rowtype` in Snowflake's own form."""

    rowtype: list[dict[str, Any]]
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    table: pa.Table | None = None
    type_id: int = SHOW
    query_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return self.table.num_rows if self.table is not None else len(self.rows)

    def capped(self, limit: int) -> "Result":
        """At most `limit` rows; 0 means all."""
        if limit:
            self.rows = self.rows[:limit]
            self.table = None if self.table is None else self.table.slice(0, limit)
        return self

    def as_table(self) -> pa.Table:
        """The same as Arrow, for RESULT_SCAN."""
        if self.table is not None:
            return self.table
        columns = [pa.array([text(row[i]) for row in self.rows], pa.string()) for i in range(len(self.rowtype))]
        return pa.table(columns, names=[column["name"] for column in self.rowtype])


def column(name: str, type: str = "text", precision: int | None = None, scale: int | None = None) -> dict[str, Any]:
    """One column of a rowtype."""
    wide = 16777216 if type == "text" else None
    if type == "fixed":
        precision, scale = precision or 38, scale or 0
    return {
        "name": name, "database": "", "schema": "", "table": "", "nullable": True, "type": type, "byteLength": wide,
        "length": wide, "precision": precision, "scale": scale, "collation": None,
    }  # fmt: skip


def listing(columns: Sequence[str], rows: Iterable[Sequence[Any]], type_id: int = SHOW) -> Result:
    """Rows of text (`NAME:type` for another type)."""
    rowtype = [column(name, type or "text") for name, _, type in (entry.partition(":") for entry in columns)]
    return Result(rowtype, [tuple(row) for row in rows], type_id=type_id)


def status(message: str, type_id: int = DDL) -> Result:
    return listing(["status"], [[message]], type_id)


def body(result: Result, session: Any) -> dict[str, Any]:
    """The answer's `data`."""
    data: dict[str, Any] = {
        "parameters": [{"name": "TIMEZONE", "value": "Etc/UTC"}],
        "rowtype": result.rowtype,
        "total": result.count,
        "returned": result.count,
        "queryId": result.query_id,
        "statementTypeId": result.type_id,
        "finalDatabaseName": session.database,
        "finalSchemaName": session.schema,
        "finalWarehouseName": session.warehouse,
        "finalRoleName": session.role,
        "numberOfBinds": 0,
    }
    if result.table is not None:
        arrow = to_ipc(on_the_wire(result.table, result.rowtype)) if result.count else b""
        data |= {"queryResultFormat": "arrow", "rowsetBase64": base64.b64encode(arrow).decode()}
    else:
        data |= {"queryResultFormat": "json", "rowset": [[text(value) for value in row] for row in result.rows]}
    return data | result.extra


def on_the_wire(table: pa.Table, rowtype: list[dict[str, Any]]) -> pa.Table:
    """fakesnow's encoding, which loses the NULLs of times, with them put back."""
    sent = to_sf(table, rowtype)
    for index, plain in enumerate(table.columns):
        if pa.types.is_timestamp(plain.type) and plain.null_count:
            kept, mask = sent.column(index), plain.combine_chunks().is_null()
            parts = kept.combine_chunks() if isinstance(kept, pa.ChunkedArray) else kept
            struct = pa.StructArray.from_arrays(parts.flatten(), fields=list(parts.type), mask=mask)
            sent = sent.set_column(index, sent.schema.field(index), struct)
    return sent


def text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)
