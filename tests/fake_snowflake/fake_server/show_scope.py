"""What the IN of a SHOW names, as far as the role sees it; and how SHOW writes a moment."""

from typing import Any

from fake_server import information_schema
from fake_server.account import Session
from fake_server.catalog import Name, Table
from fake_server.errors import cannot_operate, unsupported
from fake_server.resolve import full_name, require_table


def schemas_in(session: Session, said: dict[str, Any]) -> list[Name]:
    """The schemas that IN names, as far as the role sees them; else the session's own."""
    access = session.access
    if "app" in said or (set(said) >= {"pool"}):
        raise unsupported("SHOW .. IN this")
    if "database" in said:
        return _of_database(session, said["database"])
    if "in" in said:
        name = said["in"]
        if (
            len(name) == 1
            and access.sees_database(name[0])
            and not access.sees_schema((session.database or "", name[0]))
        ):
            return _of_database(session, name[0])
        name = name if len(name) == 2 else (session.database or "", name[0])
        if not access.sees_schema(name):
            raise cannot_operate()
        return [name]
    if session.database and session.schema:
        return [(session.database, session.schema)]
    return access.schemas(session.database)


def _of_database(session: Session, name: str) -> list[Name]:
    if not session.access.sees_database(name):
        raise cannot_operate()
    return session.access.schemas(name)


def tables_in(session: Session, said: dict[str, Any]) -> list[Table]:
    """The tables that IN names."""
    if "table" in said:
        name = full_name(session, said["table"], "SHOW")
        return [require_table(session, name, privilege="SELECT", kind="Table")]
    return [table for schema in schemas_in(session, said) for table in session.access.tables(schema)]


def stamp(seconds: float) -> str:
    return str(information_schema.moment(seconds).isoformat(sep=" ", timespec="milliseconds"))
