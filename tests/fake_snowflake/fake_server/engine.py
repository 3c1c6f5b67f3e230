"""Where rows lie: fakesnow over DuckDB, one database for the account and one for each role's view of it.

A role's own database holds copies of those tables it was granted, made when a statement first names them and again when
they change. What it was not granted isn't there, so no slip in a check can show it.
"""

import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa
from fake_server.account import Session
from fake_server.catalog import Column, Table
from fake_server.errors import cancelled, timed_out
from fakesnow import transforms
from fakesnow.fakes import FakeSnowflakeConnection
from fakesnow.instance import FakeSnow

transforms.numeric_agg_implicit_cast = lambda expression: expression  # it makes floats of all sums
HOME = "FAKE_HOME"
DUCK_TYPES = {
    "TEXT": "VARCHAR", "FLOAT": "DOUBLE", "VARIANT": "JSON", "OBJECT": "JSON", "ARRAY": "JSON", "BINARY": "BLOB",
    "TIMESTAMP_NTZ": "TIMESTAMP", "TIMESTAMP_LTZ": "TIMESTAMPTZ", "TIMESTAMP_TZ": "TIMESTAMPTZ", "GEOGRAPHY": "VARCHAR",
    "GEOMETRY": "VARCHAR", "VECTOR": "VARCHAR",
}  # fmt: skip


class Database:
    """One fakesnow, and which tables it holds in which version."""

    def __init__(self) -> None:
        self.fake = FakeSnow()
        self.versions: dict[tuple[str, ...], int] = {}
        self.lock = threading.RLock()
        self.keeper = self.connect()

    def connect(self) -> FakeSnowflakeConnection:
        return self.fake.connect(HOME, "PUBLIC")

    def make_room(self, database: str, schema: str) -> None:
        """The database and schema, where they are not there yet."""
        duck = self.keeper._duck_conn
        if (database,) not in self.versions:
            self.fake.connect(database, "PUBLIC").close()
            self.versions[database,] = 1
        if (database, schema) not in self.versions:
            duck.execute(f"CREATE SCHEMA IF NOT EXISTS {ident(database)}.{ident(schema)}")
            self.versions[database, schema] = 1

    def forget(self, name: tuple[str, ...]) -> None:
        for key in [k for k in self.versions if k[: len(name)] == name]:
            self.versions.pop(key)


class Engine:
    """The account's database and the roles' own."""

    def __init__(self) -> None:
        self.account = Database()
        self.roles: dict[str, Database] = {}
        self.lock = threading.RLock()

    def database(self, session: Session) -> Database:
        if session.access.is_admin:
            return self.account
        with self.lock:
            if session.access.key not in self.roles:
                self.roles[session.access.key] = Database()
            return self.roles[session.access.key]

    def connection(self, session: Session, *, own: bool) -> FakeSnowflakeConnection:
        """The session's connection to the account's database, or to its role's own."""
        key = session.access.key if own and not session.access.is_admin else ""
        if key not in session.connections:
            session.connections[key] = (self.database(session) if key else self.account).connect()
        return session.connections[key]

    def provide(self, session: Session, table: Table) -> None:
        """See to it that the role's own database holds the table as it is now."""
        self.make(table)
        own = self.database(session)
        if own is self.account or own.versions.get(table.name) == table.version:
            return
        with own.lock:
            own.make_room(*table.name[:2])
            source = self.connection(session, own=False)._duck_conn
            target = own.keeper._duck_conn
            where = place(table.name)
            rows = source.execute(f"SELECT * FROM {where}")
            types = ", ".join(f"{ident(d[0])} {_copied_type(str(d[1]))}" for d in rows.description)
            copy = rows.to_arrow_table()
            target.execute(f"CREATE OR REPLACE TABLE {where} ({types})")
            if copy.num_rows:
                target.register("_copy", copy)
                target.execute(f"INSERT INTO {where} SELECT * FROM _copy")
                target.unregister("_copy")
            own.versions[table.name] = table.version if table.kind != "VIEW" else -1

    def make(self, table: Table) -> None:
        """Create a table that was only declared."""
        if table.made:
            return
        with self.account.lock:
            self.account.make_room(*table.name[:2])
            columns = ", ".join(f"{ident(c.name)} {duck_type(c)}" for c in table.columns)
            self.account.keeper._duck_conn.execute(f"CREATE TABLE {place(table.name)} ({columns})")
            table.made = True

    def count(self, table: Table) -> int | None:
        """How many rows; None for a view."""
        if table.kind == "VIEW":
            return None
        if table.rows is None:
            table.rows = 0
            if table.made:
                cursor = self.account.keeper._duck_conn.cursor()
                found = cursor.execute(f"SELECT count(*) FROM {place(table.name)}").fetchone()
                table.rows = int(found[0]) if found else 0
        return table.rows


class Watch:
    """Stops a running statement when its time is up or somebody cancels it."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.why = seconds, ""
        self.ended = threading.Event()
        self.stop: Callable[[], None] = lambda: None

    def cancel(self, why: str = "cancelled") -> None:
        if not self.ended.is_set():
            self.why = self.why or why
            self.ended.set()
            self.stop()

    def wait(self, seconds: float) -> None:
        """Sleep, unless stopped."""
        self.ended.wait(seconds)
        self.check()

    def check(self) -> None:
        if self.why == "timeout":
            raise timed_out(self.seconds)
        if self.why:
            raise cancelled()

    @contextmanager
    def over(self, connection: FakeSnowflakeConnection) -> Iterator[None]:
        """While the connection runs something, `cancel` interrupts it."""
        self.stop = connection._duck_conn.interrupt
        try:
            self.check()
            yield
        except duckdb.InterruptException:
            self.check()
            raise
        finally:
            self.stop = lambda: None

    @contextmanager
    def running(self) -> Iterator[None]:
        timer = threading.Timer(self.seconds, self.cancel, ["timeout"]) if self.seconds else None
        if timer:
            timer.daemon = True
            timer.start()
        try:
            yield
        finally:
            if timer:
                timer.cancel()
            self.ended.set()


def read_columns(duck: duckdb.DuckDBPyConnection, name: tuple[str, ...]) -> list[Column]:
    """A table's columns as the engine holds them, in Snowflake's words."""
    rows = duck.execute(
        "SELECT column_name, data_type, numeric_precision, numeric_scale, is_nullable, column_default FROM duckdb_columns() "
        "WHERE database_name = ? AND schema_name = ? AND table_name = ? ORDER BY column_index",
        list(stored(name)),
    ).fetchall()
    return [snowflake_column(*row) for row in rows]


def snowflake_column(
    name: str, duck: str, precision: int | None, scale: int | None, nullable: bool, default: str | None
) -> Column:
    types = {
        "VARCHAR": "TEXT", "DOUBLE": "FLOAT", "JSON": "VARIANT", "BLOB": "BINARY", "TIMESTAMP": "TIMESTAMP_NTZ",
        "TIMESTAMP_NS": "TIMESTAMP_NTZ", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ", "FLOAT": "FLOAT",
    }  # fmt: skip
    if duck.startswith("DECIMAL"):
        return Column(name, "NUMBER", precision, scale, None, nullable, default)
    if duck in ("BIGINT", "INTEGER", "HUGEINT", "SMALLINT", "TINYINT", "UBIGINT", "UINTEGER"):
        return Column(name, "NUMBER", 38, 0, None, nullable, default)
    return Column(name, types.get(duck, duck), None, None, 16777216 if duck == "VARCHAR" else None, nullable, default)


def duck_type(column: Column) -> str:
    if column.type == "NUMBER":
        return f"DECIMAL({column.precision},{column.scale})" if column.scale else "BIGINT"
    return DUCK_TYPES.get(column.type, column.type)


def ident(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def stored(name: tuple[str, ...]) -> tuple[str, ...]:
    """The table's name in the engine, which takes `orders` and `ORDERS` for one: so all but upper-case names get a mark."""
    plain = name[-1] == name[-1].upper()
    return name if plain else (*name[:-1], f"{name[-1]}~{zlib.crc32(name[-1].encode()):08x}")


def place(name: tuple[str, ...]) -> str:
    """The same, as SQL of the engine's."""
    return ".".join(map(ident, stored(name)))


def as_numbers(table: pa.Table, kinds: list[str]) -> pa.Table:
    """The engine gives its widest whole numbers as floats; here they are whole numbers again."""
    for index, kind in enumerate(kinds):
        if kind in ("HUGEINT", "UHUGEINT") and pa.types.is_floating(table.column(index).type):
            values = [None if v is None else int(v) for v in table.column(index).to_pylist()]
            small = all(v is None or abs(v) < 2**63 for v in values)
            array = pa.array(values, pa.int64() if small else pa.decimal128(38, 0))
            table = table.set_column(index, table.schema.names[index], array)
    return table


def _copied_type(duck: str) -> str:
    return "BIGINT" if duck in ("HUGEINT", "UHUGEINT") else duck
