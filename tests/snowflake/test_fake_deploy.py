"""The fake reads deployment strictly: what is documented is taken, one word changed is a syntax error."""

import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("snowflake.snowpark")

SPEC = """spec:
  containers:
    - {name: m, image: /d/s/r/i:1, resources: {requests: {nvidia.com/gpu: 1}, limits: {nvidia.com/gpu: 1}}}
  endpoints: [{name: adapter, port: 9000, public: false}]
"""
TOOL = "tools: [{name: ask, type: GENERIC, identifier: D.S.ASK, config: {type: procedure, warehouse: W, input_schema: {type: object}}}]"
# As ACCOUNTADMIN, in order; the words that may not be changed are those in upper case that stand for themselves.
STATEMENTS = (
    "CREATE ROLE IF NOT EXISTS OWNER_ROLE COMMENT = 'x'",
    "GRANT ROLE OWNER_ROLE TO ROLE ACCOUNTADMIN",
    "CREATE DATABASE IF NOT EXISTS D COMMENT = 'x'",
    "CREATE SCHEMA IF NOT EXISTS D.S",
    "GRANT USAGE, CREATE TABLE ON SCHEMA D.S TO ROLE OWNER_ROLE",
    "GRANT CALLER USAGE ON DATABASE D TO ROLE OWNER_ROLE",
    "GRANT INHERITED CALLER SELECT ON ALL TABLES IN SCHEMA D.S TO ROLE OWNER_ROLE",
    "GRANT CALLER DATA READ ON SCHEMA D.S TO ROLE OWNER_ROLE",
    "GRANT DATABASE ROLE SNOWFLAKE.CORTEX_USER TO ROLE OWNER_ROLE",
    "CREATE WAREHOUSE IF NOT EXISTS W WITH WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60 AUTO_RESUME = TRUE INITIALLY_SUSPENDED = TRUE",
    "ALTER WAREHOUSE W SET STATEMENT_TIMEOUT_IN_SECONDS = 60 STATEMENT_QUEUED_TIMEOUT_IN_SECONDS = 30",
    "CREATE RESOURCE MONITOR IF NOT EXISTS M WITH CREDIT_QUOTA = 5 FREQUENCY = MONTHLY START_TIMESTAMP = IMMEDIATELY "
    "TRIGGERS ON 75 PERCENT DO NOTIFY ON 100 PERCENT DO SUSPEND",
    "ALTER WAREHOUSE W SET RESOURCE_MONITOR = M",
    "CREATE STAGE IF NOT EXISTS D.S.CODE DIRECTORY = (ENABLE = TRUE) COMMENT = 'x'",
    "CREATE IMAGE REPOSITORY IF NOT EXISTS D.S.IMAGES",
    "CREATE COMPUTE POOL IF NOT EXISTS P MIN_NODES = 1 MAX_NODES = 2 INSTANCE_FAMILY = GPU_NV_S AUTO_RESUME = TRUE AUTO_SUSPEND_SECS = 600",
    "GRANT USAGE ON COMPUTE POOL P TO ROLE OWNER_ROLE",
    "GRANT CREATE SERVICE ON SCHEMA D.S TO ROLE OWNER_ROLE",
    "GRANT USAGE ON DATABASE D TO ROLE OWNER_ROLE",
    "USE ROLE OWNER_ROLE",
    f"CREATE SERVICE IF NOT EXISTS D.S.LLM IN COMPUTE POOL P FROM SPECIFICATION $${SPEC}$$ MIN_INSTANCES = 1 MAX_INSTANCES = 1",
    "ALTER SERVICE IF EXISTS D.S.LLM SUSPEND",
    "USE ROLE ACCOUNTADMIN",
    "CREATE OR REPLACE FUNCTION D.S.F(PROMPT VARCHAR) RETURNS VARIANT SERVICE = D.S.LLM ENDPOINT = adapter MAX_BATCH_ROWS = 4 AS '/complete'",
    "GRANT USAGE ON FUNCTION D.S.F(VARCHAR) TO ROLE OWNER_ROLE",
    "CREATE OR REPLACE TASK D.S.T WAREHOUSE = W SCHEDULE = 'USING CRON 0 3 * * * UTC' AS DELETE FROM D.S.AUDIT",
    "ALTER TASK D.S.T RESUME",
    "CREATE OR REPLACE STREAMLIT D.S.CHAT FROM '@D.S.CODE/app' MAIN_FILE = 'a.py' QUERY_WAREHOUSE = W "
    "RUNTIME_NAME = 'SYSTEM$ST_CONTAINER_RUNTIME_PY3_11' COMPUTE_POOL = P TITLE = 'x'",
    "ALTER STREAMLIT D.S.CHAT ADD LIVE VERSION FROM LAST",
    f"CREATE OR REPLACE MCP SERVER D.S.MCP FROM SPECIFICATION $${TOOL}$$",
    "CREATE SNOWFLAKE.CORE.BUDGET IF NOT EXISTS D.S.B()",
    "CALL D.S.B!SET_SPENDING_LIMIT(100)",
    "DROP MCP SERVER IF EXISTS D.S.MCP",
    "DROP SERVICE IF EXISTS D.S.LLM",
    "ALTER COMPUTE POOL IF EXISTS P STOP ALL",
    "DROP COMPUTE POOL IF EXISTS P",
    "DROP WAREHOUSE IF EXISTS W",
    "DROP RESOURCE MONITOR IF EXISTS M",
    "DROP DATABASE IF EXISTS D",
    "DROP ROLE IF EXISTS OWNER_ROLE",
)
NAMES = {
    "D", "S", "W", "M", "P", "T", "F", "B", "LLM", "MCP", "CHAT", "CODE", "IMAGES", "AUDIT", "OWNER_ROLE", "ACCOUNTADMIN",
    "XSMALL", "PROMPT", "VARCHAR", "VARIANT", "GPU_NV_S", "CORTEX_USER", "MONTHLY",
}  # fmt: skip


def words(sql):
    """The places of its keywords: not names, texts or what a task would run."""
    plain = re.sub(r"\$\$.*?\$\$|'[^']*'|AS DELETE.*", lambda m: " " * len(m[0]), sql, flags=re.DOTALL)
    return [
        m
        for m in re.finditer(r"[A-Z_][A-Z_0-9]*", plain)
        if m[0] not in NAMES and not (m[0] == "SNOWFLAKE" and "ROLE SNOW" in sql)
    ]


def test_the_documented_forms_are_taken_and_every_changed_keyword_is_refused(fake_snowflake):
    import snowflake.connector

    def code_of(cursor, sql):
        try:
            cursor.execute(sql)
        except snowflake.connector.errors.ProgrammingError as error:
            return error.errno
        return None

    refused = 0
    with snowflake.connector.connect(**fake_snowflake.connection()) as connection:
        cursor = connection.cursor()
        for sql in STATEMENTS:
            for word in words(sql):
                changed = f"{sql[: word.start()]}{word[0]}Q{sql[word.end() :]}"
                assert code_of(cursor, changed) in (1003, 2140, 2003, 2043, 1420), changed
                refused += 1
            cursor.execute(sql)
    assert refused > 200


def test_what_was_deployed_is_shown(fake_snowflake):
    fake_snowflake.run(*STATEMENTS[:19])
    (pool,) = fake_snowflake.ask("things", kind="COMPUTE POOL")
    assert (pool["name"], pool["said"]["instance_family"]) == (["P"], "GPU_NV_S")
    assert "W" in str(fake_snowflake.run("SHOW WAREHOUSES LIKE 'W'"))
    assert "IMAGES" in str(fake_snowflake.run("SHOW IMAGE REPOSITORIES IN SCHEMA D.S"))


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("CREATE COMPUTE POOL X MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = GPU_NV_SS", "Invalid instance family"),
        ("CREATE COMPUTE POOL X MAX_NODES = 1 MIN_NODES = 1 INSTANCE_FAMILY = GPU_NV_S", "001003"),
        ("CREATE OR REPLACE COMPUTE POOL X MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = GPU_NV_S", "001003"),
        ("CREATE SERVICE D.S.X IN COMPUTE POOL NOPE FROM SPECIFICATION $$a: 1$$", "does not exist or not authorized"),
        ("CREATE MCP SERVER D.S.X FROM SPECIFICATION $$tools: [{name: a, type: NOPE}]$$", "unknown tool type"),
        ("CREATE WIDGET X", "001003"),
        ("VACUUM", "001003"),
        ("PRAGMA database_list", "001003"),
        ("COPY X TO '/tmp/x'", "001003"),
        ("ATTACH 'x'", "001003"),
        ("INSTALL httpfs", "001003"),
    ],
)
def test_what_is_not_documented_is_refused(fake_snowflake, sql, said):
    with pytest.raises(Exception, match=said):
        fake_snowflake.run("CREATE DATABASE D", "CREATE SCHEMA D.S", sql)


def test_a_grammar_keeps_order_and_takes_each_clause_once():
    sys.path.insert(0, str(Path(__file__).parents[1] / "fake_snowflake"))
    try:
        from fake_server import errors, grammar
    finally:
        sys.path.pop(0)
    spec = "A [B !b] ~{ C = <c:int> | D = <d:string> } E"
    assert grammar.parse(spec, "a b d='x' c=1 e;") == {"b": True, "c": 1, "d": "x"}
    for wrong in ("A C=1 C=2 E", "A C=1 B E", "A C='x' E", "A", "A E E"):
        with pytest.raises(errors.SnowflakeError):
            grammar.parse(spec, wrong)
