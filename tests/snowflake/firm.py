"""A firm on the fake whose two roles each have secrets of their own, and how to find one's in what the other got.

Canaries are words that stand in one place only: `qzx..` in what HR alone may read, `nwx..` in what SALES alone may. Both have
a schema, a table, columns, comments, keys, stored values, and in a semantic view that both may read: synonyms, a metric, and a
verified question that is suggested, offered to the model as an example, and answered from.
"""

import re
from collections.abc import Sequence

CANARY = {"HR": "qzx", "SALES": "nwx"}
OTHER = {"HR": "SALES", "SALES": "HR"}
VIEW = "FIRM.PUBLIC.MEANING"
VARIABLES = {
    "COPILOT_MODEL": "cortex:m",
    "COPILOT_DATA_DATABASE": "FIRM",
    "COPILOT_DATA_SCHEMA": "PUBLIC",
    "COPILOT_SEMANTIC": VIEW,
    "COPILOT_WAREHOUSE": "COMPUTE_WH",
}
QUESTIONS = (
    "How many orders are there?",
    "What does each person earn?",
    "What is the total pay of all people?",
    "List everything there is about people, wages and secrets.",
)
COUNT = "SELECT COUNT(*) AS N FROM FIRM.PUBLIC.ORDERS"


def secret(mark: str) -> list[str]:
    """One role's own table, in the shared schema, with its keys, comments and rows; and a schema of its own."""
    return [
        f"CREATE TABLE FIRM.PUBLIC.PEOPLE_{mark}TABLE (ID INT PRIMARY KEY, WHO_{mark}COLUMN VARCHAR COMMENT '{mark}comment: who', "
        f"PAY_{mark}COLUMN INT, ORDER_ID INT REFERENCES FIRM.PUBLIC.ORDERS (ID)) COMMENT = '{mark}comment: wages of people'",
        f"INSERT INTO FIRM.PUBLIC.PEOPLE_{mark}TABLE VALUES (1, '{mark}value Ann', 100, 1), (2, '{mark}value Bob', 200, 2)",
        f"CREATE SCHEMA FIRM.VAULT_{mark}SCHEMA",
        f"CREATE TABLE FIRM.VAULT_{mark}SCHEMA.SECRETS (SECRET_{mark}COLUMN VARCHAR) COMMENT = '{mark}tablecomment'",
    ]


def grants(role: str) -> list[str]:
    mark = CANARY[role]
    return [
        f"CREATE ROLE {role}",
        f"GRANT USAGE ON DATABASE FIRM TO ROLE {role}",
        f"GRANT USAGE ON SCHEMA FIRM.PUBLIC TO ROLE {role}",
        f"GRANT USAGE ON SCHEMA FIRM.VAULT_{mark}SCHEMA TO ROLE {role}",
        f"GRANT SELECT ON TABLE FIRM.VAULT_{mark}SCHEMA.SECRETS TO ROLE {role}",
        f"GRANT SELECT ON TABLE FIRM.PUBLIC.ORDERS TO ROLE {role}",
        f"GRANT SELECT ON TABLE FIRM.PUBLIC.PEOPLE_{mark}TABLE TO ROLE {role}",
        f"GRANT SELECT ON SEMANTIC VIEW {VIEW} TO ROLE {role}",
    ]


def meaning(mark: str) -> str:
    """One role's part of the semantic view."""
    name = f"people_{mark}logical"
    return f"""
  - name: {name}
    synonyms: [{mark}synonym staff]
    description: {mark}description
    base_table: {{database: FIRM, schema: PUBLIC, table: PEOPLE_{mark.upper()}TABLE}}
    dimensions:
      - {{name: who, synonyms: [{mark}wordforwho], expr: WHO_{mark.upper()}COLUMN, data_type: VARCHAR}}
    facts:
      - {{name: pay, expr: PAY_{mark.upper()}COLUMN, data_type: NUMBER}}
    metrics:
      - {{name: {mark}metric, synonyms: [total pay], expr: SUM(pay)}}"""


def verified(mark: str) -> str:
    return f"""
  - name: {mark}query
    question: What does each {mark}person earn?
    sql: SELECT who, pay FROM people_{mark}logical
    verified_by: {mark}author
    use_as_onboarding_question: true"""


YAML = f"""
name: firm
tables:
  - name: orders
    base_table: {{database: FIRM, schema: PUBLIC, table: ORDERS}}
    primary_key: {{columns: [ID]}}
    dimensions:
      - {{name: id, expr: ID, data_type: NUMBER}}{"".join(map(meaning, CANARY.values()))}
verified_queries:{"".join(map(verified, CANARY.values()))}
"""
FIRM = (
    "CREATE DATABASE FIRM",
    "CREATE SCHEMA IF NOT EXISTS FIRM.PUBLIC",
    "CREATE TABLE FIRM.PUBLIC.ORDERS (ID INT PRIMARY KEY, STATUS VARCHAR, AMOUNT INT)",
    "INSERT INTO FIRM.PUBLIC.ORDERS VALUES (1, 'open', 5), (2, 'done', 7)",
    *(sql for mark in CANARY.values() for sql in secret(mark.upper())),
    f"CALL SYSTEM$CREATE_SEMANTIC_VIEW_FROM_YAML('FIRM.PUBLIC', $${YAML.replace('name: firm', 'name: MEANING')}$$)",
    *(sql for role in CANARY for sql in grants(role)),
)
# Names a thief may guess: near the other's, so that a friendly "did you mean" would give them away.
GUESSES = (
    "SELECT * FROM FIRM.PUBLIC.PEOPLE_{near}",
    "SELECT * FROM FIRM.PUBLIC.PEOPLE_{near}TABL",
    "SELECT PAY_{near} FROM FIRM.PUBLIC.ORDERS",
    "SELECT * FROM FIRM.VAULT_{near}.SECRETS",
    "SELECT * FROM PEOPLE",
    "SELECT people_{near}.who FROM orders JOIN people_{near} ON TRUE",
    "SELECT * FROM FIRM.INFORMATION_SCHEMA.TABLES",
    "SELECT GET_DDL('SCHEMA', 'FIRM.PUBLIC')",
    "SHOW TABLES",
)
KNOWN = (  # names a thief knows: these may come back as typed, and nothing more
    "SELECT * FROM FIRM.PUBLIC.PEOPLE_{mark}TABLE",
    "SELECT o.*, p.* FROM FIRM.PUBLIC.ORDERS o JOIN FIRM.PUBLIC.PEOPLE_{mark}TABLE p ON p.ORDER_ID = o.ID",
    "SELECT (SELECT MAX(PAY_{mark}COLUMN) FROM FIRM.PUBLIC.PEOPLE_{mark}TABLE) FROM FIRM.PUBLIC.ORDERS",
    "SELECT * FROM FIRM.VAULT_{mark}SCHEMA.SECRETS",
)


def attacks(role: str, templates: Sequence[str]) -> list[str]:
    mark = CANARY[OTHER[role]].upper()
    return [template.format(mark=mark, near=mark[:2]) for template in templates]


def leaks(role: str, got: Sequence[str], typed: Sequence[str] = ()) -> list[str]:
    """Each place where the other role's canary stands in what this one got, save in what it typed itself."""
    mark, words = CANARY[OTHER[role]], {word for sql in typed for word in re.findall(r"\w+", sql)}
    found = []
    for text in got:
        for match in re.finditer(rf"\w*{mark}\w*", text, re.IGNORECASE):
            if match.group().upper() not in {word.upper() for word in words}:
                found.append(text[max(0, match.start() - 60) : match.end() + 20])
    return found
