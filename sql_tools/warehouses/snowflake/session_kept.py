"""A catalog kept in the Snowflake session that read it: a temporary table, which no other session can come upon.

Procedures keep nothing between calls, so each would introspect anew. What REFRESH_CATALOG read is therefore put into a
temporary table, and later calls of the same session take from it the tables that LAST_ALTERED says have not changed.
Which tables there are is asked at every call all the same, so one that the role no longer sees is gone at once. The
server itself compares role, secondary roles and age, so USE ROLE finds nothing of what another role kept.

To create one takes USAGE of the schema and no more; owner's rights procedures may not. Whether a restricted caller's may,
and with which caller grants, is not documented: where it may not, nothing is kept, and that is said.
Source: Snowflake's documentation, `user-guide/tables-temp-transient`, `sql-reference/sql/create-table` (access control),
`developer-guide/restricted-callers-rights`, `developer-guide/stored-procedure/python/procedure-python-limitations`.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from sql_tools.errors import WarehouseError
from sql_tools.warehouses.snowflake.kept import VERSION, KeptCatalog
from sql_tools.warehouses.snowflake.statements import Statements

PART_CHARS = 400_000
MAX_PARTS = 25  # 10 MB, compressed: some ten thousand tables
SECONDS = 30.0
COLUMNS = "ROLE_NAME VARCHAR, SECONDARY_ROLES VARCHAR, KEPT_AT TIMESTAMP_LTZ, BATCH VARCHAR, PARTS NUMBER, PART NUMBER, BODY VARCHAR"
ASKER = "CURRENT_ROLE(), CURRENT_SECONDARY_ROLES(), CURRENT_TIMESTAMP()"


class SessionCatalog:
    """The session's temporary table for this role in `schema` (`DB.SCHEMA`); none if that is empty, or no age is allowed."""

    def __init__(self, statements: Statements, schema: str, role: str, max_age_seconds: float) -> None:
        self._statements, self._max_age_seconds = statements, max_age_seconds
        key = hashlib.sha256(f"{VERSION} {role}".encode()).hexdigest()[:16].upper()
        self._table = f"{schema}.CATALOG_{key}" if schema and max_age_seconds > 0 else ""

    def load(self, kept: KeptCatalog) -> None:
        """Fill `kept` with what an earlier call kept for these very roles; nothing if there is none, or it is damaged."""
        if not self._table:
            return
        wanted = (
            "ROLE_NAME = CURRENT_ROLE() AND SECONDARY_ROLES = CURRENT_SECONDARY_ROLES() "
            f"AND KEPT_AT > DATEADD('second', -{round(self._max_age_seconds)}, CURRENT_TIMESTAMP())"
        )
        sql = f"SELECT BATCH, PARTS, BODY FROM {self._table} WHERE {wanted} ORDER BY KEPT_AT DESC, PART"
        try:
            found = self._statements.fetch(sql, max_rows=MAX_PARTS, timeout_seconds=SECONDS).rows
            kept.fill(_unpacked([(batch, int(parts), body) for batch, parts, body in found]))
        except (WarehouseError, ValueError, TypeError, zlib.error):
            return  # none was made in this session

    def save(self, kept: KeptCatalog) -> str:
        """Keep what `kept` holds; why not, where that cannot be."""
        if not self._table:
            return "this deployment has no place for it"
        parts = _packed(kept.dump())
        if len(parts) > MAX_PARTS:
            return "it is too large"
        try:
            self._run(f"CREATE TEMPORARY TABLE IF NOT EXISTS {self._table} ({COLUMNS})")
            batch = uuid4().hex
            for number, body in enumerate(parts):
                self._run(f"INSERT INTO {self._table} SELECT {ASKER}, ?, ?, ?, ?", batch, len(parts), number, body)
        except WarehouseError as error:
            return error.message
        return ""

    def _run(self, sql: str, *values: Any) -> None:
        self._statements.fetch(sql, max_rows=1, timeout_seconds=SECONDS, values=values)


def _packed(rows: Iterable[tuple[Any, ...]]) -> list[str]:
    text = base64.b64encode(zlib.compress(json.dumps(list(rows)).encode())).decode()
    return [text[start : start + PART_CHARS] for start in range(0, len(text), PART_CHARS)]


def _unpacked(found: list[tuple[str, int, str]]) -> list[list[Any]]:
    """The rows of the newest batch; ValueError where parts of it are missing."""
    newest = [(parts, body) for batch, parts, body in found if batch == found[0][0]]
    if not newest:
        return []
    if len(newest) != newest[0][0]:
        raise ValueError("a part is missing")
    return list(json.loads(zlib.decompress(base64.b64decode("".join(body for _, body in newest)))))
