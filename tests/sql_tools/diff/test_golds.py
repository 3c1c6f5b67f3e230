"""`diff` over a real connector: the 50 Snowflake golds of defog and the demo's questions, on the tests' server and on DuckDB.

The server is itself sqlglot onto DuckDB, so what agrees here proves the plumbing: names, types, copies, comparison. What
proves the dialect is tests/sql_tools/transpile/test_transpile.py.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sql_tools import Settings
from sql_tools.diff.compare import checked, diff
from sql_tools.diff.local_copy import copy_tables
from sql_tools.errors import InvalidSQLError
from sql_tools.open_warehouse import open_warehouse
from sql_tools.warehouses import Warehouse
from sql_tools.warehouses.snowflake.warehouse import SnowflakeWarehouse, from_session

DEFOG = Path(__file__).parent / "fixtures" / "defog_snowflake"
DATABASES = ("geography", "restaurants")
ROWS_OF_DEMO = {"REGION": 5, "NATION": 25, "CUSTOMER": 60, "ORDERS": 120, "SUPPLIER": 30}
DEMO = (
    "SELECT COUNT(*) AS n FROM CUSTOMER JOIN NATION ON C_NATIONKEY = N_NATIONKEY WHERE N_NAME = 'GERMANY'",
    "SELECT C_MKTSEGMENT, AVG(C_ACCTBAL) AS average FROM CUSTOMER GROUP BY C_MKTSEGMENT",
    "SELECT S_NAME, S_ACCTBAL FROM SUPPLIER ORDER BY S_ACCTBAL DESC LIMIT 5",
    "SELECT YEAR(O_ORDERDATE) AS year, COUNT(*) AS n FROM ORDERS GROUP BY 1 ORDER BY 1",
    "SELECT LAST_DAY(O_ORDERDATE) AS month, SUM(O_TOTALPRICE) AS total FROM ORDERS GROUP BY 1 ORDER BY 1",
    "SELECT R_NAME, COUNT(*) AS n FROM REGION JOIN NATION ON N_REGIONKEY = R_REGIONKEY GROUP BY R_NAME ORDER BY n DESC, 1",
    "SELECT COUNT(*) AS n FROM CUSTOMER WHERE NOT EXISTS (SELECT 1 FROM ORDERS WHERE O_CUSTKEY = C_CUSTKEY)",
    "SELECT C_NAME FROM CUSTOMER QUALIFY ROW_NUMBER() OVER (PARTITION BY C_NATIONKEY ORDER BY C_ACCTBAL DESC) = 1 ORDER BY 1",
    "SELECT O_ORDERSTATUS, MAX(O_TOTALPRICE) AS most FROM ORDERS GROUP BY ALL ORDER BY 1 LIMIT 3",
    "SELECT DATEDIFF(month, MIN(O_ORDERDATE), MAX(O_ORDERDATE)) AS months FROM ORDERS",
)


def golds() -> list[tuple[str, str]]:
    """Database and SQL: of columns in braces all, of alternative statements each."""
    lines = map(json.loads, (DEFOG / "golds.jsonl").read_text("utf-8").splitlines())
    pairs = [(one["database"], re.sub(r"[{}]", "", part).strip()) for one in lines for part in one["sql"].split(";")]
    return [(database, sql) for database, sql in pairs if sql]


def test_there_are_fifty_golds() -> None:
    assert len((DEFOG / "golds.jsonl").read_text("utf-8").splitlines()) == 50


def load_defog(admin: Any, database: str) -> None:
    """The database's script, statement by statement, as an admin would run it."""
    name = database.upper()
    admin.sql(f"CREATE DATABASE {name}").collect()
    admin.sql(f"CREATE SCHEMA IF NOT EXISTS {name}.PUBLIC").collect()
    for statement in (DEFOG / f"{database}.sql").read_text("utf-8").split(";\n"):
        if statement.strip():
            admin.sql(statement.replace("public.", f"{name}.PUBLIC.").replace(" DEFAULT ''::text", "")).collect()


def load_demo(admin: Any, path: Path) -> None:
    """The first rows of some of the demo's tables."""
    admin.sql("CREATE DATABASE DEMO").collect()
    admin.sql("CREATE SCHEMA DEMO.TPCH_SF1").collect()
    with duckdb.connect(str(path), read_only=True) as connection:
        for table, count in ROWS_OF_DEMO.items():
            rows = connection.execute(f"SELECT * FROM TPCH_SF1.{table} ORDER BY 1 LIMIT {count}").fetchall()
            columns = ", ".join(f"{d[0]} {str(d[1]).replace('BIGINT', 'NUMBER')}" for d in connection.description or ())
            admin.sql(f"CREATE TABLE DEMO.TPCH_SF1.{table} ({columns})").collect()
            values = ", ".join("(" + ", ".join(_literal(cell) for cell in row) + ")" for row in rows)
            admin.sql(f"INSERT INTO DEMO.TPCH_SF1.{table} VALUES {values}").collect()


def _literal(cell: Any) -> str:
    return str(cell) if isinstance(cell, int) else "'" + str(cell).replace("'", "''") + "'"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(cache_dir=tmp_path_factory.mktemp("cache"), keep_catalog=False, sample_seconds=0)


@pytest.fixture(scope="module")
def snowflake(fake_snowflake_server: Any, settings: Settings) -> Any:
    """The tests' server with the golds' two databases and a piece of the demo."""
    from sql_tools.warehouses.demo import demo_path

    fake_snowflake_server.reset()
    with fake_snowflake_server.admin() as admin:
        for database in DATABASES:
            load_defog(admin, database)
        load_demo(admin, demo_path(Settings()))
    return fake_snowflake_server


@contextmanager
def opened(
    snowflake: Any, settings: Settings, database: str, role: str = "ACCOUNTADMIN"
) -> Iterator[SnowflakeWarehouse]:
    schema = "TPCH_SF1" if database == "demo" else "PUBLIC"
    with snowflake.session(role, database=database.upper(), schema=schema) as session:
        yield from_session(session, settings)


@pytest.fixture(scope="module", params=[*DATABASES, "demo"])
def pair(
    request: Any, snowflake: Any, settings: Settings, tmp_path_factory: Any
) -> Iterator[tuple[str, Any, Warehouse]]:
    """A database there, and its copy here."""
    name = request.param
    path = tmp_path_factory.mktemp(name) / "copy.duckdb"
    with opened(snowflake, settings, name) as account:
        copy_tables(account.tables(), account, path, settings, lambda table, rows: None)
        with closing(open_warehouse(str(path), settings)) as local:
            yield name, account, local


def test_golds_and_demo_give_the_same_there_and_here(pair: tuple[str, Any, Warehouse], settings: Settings) -> None:
    name, account, local = pair
    queries = DEMO if name == "demo" else [sql for database, sql in golds() if database == name]
    differing = []
    for sql in queries:
        report = diff(checked(sql, account, settings), account, local, settings)
        if report.status != "same":
            differing.append((sql, report.differences))
    assert differing == []
    assert len(queries) >= 10


def test_what_the_stand_in_gets_wrong_is_told(snowflake: Any, settings: Settings, tmp_path: Path) -> None:
    """DATE_TRUNC of a DATE is a DATE in Snowflake's documentation and here; the tests' server makes it a timestamp."""
    with opened(snowflake, settings, "demo") as account:
        copy_tables(account.tables(), account, tmp_path / "copy.duckdb", settings, lambda table, rows: None)
        with closing(open_warehouse(str(tmp_path / "copy.duckdb"), settings)) as local:
            sql = "SELECT DATE_TRUNC('month', O_ORDERDATE) AS month FROM ORDERS"
            report = diff(checked(sql, account, settings), account, local, settings)
    assert report.differences == ("MONTH is TIMESTAMP_NTZ there, DATE here",)


def test_a_row_changed_here_is_told(snowflake: Any, settings: Settings, tmp_path: Path) -> None:
    with opened(snowflake, settings, "restaurants") as account:
        copy_tables(account.tables(), account, tmp_path / "copy.duckdb", settings, lambda table, rows: None)
        with duckdb.connect(str(tmp_path / "copy.duckdb")) as connection:
            connection.execute('UPDATE "PUBLIC".restaurant SET rating = rating + 0.5 WHERE id = 1')
        with closing(open_warehouse(str(tmp_path / "copy.duckdb"), settings)) as local:
            sql = checked("SELECT food_type, AVG(rating) AS average FROM restaurant GROUP BY 1", account, settings)
            report = diff(sql, account, local, settings)
    assert report.status == "different"
    assert len(report.differences) == 2  # one row only there, one only here


def test_what_the_role_may_not_read_is_neither_compared_nor_copied(snowflake: Any, settings: Settings) -> None:
    with snowflake.admin() as admin:
        for sql in (
            "CREATE ROLE COOK",
            "GRANT USAGE ON DATABASE RESTAURANTS TO ROLE COOK",
            "GRANT USAGE ON SCHEMA RESTAURANTS.PUBLIC TO ROLE COOK",
            "GRANT SELECT ON TABLE RESTAURANTS.PUBLIC.LOCATION TO ROLE COOK",
        ):
            admin.sql(sql).collect()
    with opened(snowflake, settings, "restaurants", "COOK") as account:
        assert [table.name for table in account.tables()] == ["LOCATION"]
        with pytest.raises(InvalidSQLError, match="no table"):
            checked("SELECT * FROM restaurant", account, settings)


@pytest.mark.parametrize(
    ("sql", "code", "words"),
    [
        ("SELECT COUNT(*) AS n FROM restaurant", 0, "Same on both: 1 row."),
        ("SELECT 2 / 7 AS part", 0, "Same on both: 1 row."),
        ("SELECT APPROX_COUNT_DISTINCT(name) AS n FROM restaurant", 1, "is an estimate"),
    ],
)
def test_the_command_copies_what_it_needs_and_says_how_it_ended(
    sql: str, code: int, words: str, snowflake: Any, tmp_path: Path
) -> None:
    snowflake.connections_toml(
        tmp_path / "connections.toml", {"fake": snowflake.connection(database="RESTAURANTS", schema="PUBLIC")}
    )
    environment = {**os.environ, "SNOWFLAKE_HOME": str(tmp_path), "ARCTIC_COPILOT_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-c", "from app.cli import main; main()", "diff", sql, "--warehouse", "snowflake:fake"]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert (ended.returncode, words in ended.stdout + ended.stderr) == (code, True), ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
