"""USE, ALTER SESSION, SET, and transactions: what changes the session and nothing else."""

from typing import Any

from fake_server import grammar
from fake_server.account import Session
from fake_server.engine import Engine
from fake_server.errors import SnowflakeError, cannot_operate
from fake_server.lexer import tokens
from fake_server.resolve import require_schema
from fake_server.results import USE, Result, status

PARAMETERS = {
    "QUERY_TAG", "STATEMENT_TIMEOUT_IN_SECONDS", "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS", "ROWS_PER_RESULTSET", "TIMEZONE",
    "AUTOCOMMIT", "USE_CACHED_RESULT", "WEEK_START", "DATE_OUTPUT_FORMAT", "TIMESTAMP_OUTPUT_FORMAT", "MULTI_STATEMENT_COUNT",
    "LOCK_TIMEOUT", "TIMESTAMP_TYPE_MAPPING", "QUOTED_IDENTIFIERS_IGNORE_CASE", "ERROR_ON_NONDETERMINISTIC_UPDATE",
    "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT", "CLIENT_SESSION_KEEP_ALIVE", "BINARY_OUTPUT_FORMAT", "LOG_LEVEL", "TRACE_LEVEL",
    "TIMESTAMP_NTZ_OUTPUT_FORMAT", "TIMESTAMP_LTZ_OUTPUT_FORMAT", "TIMESTAMP_TZ_OUTPUT_FORMAT", "TIME_OUTPUT_FORMAT",
    "DATE_INPUT_FORMAT", "TIMESTAMP_INPUT_FORMAT", "TRANSACTION_ABORT_ON_ERROR", "SIMULATED_DATA_SHARING_CONSUMER",
    "DEFAULT_PYTHON_ARTIFACT_REPOSITORY",
}  # fmt: skip


def alter_session(session: Session, engine: Engine, sql: str) -> Result:
    """ALTER SESSION SET and UNSET; in an owner's rights procedure neither may be."""
    if session.rights == "OWNER":
        raise SnowflakeError(
            90236, "42601", "Stored procedure execution error: Unsupported statement type 'ALTER_SESSION'."
        )
    words = tokens(sql)
    if words[2:3] and words[2].value == "UNSET":
        said = grammar.parse("ALTER SESSION UNSET <key:word>,...", sql)
        for item in said["items"]:
            session.parameters.pop(_known(item["key"]), None)
        return status("Statement executed successfully.")
    index = 3
    grammar.parse("ALTER SESSION SET <all:rest>", sql)
    while index < len(words):
        said = grammar.parse(
            "<key:word> = <value:scalar>", sql[words[index].start : words[min(index + 2, len(words) - 1)].end]
        )
        session.parameters[_known(said["key"])] = said["value"]
        index += 3 + (words[index + 3].text == "," if index + 3 < len(words) else 0)
    return status("Statement executed successfully.")


def _known(key: str) -> str:
    if key not in PARAMETERS:
        raise SnowflakeError(1420, "22023", f"SQL compilation error:\ninvalid parameter '{key}'")
    return key


def use(session: Session, engine: Engine, sql: str) -> Result:
    """USE ROLE, WAREHOUSE, DATABASE, SCHEMA, SECONDARY ROLES."""
    said = grammar.parse(
        "USE { ROLE <role:ident> | WAREHOUSE <warehouse:ident> | DATABASE <database:ident> | SECONDARY ROLES {ALL !all|NONE !none} "
        "| SCHEMA <schema:name> | <either:name> }",
        sql,
    )
    if "all" in said or "none" in said:
        session.secondary = "all" in said
    elif "role" in said:
        _use_role(session, said["role"])
    elif "warehouse" in said:
        _use_warehouse(session, said["warehouse"])
    elif "database" in said or len(said.get("either", ())) == 1:
        _use_database(session, said.get("database") or said["either"][0])
    elif "schema" in said or "either" in said:
        session.database, session.schema = require_schema(session, said.get("schema") or said["either"])
    return status("Statement executed successfully.", USE)


def _use_role(session: Session, role: str) -> None:
    if session.rights or role not in session.account.grants.roles_of_user(session.user):
        raise SnowflakeError(
            3013,
            "42501",
            f"SQL access control error:\nRequested role '{role}' is not assigned to the executing user. Specify another role.",
        )
    session.role = role


def _use_warehouse(session: Session, name: str) -> None:
    thing = session.account.thing("WAREHOUSE", name)
    if thing is None or not session.access.may("USAGE", "WAREHOUSE", thing.name, thing.owner):
        raise cannot_operate()
    session.warehouse = name


def _use_database(session: Session, name: str) -> None:
    if not session.access.sees_database(name):
        raise cannot_operate()
    session.database = name
    session.schema = "PUBLIC" if session.access.sees_schema((name, "PUBLIC")) else None


def transaction(session: Session, engine: Engine, sql: str) -> Result:
    """BEGIN, COMMIT, ROLLBACK, on the account's own database."""
    said = grammar.parse(
        "{ BEGIN !begin [{TRANSACTION|WORK}] [NAME <name:ident>] | START TRANSACTION !begin | COMMIT [WORK] !commit | ROLLBACK [WORK] }",
        sql,
    )
    duck = engine.connection(session, own=False)._duck_conn
    with session.lock:
        try:
            duck.execute("BEGIN" if "begin" in said else "COMMIT" if "commit" in said else "ROLLBACK")
        except Exception as error:
            if "no transaction is active" not in str(error) and "within a transaction" not in str(error):
                raise
    for table in list(session.account.catalog.tables.values()):
        if "begin" not in said and table.rows is None:
            table.touch()
    return status("Statement executed successfully.")


def set_variable(session: Session, engine: Engine, sql: str) -> Result:
    """SET name = value, for `$name` in later statements."""
    said = grammar.parse("SET <name:ident> = <value:rest>", sql)
    session.variables[said["name"]] = said["value"]
    return status("Statement executed successfully.")


def with_variables(session: Session, sql: str) -> str:
    """The statement with its `$name`s replaced; SnowflakeError for one that was not set."""
    if not session.variables or "$" not in sql:
        return sql
    found = tokens(sql)
    for index in range(len(found) - 2, -1, -1):
        mark, name = found[index], found[index + 1]
        if mark.text == "$" and name.kind == "word" and mark.end == name.start:
            if name.value not in session.variables:
                raise SnowflakeError(
                    391,
                    "02000",
                    f"SQL compilation error: error line 1 at position 0\nSession variable '${name.value}' does not exist",
                )
            sql = sql[: mark.start] + session.variables[name.value] + sql[name.end :]
    return sql


def sign_on(session: Session, database: str | None, schema: str | None, warehouse: str | None) -> None:
    """What the client asks for at sign-on; what the role doesn't see is left out, as Snowflake does."""
    if database and session.access.sees_database(database):
        session.database = database
        wanted = schema or "PUBLIC"
        session.schema = wanted if session.access.sees_schema((database, wanted)) else None
    if warehouse and session.account.thing("WAREHOUSE", warehouse):
        thing: Any = session.account.thing("WAREHOUSE", warehouse)
        session.warehouse = warehouse if session.access.may("USAGE", "WAREHOUSE", thing.name, thing.owner) else None
