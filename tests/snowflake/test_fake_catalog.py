"""What the fake's catalog tells: comments, keys, sizes, plans; and names as Snowflake folds them."""

import json

import pytest

pytest.importorskip("snowflake.snowpark")

SHOP = (
    "CREATE DATABASE D",
    "CREATE SCHEMA D.S",
    "CREATE TABLE CUSTOMERS (ID NUMBER(38,0) PRIMARY KEY COMMENT 'who', NAME VARCHAR(20), BALANCE NUMBER(12,2)) COMMENT = 'people'",
    "CREATE TABLE ORDERS (ID INT, CUSTOMER INT COMMENT 'buyer', AT TIMESTAMP_NTZ, PRIMARY KEY (ID), "
    "CONSTRAINT OF_CUSTOMER FOREIGN KEY (CUSTOMER) REFERENCES CUSTOMERS (ID))",
    "INSERT INTO CUSTOMERS VALUES (1, 'Ann', 10.5), (2, 'Bob', NULL)",
)


@pytest.fixture
def shop(fake_snowflake):
    with fake_snowflake.admin() as session:
        for sql in SHOP:
            session.sql(sql).collect()
        yield session


def rows(session, sql):
    return [row.as_dict() for row in session.sql(sql).collect()]


def test_comments_inline_and_changed_later_are_kept(shop):
    shop.sql("ALTER TABLE CUSTOMERS MODIFY COLUMN NAME COMMENT 'as they sign'").collect()
    shop.sql("COMMENT ON COLUMN CUSTOMERS.BALANCE IS 'in euros'").collect()
    found = rows(shop, "SELECT COLUMN_NAME, COMMENT FROM D.INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'CUSTOMERS'")
    assert {row["COLUMN_NAME"]: row["COMMENT"] for row in found} == {
        "ID": "who",
        "NAME": "as they sign",
        "BALANCE": "in euros",
    }
    assert rows(shop, "SELECT COMMENT FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = 'CUSTOMERS'") == [
        {"COMMENT": "people"}
    ]


@pytest.mark.parametrize("place", ["SCHEMA D.S", "DATABASE D", "ACCOUNT"])
def test_keys_are_shown_whole(shop, place):
    primary = rows(shop, f"SHOW PRIMARY KEYS IN {place}") if place != "ACCOUNT" else rows(shop, "SHOW PRIMARY KEYS")
    assert [(row["table_name"], row["column_name"], row["key_sequence"]) for row in primary] == [
        ("CUSTOMERS", "ID", 1),
        ("ORDERS", "ID", 1),
    ]
    (imported,) = (
        rows(shop, f"SHOW IMPORTED KEYS IN {place}") if place != "ACCOUNT" else rows(shop, "SHOW IMPORTED KEYS")
    )
    names = ("pk_table_name", "pk_column_name", "fk_table_name", "fk_column_name", "fk_name")
    assert [imported[name] for name in names] == ["CUSTOMERS", "ID", "ORDERS", "CUSTOMER", "OF_CUSTOMER"]


def test_rows_and_time_of_change_follow_the_table(shop):
    what = "SELECT ROW_COUNT, LAST_ALTERED FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'S' AND TABLE_NAME = 'CUSTOMERS'"
    before = rows(shop, what)[0]
    shop.sql("DELETE FROM CUSTOMERS WHERE ID = 2").collect()
    after = rows(shop, what)[0]
    assert (before["ROW_COUNT"], after["ROW_COUNT"]) == (2, 1)
    assert before["LAST_ALTERED"] < after["LAST_ALTERED"]


def test_a_plan_has_the_documented_shape_and_the_figures_the_test_gives(shop, fake_snowflake):
    fake_snowflake.ask("stats", table=["D", "S", "CUSTOMERS"], bytes=5_000_000_000, partitions=300)
    plan = json.loads(shop.sql("EXPLAIN USING JSON SELECT NAME FROM CUSTOMERS").collect()[0][0])
    assert plan["GlobalStats"] == {"partitionsTotal": 300, "partitionsAssigned": 300, "bytesAssigned": 5_000_000_000}
    assert plan["Operations"][0][1]["objects"] == ["D.S.CUSTOMERS"]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("EXPLAIN USING JSON SELECT NOPE FROM CUSTOMERS", "000904.*invalid identifier 'NOPE'"),
        ("SELECT * FROM NOPE", "002003.*'D.S.NOPE' does not exist or not authorized"),
        ("SELECT FROM WHERE", "001003"),
        ('SELECT "name" FROM CUSTOMERS', "invalid identifier"),
        ('SELECT * FROM "customers"', "does not exist or not authorized"),
        ("SELECT NOSUCH(1)", "002140.*Unknown function NOSUCH"),
        ("SELECT * FROM duckdb_tables()", "Unknown"),
        ("SELECT * FROM read_csv('/etc/passwd')", "Unknown"),
        ("SELECT * FROM '/etc/passwd'", "001003"),
        ("EXPLAIN SELECT * FROM INFORMATION_SCHEMA.TABLES", "000002"),
    ],
)
def test_what_snowflake_refuses_is_refused(shop, sql, said):
    with pytest.raises(Exception, match=f"(?s){said}"):
        shop.sql(sql).collect()


def test_quoted_lower_case_names_are_themselves(shop):
    shop.sql('CREATE TABLE "orders" ("order id" INT, "Select" VARCHAR)').collect()
    shop.sql("INSERT INTO \"orders\" VALUES (1, 'x')").collect()
    assert rows(shop, 'SELECT "order id", "Select" FROM "orders"') == [{"order id": 1, "Select": "x"}]


def test_sums_of_numbers_stay_numbers_and_missing_times_stay_missing(shop):
    shop.sql("INSERT INTO ORDERS VALUES (1, 1, '2024-01-02 03:04:05'), (2, 1, NULL)").collect()
    assert str(shop.sql("SELECT SUM(BALANCE) FROM CUSTOMERS").collect()[0][0]) == "10.50"
    assert [row[0] is None for row in shop.sql("SELECT AT FROM ORDERS ORDER BY ID").collect()] == [False, True]


def test_thousands_of_declared_tables_are_listed_and_one_is_read(fake_snowflake):
    columns = [
        {"name": "ID", "type": "NUMBER", "precision": 38, "scale": 0, "comment": "key"},
        {"name": "NAME", "type": "TEXT"},
    ]
    tables = [{"database": "D", "schema": "BIG", "name": f"T{i}", "columns": columns} for i in range(3000)]
    assert fake_snowflake.declare(tables) == 3000
    with fake_snowflake.admin(database="D", schema="BIG") as session:
        counted = "SELECT COUNT(*) FROM D.INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = 'BIG'"
        assert session.sql(counted).collect()[0][0] == 6000
        assert session.sql("SELECT * FROM T2999").collect() == []


def test_an_earlier_result_can_be_read_again(shop):
    assert shop.sql("SELECT NAME FROM CUSTOMERS ORDER BY ID").collect()[0][0] == "Ann"
    assert shop.sql("SELECT COUNT(*) FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))").collect()[0][0] == 2


def test_the_history_tells_what_ran(shop):
    shop.sql("SELECT 123").collect(statement_params={"QUERY_TAG": "t"})
    found = rows(
        shop,
        "SELECT QUERY_TEXT, QUERY_TAG, ROWS_PRODUCED FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY()) WHERE QUERY_TAG = 't'",
    )
    assert found == [{"QUERY_TEXT": "SELECT 123", "QUERY_TAG": "t", "ROWS_PRODUCED": 1}]
