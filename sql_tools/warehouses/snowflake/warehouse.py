"""Snowflake as a warehouse, over a Snowpark Session: everything runs as the asker, under the asker's own role.

Fences, outermost first: the rules of `validate`; EXPLAIN, which binds names and privileges and tells what would be read
before it is; the budget; then limits that go with the statement itself. Whether the role could write is the account's
affair: a role that only reads is the last fence (docs/snowflake.md).
"""

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sqlglot import exp

from sql_tools.errors import InvalidSQLError, StaleCatalogError, WarehouseError
from sql_tools.models import QueryResult, Table
from sql_tools.query.text import parse
from sql_tools.settings import Settings
from sql_tools.untrusted import flagged
from sql_tools.warehouses import OnProgress
from sql_tools.warehouses.snowflake.catalog import Place
from sql_tools.warehouses.snowflake.connect import open_session
from sql_tools.warehouses.snowflake.cost import Estimate, read_plan, require_within_budget
from sql_tools.warehouses.snowflake.errors import is_stale
from sql_tools.warehouses.snowflake.index import HOUR, SnowflakeIndex
from sql_tools.warehouses.snowflake.kept import KeptCatalog, kept_path
from sql_tools.warehouses.snowflake.session_kept import SessionCatalog
from sql_tools.warehouses.snowflake.statements import Fetched, Statements

if TYPE_CHECKING:
    from snowflake.snowpark import Session

EXPLAIN_SECONDS = 30.0
SAMPLE_SECONDS = 10.0
CHEAP_BYTES = 100 * 10**6  # what we read on our own account, to find out whether a key repeats
WHO = (
    "SELECT CURRENT_ACCOUNT() AS ACCOUNT, CURRENT_USER() AS USER_NAME, CURRENT_ROLE() AS ROLE_NAME, "
    "CURRENT_DATABASE() AS DATABASE_NAME, CURRENT_SCHEMA() AS SCHEMA_NAME"
)


class SnowflakeWarehouse:
    """One asker's view of an account; its catalog is read on first use, or by `refresh`."""

    dialect = "snowflake"
    remote = True

    def __init__(
        self, session: "Session", settings: Settings, *, name: str, owns_session: bool, kept_in: str = ""
    ) -> None:
        self.name = name
        self.notes: tuple[str, ...] = ()
        self._settings, self._owns = settings, owns_session
        self.session = session  # for models in the same account
        self._statements = Statements(session)
        who = self._statements.ask(WHO, timeout_seconds=EXPLAIN_SECONDS)[0]
        self.account, self.user, self.role = (str(who[key] or "") for key in ("account", "user_name", "role_name"))
        place = Place(str(who["database_name"] or ""), str(who["schema_name"] or ""))
        self._kept = KeptCatalog(self._path(settings))
        self._in_session = SessionCatalog(self._statements, kept_in, self.role, settings.catalog_max_age_hours * HOUR)
        self._index = SnowflakeIndex(self._statements.ask, self._sampled, self._kept, settings, place)
        self._tables: tuple[Table, ...] | None = None
        self._lock = threading.RLock()
        self.on_progress: OnProgress = lambda what, share: None

    def tables(self) -> tuple[Table, ...]:
        """All that the role may see of the chosen schemas; kept between runs, and read again when it is old."""
        with self._lock:
            if self._tables is None:
                self._in_session.load(self._kept)
                self._read(max_age_seconds=None)
            return self._tables or ()

    def refresh(self, on_progress: OnProgress | None = None) -> tuple[Table, ...]:
        """The tables after asking the account what has changed; WarehouseError if it cannot be asked."""
        with self._lock:
            self.on_progress = on_progress or self.on_progress
            self._read(max_age_seconds=0.0)
            return self._tables or ()

    def keep_in_session(self) -> str:
        """Keep the catalog for later calls of this Snowflake session; why not, where that cannot be."""
        with self._lock:
            return self._in_session.save(self._kept)

    def explain(self, sql: str) -> str | None:
        """Bind, plan, and say what it would read at most; nothing runs.

        Raises WarehouseError for what Snowflake refuses, OverBudgetError for what needs consent, StaleCatalogError where
        the catalog turned out to be old: it has been read again.
        """
        if _reads_catalog(sql):  # which EXPLAIN does not take
            self._statements.describe(sql)
            return None
        try:
            estimate = self._estimate(sql)
        except WarehouseError as error:
            self._require_current(error)
            raise
        require_within_budget(sql, estimate, self.role, self._settings, self.tables())
        return f"the engine binds and plans it; it reads {estimate}"

    def is_cheap(self, sql: str) -> bool:
        """Would it read little enough to be run on our own account?"""
        with suppress(WarehouseError):
            return self._estimate(sql).bytes <= min(CHEAP_BYTES, self._settings.scan_gb_of(self.role) * 1e9)
        return False

    def run(self, sql: str, *, max_rows: int, timeout_seconds: float) -> QueryResult:
        """Rows of one SELECT, at most `max_rows`, in the connector's Python types; stopped past the limit."""
        started = time.perf_counter()
        try:
            found = self._statements.fetch(sql, max_rows=max_rows + 1, timeout_seconds=timeout_seconds)
        except WarehouseError as error:
            self._require_current(error)
            raise
        return QueryResult(
            columns=found.columns,
            rows=tuple(found.rows[:max_rows]),
            truncated=len(found.rows) > max_rows,
            seconds=time.perf_counter() - started,
            query_id=found.query_id,
        )

    def close(self) -> None:
        """Let go of the kept catalog, and of the Session if we opened it; closing twice is fine."""
        self._kept.close()
        if self._owns:
            self._owns = False
            self._statements.close()

    def _read(self, *, max_age_seconds: float | None) -> None:
        tables = self._index.read(self.on_progress, max_age_seconds=max_age_seconds)
        if not tables:
            raise WarehouseError(
                f"{self.role or 'Your role'} sees no tables in {self.name}.",
                "Ask for USAGE on database and schema and SELECT on its tables, or name another role or schema.",
            )
        if tables != self._tables:
            self._tables, self.notes = tables, self._index.notes + flagged(tables)

    def _require_current(self, error: WarehouseError) -> None:
        """StaleCatalogError if a name that Snowflake does not know has gone since the catalog was read."""
        cause = error.__cause__
        if not isinstance(cause, Exception) or not is_stale(cause):
            return
        with self._lock:
            before = self._tables
            self._read(max_age_seconds=0.0)
            if self._tables is not before:
                raise StaleCatalogError(
                    f"{error.message} The catalog was out of date and has been read again.", "Ask once more."
                ) from error

    def _estimate(self, sql: str) -> Estimate:
        found = self._statements.fetch(f"EXPLAIN USING JSON {sql}", max_rows=1, timeout_seconds=EXPLAIN_SECONDS)
        return read_plan(str(found.rows[0][0]) if found.rows else "")

    def _sampled(self, sql: str, max_rows: int) -> Fetched:
        return self._statements.fetch(sql, max_rows=max_rows, timeout_seconds=SAMPLE_SECONDS)

    def _path(self, settings: Settings) -> Path | None:
        if not settings.keep_catalog:
            return None
        sampled = "values" if settings.sample_seconds else "names"
        return kept_path(settings.cache, self.account, self.user, self.role, sampled)


def connect(target: str, settings: Settings, *, on_progress: OnProgress | None = None) -> SnowflakeWarehouse:
    """Open `snowflake`, or `snowflake:NAME` for one of the connections in connections.toml.

    SettingsError if there is no such connection, WarehouseError if it cannot be opened.
    """
    _, _, connection = target.partition(":")
    if on_progress:
        on_progress("Signing in to Snowflake", 0.0)
    session = open_session(connection)
    opened = SnowflakeWarehouse(session, settings, name=target, owns_session=True)
    if on_progress:
        opened.on_progress = on_progress
        opened.tables()
    return opened


def from_session(
    session: "Session", settings: Settings, *, name: str = "snowflake", kept_in: str = ""
) -> SnowflakeWarehouse:
    """The warehouse over a Session that somebody else opened and will close: a procedure's, or the chat's in the account.

    `kept_in` names a schema (`DB.SCHEMA`) for a temporary table that holds the catalog for the rest of the session.
    """
    return SnowflakeWarehouse(session, settings, name=name, owns_session=False, kept_in=kept_in)


def _reads_catalog(sql: str) -> bool:
    """Does it read INFORMATION_SCHEMA?"""
    try:
        tree = parse(sql, "snowflake")
    except InvalidSQLError:
        return False  # Snowflake will say what is wrong with it
    return any(table.db.upper() == "INFORMATION_SCHEMA" for table in tree.find_all(exp.Table))
