"""A shop on the fake: two tables, a role that may read both, one that may read one, and three answers by heart."""

from pathlib import Path
from typing import Any

from app.deploy.files import build
from app.deploy.steps import read_steps, run_steps
from app.deploy.variables import project_root, read_variables

ROOT = project_root()
SHOP = (
    "CREATE DATABASE SHOP",
    "CREATE TABLE SHOP.PUBLIC.CUSTOMER (C_CUSTKEY INT, C_NAME VARCHAR COMMENT 'Name', C_NATIONKEY INT, C_MKTSEGMENT VARCHAR, "
    "C_ACCTBAL NUMBER(12,2), PRIMARY KEY (C_CUSTKEY))",
    "CREATE TABLE SHOP.PUBLIC.ORDERS (O_ORDERKEY INT, O_CUSTKEY INT, O_ORDERSTATUS VARCHAR, O_ORDERDATE DATE, "
    "O_TOTALPRICE NUMBER(12,2), PRIMARY KEY (O_ORDERKEY), "
    "FOREIGN KEY (O_CUSTKEY) REFERENCES SHOP.PUBLIC.CUSTOMER (C_CUSTKEY))",
    "INSERT INTO SHOP.PUBLIC.CUSTOMER VALUES (1, 'Ann', 1, 'BUILDING', 10.50), (2, 'Bob', 2, 'MACHINERY', 20.25), "
    "(3, 'Cy', 1, 'BUILDING', 30.00)",
    "INSERT INTO SHOP.PUBLIC.ORDERS VALUES (10, 1, 'O', '2026-01-05', 100.00), (11, 1, 'F', '2026-02-05', 50.00), "
    "(12, 3, 'O', '2026-02-07', 25.00)",
    "CREATE ROLE SELLER",
    "CREATE ROLE CLERK",
    *(
        f"GRANT USAGE ON {what} TO ROLE {role}"
        for role in ("SELLER", "CLERK")
        for what in ("DATABASE SHOP", "SCHEMA SHOP.PUBLIC")
    ),
    "GRANT SELECT ON TABLE SHOP.PUBLIC.CUSTOMER TO ROLE SELLER",
    "GRANT SELECT ON TABLE SHOP.PUBLIC.ORDERS TO ROLE SELLER",
    "GRANT SELECT ON TABLE SHOP.PUBLIC.ORDERS TO ROLE CLERK",
)
ANSWERS = (
    {"match": "total of the orders of each customer", "answer": "SELECT C_NAME, SUM(O_TOTALPRICE) AS TOTAL FROM SHOP.PUBLIC.CUSTOMER JOIN SHOP.PUBLIC.ORDERS ON O_CUSTKEY = C_CUSTKEY GROUP BY C_NAME ORDER BY C_NAME"},
    {"match": "How many customers", "answer": "SELECT COUNT(*) AS CUSTOMERS FROM SHOP.PUBLIC.CUSTOMER"},
    {"match": "How many orders", "answer": "SELECT COUNT(*) AS ORDERS FROM SHOP.PUBLIC.ORDERS"},
)  # fmt: skip
VARIABLES = {"COPILOT_MODEL": "cortex:m", "COPILOT_DATA_DATABASE": "SHOP", "COPILOT_DATA_SCHEMA": "PUBLIC"}


def deploy_shop(server: Any, folder: Path, **more: str) -> None:
    """Everything deployed for the shop, the GPU too, as `arctic-copilot deploy` does it."""
    variables = read_variables(ROOT, {**VARIABLES, "COPILOT_BUILD": str(folder), **more})
    build(ROOT, folder, variables)
    session = server.admin()
    try:
        run_steps(session, read_steps(ROOT / "snowflake/deploy", variables), lambda step, what: None)
    finally:
        session.close()
