"""A statement -> its answer. What is on no list here is refused as Snowflake refuses it."""

import re
from collections.abc import Callable
from typing import Any

from fake_server import (
    alter,
    deploy,
    describe,
    explain,
    grants,
    places,
    procedures,
    query,
    roles,
    session_statements,
    show,
    show_grants,
    stages,
    tables,
)
from fake_server.account import Session
from fake_server.engine import Engine, Watch
from fake_server.errors import SnowflakeError, syntax_error
from fake_server.lexer import tokens
from fake_server.results import Result, status

Handler = Callable[[Session, Engine, str], Result]
PLAIN: tuple[tuple[str, Handler], ...] = (
    ("ALTER SESSION", session_statements.alter_session),
    ("USE", session_statements.use),
    ("BEGIN|COMMIT|ROLLBACK|START TRANSACTION", session_statements.transaction),
    ("SET", session_statements.set_variable),
    ("SHOW (CALLER )?GRANTS", show_grants.show_grants),
    ("SHOW", show.show),
    ("GRANT|REVOKE", grants.grant),
    ("CREATE( OR REPLACE)? ROLE", roles.create_role),
    ("CREATE( OR REPLACE)? USER", roles.create_user),
    ("DROP (ROLE|USER)", roles.drop_role),
    ("CREATE( OR REPLACE)?( TRANSIENT)? (DATABASE|SCHEMA)", places.create_place),
    ("DROP (TABLE|VIEW|SCHEMA|DATABASE)", places.drop),
    ("ALTER (TABLE|VIEW)", alter.alter_table),
    ("COMMENT", alter.comment_on),
    ("PUT", stages.put),
    ("GET", stages.get),
    ("LIST|LS", stages.list_files),
    ("REMOVE|RM", stages.remove),
    ("DESCRIBE|DESC", describe.describe),
    ("CREATE|ALTER|DROP|EXECUTE", deploy.run),
)
WATCHED = (
    ("EXPLAIN", explain.explain),
    (r"CREATE( OR REPLACE)?( (LOCAL |GLOBAL )?(TEMP|TEMPORARY|TRANSIENT|SECURE))* (TABLE|VIEW)", tables.create_table),
    ("INSERT|UPDATE|DELETE|MERGE|TRUNCATE", tables.change_rows),
    ("CALL", procedures.call),
)


def execute(session: Session, engine: Engine, sql: str, values: Any, watch: Watch, *, describe: bool) -> Result:
    """Run one statement for the session; SnowflakeError says why not."""
    sql = session_statements.with_variables(session, sql)
    found = tokens(sql)
    if not found:
        raise SnowflakeError(900, "42601", "SQL compilation error:\nEmpty SQL statement.")
    opening = " ".join(token.value for token in found[:7])
    if found[0].value in ("SELECT", "WITH", "(", "VALUES"):
        return query.select(session, engine, sql, values, watch, describe=describe)
    if describe and not opening.startswith(("SHOW", "DESC", "EXPLAIN", "LIST", "LS", "CALL")):
        return status("")
    for words, watched in WATCHED:
        if re.match(rf"(?:{words})\b", opening):
            return watched(session, engine, sql, values, watch)
    for words, plain in PLAIN:
        if re.match(rf"(?:{words})\b", opening):
            return plain(session, engine, sql)
    raise syntax_error(sql, found[0].start, found[0].text)
