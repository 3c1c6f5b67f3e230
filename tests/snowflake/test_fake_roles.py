"""Two roles with different grants on the fake: each sees what it was granted and nothing else."""

import pytest

pytest.importorskip("snowflake.snowpark")

SET_UP = (
    "CREATE DATABASE D",
    "CREATE SCHEMA D.S",
    "CREATE TABLE D.S.SALES (ID INT PRIMARY KEY, AMOUNT INT)",
    "CREATE TABLE D.S.SALARIES (ID INT REFERENCES D.S.SALES (ID), PAY INT COMMENT 'canary comment') COMMENT = 'canary table'",
    "INSERT INTO D.S.SALES VALUES (1, 5)",
    "INSERT INTO D.S.SALARIES VALUES (1, 424242)",
    "CREATE VIEW D.S.PUBLIC_PAY AS SELECT COUNT(*) AS N FROM D.S.SALARIES",
    "CREATE ROLE SELLER",
    "CREATE ROLE PAYMASTER",
    "GRANT USAGE ON DATABASE D TO ROLE SELLER",
    "GRANT USAGE ON SCHEMA D.S TO ROLE SELLER",
    "GRANT SELECT ON TABLE D.S.SALES TO ROLE SELLER",
    "GRANT SELECT ON VIEW D.S.PUBLIC_PAY TO ROLE SELLER",
    "GRANT ROLE SELLER TO ROLE PAYMASTER",
    "GRANT SELECT ON ALL TABLES IN SCHEMA D.S TO ROLE PAYMASTER",
)
LOOKS = (
    "SHOW TABLES IN SCHEMA D.S",
    "SHOW OBJECTS IN DATABASE D",
    "SHOW COLUMNS IN SCHEMA D.S",
    "SHOW PRIMARY KEYS IN SCHEMA D.S",
    "SHOW IMPORTED KEYS IN SCHEMA D.S",
    "SELECT * FROM D.INFORMATION_SCHEMA.TABLES",
    "SELECT * FROM D.INFORMATION_SCHEMA.COLUMNS",
    "SELECT * FROM D.INFORMATION_SCHEMA.TABLE_CONSTRAINTS",
    "SHOW GRANTS TO ROLE SELLER",
)
TRIES = (
    "SELECT * FROM D.S.SALARIES",
    "SELECT PAY FROM D.S.SALES",
    "WITH SALARIES AS (SELECT * FROM D.S.SALARIES) SELECT * FROM SALARIES",
    "SELECT (SELECT MAX(PAY) FROM SALARIES) FROM SALES",
    "DESCRIBE TABLE D.S.SALARIES",
    "EXPLAIN USING JSON SELECT * FROM D.S.SALARIES",
    "SHOW COLUMNS IN TABLE D.S.SALARIES",
    "INSERT INTO D.S.SALARIES VALUES (2, 2)",
    "DROP TABLE D.S.SALARIES",
    "SELECT * FROM D.S.SALARIE",
)


@pytest.fixture
def company(fake_snowflake):
    fake_snowflake.run(*SET_UP)
    return fake_snowflake


def test_lists_hold_only_what_the_role_was_granted(company):
    def found(sql, role):
        return str(company.run(sql, role=role, database="D", schema="S"))

    for sql in LOOKS:
        mine, theirs = found(sql, "SELLER"), found(sql, "PAYMASTER")
        assert "SALES" in mine or "IMPORTED" in sql, sql
        assert not any(word in mine for word in ("SALARIES", "'PAY'", "canary", "424242")), sql
        assert "SALARIES" in theirs or "GRANTS" in sql or "PRIMARY" in sql, sql


def test_what_was_not_granted_does_not_exist(company):
    with company.session("SELLER", database="D", schema="S") as session:
        for sql in TRIES:
            with pytest.raises(Exception, match=r"does not exist or not authorized|invalid identifier") as error:
                session.sql(sql).collect()
            assert "424242" not in str(error.value), sql
        assert [tuple(row) for row in session.sql("SELECT * FROM SALES").collect()] == [(1, 5)]
        assert session.sql("SELECT N FROM PUBLIC_PAY").collect()[0][0] == 1


def test_a_reader_may_not_write(company):
    with company.session("SELLER", database="D", schema="S") as session:
        for sql in (
            "INSERT INTO SALES VALUES (2, 2)",
            "DROP TABLE SALES",
            "CREATE TABLE T (A INT)",
            "DELETE FROM SALES",
            "GRANT SELECT ON TABLE SALES TO ROLE PUBLIC",
            "CREATE ROLE X",
        ):
            with pytest.raises(Exception, match="Insufficient privileges"):
                session.sql(sql).collect()


def test_changes_and_revoked_grants_are_seen_at_once(company):
    with company.session("SELLER", database="D", schema="S") as session:
        company.run("INSERT INTO D.S.SALES VALUES (2, 7)")
        assert session.sql("SELECT SUM(AMOUNT) FROM SALES").collect()[0][0] == 12
        company.run("REVOKE SELECT ON TABLE D.S.SALES FROM ROLE SELLER")
        with pytest.raises(Exception, match="does not exist or not authorized"):
            session.sql("SELECT * FROM SALES").collect()


def test_another_role_is_not_to_be_had(company):
    with company.session("SELLER") as session, pytest.raises(Exception, match="not assigned to the executing user"):
        session.sql("USE ROLE PAYMASTER").collect()


def test_what_others_ran_is_not_in_ones_history(company):
    company.run("SELECT 'secret question'", role="PAYMASTER", database="D")
    found = company.run(
        "SELECT QUERY_TEXT FROM TABLE(D.INFORMATION_SCHEMA.QUERY_HISTORY())", role="SELLER", database="D"
    )
    assert "secret question" not in str(found)


def test_a_suspended_warehouse_that_does_not_resume_runs_nothing(company):
    company.run("ALTER WAREHOUSE COMPUTE_WH SET AUTO_RESUME = FALSE", "ALTER WAREHOUSE COMPUTE_WH SUSPEND")
    with company.session("SELLER", database="D", schema="S") as session:
        with pytest.raises(Exception, match=r"000606.*No active warehouse"):
            session.sql("SELECT * FROM SALES").collect()
        session.sql("EXPLAIN USING JSON SELECT * FROM SALES").collect()
