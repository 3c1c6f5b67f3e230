"""Each fence alone, with the others off: the table of docs/safety.md is what these runs give."""

from pathlib import Path

import duckdb
import pytest

from sql_tools.errors import InvalidSQLError, QueryTimeoutError, WarehouseError
from sql_tools.models import Column, Context, DraftSQL, Table
from sql_tools.settings import Settings
from sql_tools.validate import validate
from sql_tools.warehouses.duckdb.process import Processes
from sql_tools.warehouses.duckdb.warehouse import _configuration

DOCS = Path(__file__).parents[2] / "docs" / "safety.md"
ATTACKS = {
    "a table dropped": "DROP TABLE t",
    "rows inserted": "INSERT INTO t VALUES (1)",
    "rows inserted inside a query": "WITH w AS (INSERT INTO t VALUES (1) RETURNING a) SELECT * FROM w",
    "rows copied to a file": "COPY t TO '{out}'",
    "a file read by a function": "SELECT * FROM read_text('{file}')",
    "a file read as a table": "SELECT * FROM '{file}'",
    "another database attached": "ATTACH '{database}' AS other",
    "an extension loaded": "LOAD json",
    "a temporary table made": "CREATE TEMP TABLE x AS SELECT 1",
    "a checkpoint": "CHECKPOINT",
    "a variable set": "SET VARIABLE x = 1",
    "a setting changed": "SET threads = 1",
    "settings read": "SELECT * FROM duckdb_settings()",
    "settings read by a view of the file": "SELECT * FROM peek",
    "SQL in a name, for who writes it anew": "SELECT a AS $$x, (SELECT value FROM duckdb_settings() LIMIT 1) AS y$$ FROM t",
    "a product behind names": "WITH c AS (SELECT range AS a FROM range(100000000)), e AS (SELECT x.a FROM c x, c y) SELECT count(*) FROM e WHERE a % 7 = 3",
    "recursion that counts by nothing": "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 0 FROM r WHERE n < 5) SELECT count(*) FROM r",
    "a sequence advanced": "SELECT nextval('numbers')",
    "two statements": "SELECT 1; SELECT 2",
    "endless recursion": "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r WHERE n < 5) SELECT count(*) FROM r",
    "a product of tables": "SELECT count(*) FROM range(100000000) a, range(100000000) b WHERE a.range * b.range % 7 = 3",
    "memory while planning": "SELECT length(printf('%600000000d', 1))",
    "memory while running": "SELECT list(repeat('x', 1000) || range) FROM range(700000)",
    "a very large answer": "SELECT repeat('x', 1000000) FROM range(60)",
    "a wait": "SELECT sleep_ms(20000)",
}
FENCES = ("the checks", "one SELECT", "the engine", "the limits")
SECONDS = 1.5
MAX_BYTES = 10**7


class Ground:
    """A folder with a database to attack, a file, and another database."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "shop.duckdb"
        (folder / "secret.csv").write_text("x\n1\n")
        for path in (self.path, folder / "other.duckdb"):
            with duckdb.connect(str(path)) as connection:
                connection.execute("CREATE TABLE t AS SELECT 1 AS a; CREATE SEQUENCE numbers")
                connection.execute("CREATE VIEW peek AS SELECT * FROM duckdb_settings()")

    def sql(self, attack: str) -> str:
        paths = {"out": "out.csv", "file": "secret.csv", "database": "other.duckdb"}
        for name, file in paths.items():
            attack = attack.replace("{" + name + "}", str(self.folder / file))
        return attack


def stops(fence: str, attack: str, ground: Ground) -> bool:
    """Is the attack stopped with this fence alone?"""
    if fence == "the checks":
        return checks_stop(ground.sql(attack))
    settings = Settings(cache_dir=ground.folder / "cache", memory_limit="300MB")
    engine = fence == "the engine"
    config = _configuration(settings) if engine else {"memory_limit": "300MB"} if fence == "the limits" else {}
    options = {"checked": fence == "one SELECT", "read_only": engine, "limited": fence == "the limits"}
    processes = Processes(ground.path, config, temp_folder=ground.folder, options=options)
    limited = options["limited"]
    try:
        processes.call("select", ground.sql(attack), 1000, MAX_BYTES if limited else 10**12, timeout_seconds=SECONDS)
    except QueryTimeoutError:
        return limited  # the time limit is one of the limits
    except (duckdb.Error, WarehouseError):
        return True
    finally:
        processes.close()
    return False


def checks_stop(sql: str) -> bool:
    table = Table(schema_name="main", name="t", columns=(Column(name="a", type="BIGINT"),), row_count=1)
    context = Context(dialect="duckdb", question="x", tables=(table,), catalog=(table,))
    try:
        validate(DraftSQL(text=sql, dialect="duckdb"), context)
    except InvalidSQLError:
        return True
    return False


def table(rows: dict[str, list[bool]]) -> str:
    """The table as docs/safety.md has it."""
    lines = [f"| attack | {' | '.join(FENCES)} |", "|---|" + "---|" * len(FENCES)]
    lines += [f"| {name} | {' | '.join('stops it' if s else '-' for s in stopped)} |" for name, stopped in rows.items()]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    return {
        name: [stops(fence, attack, Ground(tmp_path_factory.mktemp("ground"))) for fence in FENCES]
        for name, attack in ATTACKS.items()
    }


def test_the_table_of_the_docs_is_what_the_fences_do(outcomes):
    assert table(outcomes) in DOCS.read_text("utf-8"), f"docs/safety.md should hold:\n{table(outcomes)}"


def test_every_attack_is_stopped_by_some_fence_and_no_fence_stops_all(outcomes):
    assert all(any(stopped) for stopped in outcomes.values())
    assert not any(all(column) for column in list(zip(*outcomes.values(), strict=True))[1:])


def test_a_plain_read_passes_every_fence(tmp_path):
    ground = Ground(tmp_path)
    assert [stops(fence, "SELECT a FROM t", ground) for fence in FENCES] == [False] * 4
