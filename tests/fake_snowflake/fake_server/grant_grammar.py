"""What GRANT and REVOKE of privileges say: which there are, on which kinds, to whom; caller privileges among them."""

import re
from typing import Any

from fake_server import grammar
from fake_server.errors import syntax_error
from fake_server.lexer import tokens

KINDS = (
    "DATABASE", "SCHEMA", "TABLE", "VIEW", "WAREHOUSE", "STAGE", "PROCEDURE", "FUNCTION", "IMAGE REPOSITORY",
    "COMPUTE POOL", "SERVICE", "STREAMLIT", "SEMANTIC VIEW", "MCP SERVER", "TASK", "RESOURCE MONITOR", "INTEGRATION",
    "SEQUENCE", "FILE FORMAT", "SECRET", "BUDGET", "AGENT",
)  # fmt: skip
PLURAL = {"IMAGE REPOSITORY": "IMAGE REPOSITORIES"}
ON = " | ".join(f"{kind} !on_{kind.replace(' ', '_')}" for kind in KINDS)
ALL = " | ".join(f"{PLURAL.get(kind, kind + 'S')} !on_{kind.replace(' ', '_')}" for kind in KINDS)
PRIVILEGES = {
    "ALL", "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "USAGE", "OPERATE", "MONITOR", "MODIFY", "READ", "READ SESSION",
    "WRITE", "OWNERSHIP", "REBUILD", "EVOLVE SCHEMA", "CREATE DATABASE", "CREATE ROLE", "CREATE USER", "CREATE WAREHOUSE",
    "CREATE COMPUTE POOL", "CREATE INTEGRATION", "EXECUTE TASK", "EXECUTE MANAGED TASK", "MANAGE GRANTS",
    "MANAGE CALLER GRANTS", "BIND SERVICE ENDPOINT", "IMPORTED PRIVILEGES", "APPLYBUDGET", "EXECUTE ALERT",
    "DATA READ", "OBJECT DISCOVERY", "PROGRAM USAGE",
    *(f"CREATE {kind}" for kind in (
        "SCHEMA", "TABLE", "VIEW", "STAGE", "PROCEDURE", "FUNCTION", "IMAGE REPOSITORY", "SERVICE", "STREAMLIT",
        "SEMANTIC VIEW", "MCP SERVER", "TASK", "SEQUENCE", "SECRET", "NETWORK RULE", "DYNAMIC TABLE", "CORTEX SEARCH SERVICE",
        "AGENT", "NOTEBOOK", "TEMPORARY TABLE", "FILE FORMAT", "SNOWFLAKE.CORE.BUDGET")),
}  # fmt: skip
TARGET = (
    "{ ACCOUNT !on_ACCOUNT | ALL "
    + f"{{ {ALL} }} IN {{ DATABASE !in_database | SCHEMA }} <within:name> | FUTURE !future {{ {ALL} }}"
)
TARGET += " IN { DATABASE !in_database | SCHEMA } <within:name> | { " + ON + " } <name:name> [<args:parens>] }"


def plain(sql: str, revoke: bool) -> dict[str, Any]:
    privileges, rest = _privileges(sql, 1)
    to = (
        "FROM ROLE <role:ident> [{CASCADE|RESTRICT}]"
        if revoke
        else "TO [ROLE] <role:ident> [WITH GRANT OPTION] [{COPY|REVOKE} CURRENT GRANTS]"
    )
    return grammar.parse(f"ON {TARGET} {to}", sql[rest:]) | {"privileges": privileges}


def of_callers(sql: str, revoke: bool) -> dict[str, Any]:
    """`GRANT [INHERITED] CALLER p ON .. TO ROLE r`, `GRANT ALL [INHERITED] CALLER PRIVILEGES ON .. TO ROLE r`."""
    found = tokens(sql)
    words = [t.value for t in found]
    after = words.index("CALLER") + 1
    if words[1 : after - 1] not in ([], ["INHERITED"], ["ALL"], ["ALL", "INHERITED"]):
        raise syntax_error(sql, found[1].start, found[1].text)
    if words[1] == "ALL":
        if words[after] != "PRIVILEGES":
            raise syntax_error(sql, found[after].start, found[after].text)
        privileges, rest = ["ALL"], found[after + 1].start
    else:
        privileges, rest = _privileges(sql, after)
    to = "FROM" if revoke else "TO"
    said = grammar.parse(f"ON {TARGET} {to} {{ROLE|DATABASE ROLE|APPLICATION}} <role:ident>", sql[rest:])
    if ("INHERITED" in words[1:after]) != ("within" in said):
        raise syntax_error(sql, found[1].start, found[1].text)
    return said | {"privileges": privileges}


def _privileges(sql: str, index: int) -> tuple[list[str], int]:
    """The privileges before ON, and where ON stands; SnowflakeError for one that there isn't."""
    found = tokens(sql)
    end = next((i for i, t in enumerate(found) if i >= index and t.value == "ON" and t.kind == "word"), None)
    if end is None:
        raise syntax_error(sql, len(sql), "<EOF>")
    text = sql[found[index].start : found[end].start]
    privileges = [" ".join(part.upper().split()) for part in text.split(",")]
    for privilege in privileges:
        if privilege not in PRIVILEGES and privilege != "ALL PRIVILEGES":
            raise syntax_error(sql, found[index].start, privilege)
    return [re.sub("^ALL PRIVILEGES$", "ALL", p) for p in privileges], found[end].start
