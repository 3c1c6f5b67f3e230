"""DuckDB's own parse against sqlglot's tree of the same text."""

import duckdb
import pytest

from sql_tools.errors import WarehouseError
from sql_tools.warehouses.duckdb.second_opinion import require_same_reading


def parsed(sql: str) -> str:
    return str(duckdb.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()[0][0])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*), sum(a) FROM t, u GROUP BY ALL",
        "WITH q AS (SELECT 1 AS a) SELECT * FROM q JOIN s.t USING (a)",
        "SELECT [1, 2], {'a': 1}, x[1], x[1:2], EXTRACT(YEAR FROM d), d + INTERVAL '1' DAY, a LIKE 'x' ESCAPE '!' FROM t",
        "SELECT * FROM generate_series(1, 3) AS g(i), unnest([1]) AS u(v)",
        "SELECT TRIM(LEADING 'x' FROM a), SUBSTRING(a FROM 2), a AT TIME ZONE 'UTC', a COLLATE nocase FROM t",
    ],
)
def test_the_same_tables_and_functions_pass(sql: str) -> None:
    require_same_reading(sql, parsed(sql))


@pytest.mark.parametrize(
    ("shown", "runs", "words"),
    [
        ("SELECT a FROM t", "SELECT a FROM t, payroll", "table payroll"),
        ("SELECT a FROM t", "SELECT a, (SELECT max(b) FROM payroll) FROM t", "function max"),
        ("SELECT a FROM t", "SELECT sleep_ms(a) FROM t", "function sleep_ms"),
        ("SELECT a FROM t", "SELECT value FROM duckdb_settings()", "duckdb_settings"),
    ],
)
def test_what_only_the_engine_reads_is_told(shown: str, runs: str, words: str) -> None:
    with pytest.raises(WarehouseError, match=words):
        require_same_reading(shown, parsed(runs))


def test_what_the_engine_does_not_tell_is_refused() -> None:
    with pytest.raises(WarehouseError, match="does not tell"):
        require_same_reading("SELECT 1", parsed("PIVOT t ON a"))
