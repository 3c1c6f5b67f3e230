"""ALTER TABLE and COMMENT: columns, keys, names and what is said of them."""

from typing import Any

from fake_server import grammar
from fake_server.account import Session
from fake_server.catalog import Column, Name, Table
from fake_server.engine import Engine, ident, place, read_columns, stored
from fake_server.errors import already_exists, cannot_operate, not_found
from fake_server.lexer import path
from fake_server.query import parse
from fake_server.resolve import full_name, require_schema, require_table
from fake_server.results import Result, status
from fake_server.tables import keep_key
from sqlglot import exp


def alter_table(session: Session, engine: Engine, sql: str) -> Result:
    """ALTER TABLE: columns, comments, keys, names. Its grammar is the documented one, cut down to these."""
    said = grammar.parse(
        "ALTER {TABLE|VIEW} [IF EXISTS] <name:name> { "
        "RENAME TO <to:name> | SET COMMENT = <comment:string> | UNSET COMMENT !bare "
        "| {ALTER|MODIFY} [COLUMN] <column:ident> { COMMENT <text:string> | UNSET COMMENT | SET NOT NULL | DROP NOT NULL } "
        "| RENAME COLUMN <column:ident> TO <new:ident> | DROP COLUMN [IF EXISTS] <gone:ident> "
        "| ADD [CONSTRAINT <key:ident>] PRIMARY KEY <primary:parens> "
        "| ADD [CONSTRAINT <key:ident>] FOREIGN KEY <foreign:parens> REFERENCES <other:name> [<theirs:parens>] "
        "| ADD [COLUMN] [IF NOT EXISTS] <added:ident> <type:type> [COMMENT <text:string>] | SWAP WITH <swap:name> "
        "| SET DATA_RETENTION_TIME_IN_DAYS = <days:int> }",
        sql,
    )
    table = require_table(session, full_name(session, said["name"], "ALTER TABLE"), privilege="OWNERSHIP", kind="Table")
    engine.make(table)
    duck = engine.connection(session, own=False)._duck_conn
    where = place(table.name)
    if "to" in said:
        _rename(session, engine, table, full_name(session, said["to"]), duck)
    elif "comment" in said or "bare" in said:
        table.comment = said.get("comment", "")
    elif "primary" in said:
        table.primary_key = tuple(one["name"] for one in grammar.parse("<name:ident>,...", said["primary"])["items"])
    elif "foreign" in said:
        _add_foreign(session, table, said)
    elif "gone" in said:
        _column_of(table, said["gone"])
        duck.execute(f"ALTER TABLE {where} DROP COLUMN {ident(said['gone'])}")
        table.columns = [c for c in table.columns if c.name != said["gone"]]
    elif "new" in said:
        column = _column_of(table, said["column"])
        duck.execute(f"ALTER TABLE {where} RENAME COLUMN {ident(column.name)} TO {ident(said['new'])}")
        column.name = said["new"]
    elif "added" in said:
        duck.execute(f"ALTER TABLE {where} ADD COLUMN {ident(said['added'])} {_engine_type(said['type'])}")
        table.columns.append(next(c for c in read_columns(duck, table.name) if c.name == said["added"]))
        table.columns[-1].comment = said.get("text", "")
    elif "column" in said:
        column = _column_of(table, said["column"])
        column.comment = said.get("text", "")
    table.touch()
    return status("Statement executed successfully.")


def _engine_type(type_name: str) -> str:
    kind = exp.DataType.build(type_name, dialect="snowflake")
    text = kind.sql(dialect="duckdb")
    return "BIGINT" if text in ("DECIMAL(38, 0)", "INT") else text


def _add_foreign(session: Session, table: Table, said: dict[str, Any]) -> None:
    sql = f"CREATE TABLE x (FOREIGN KEY ({said['foreign']}) REFERENCES {path(*full_name(session, said['other']))}"
    tree = parse(sql + (f" ({said['theirs']})" if "theirs" in said else "") + ")")
    keep_key(session, tree.find(exp.ForeignKey), table, said.get("key", ""))


def _column_of(table: Table, name: str) -> Column:
    found = next((c for c in table.columns if c.name == name), None)
    if found is None:
        raise not_found("Column", name)
    return found


def _rename(session: Session, engine: Engine, table: Table, name: Name, duck: Any) -> None:
    if name in session.account.catalog.tables:
        raise already_exists(path(*name))
    duck.execute(f"ALTER TABLE {place(table.name)} RENAME TO {ident(stored(name)[2])}")
    session.account.catalog.tables.pop(table.name)
    table.name = name
    session.account.catalog.tables[name] = table


def comment_on(session: Session, engine: Engine, sql: str) -> Result:
    said = grammar.parse(
        "COMMENT [IF EXISTS] ON { COLUMN <column:name> | {TABLE|VIEW} <table:name> | SCHEMA <schema:name> | DATABASE <database:ident> } IS <text:string>",
        sql,
    )
    catalog = session.account.catalog
    if "column" in said:
        *name, column = said["column"]
        table = require_table(session, full_name(session, tuple(name)), privilege="OWNERSHIP", kind="Table")
        _column_of(table, column).comment = said["text"]
        table.touch()
    elif "table" in said:
        table = require_table(session, full_name(session, said["table"]), privilege="OWNERSHIP", kind="Table")
        table.comment = said["text"]
        table.touch()
    elif "schema" in said:
        catalog.schemas[require_schema(session, said["schema"])].said["comment"] = said["text"]
    elif said["database"] in session.access.databases():
        catalog.databases[said["database"]].said["comment"] = said["text"]
    else:
        raise cannot_operate()
    return status("Statement executed successfully.")
