"""SHOW: which kind, and what of it LIKE, STARTS WITH and LIMIT leave; the catalog and grants are in files of their own."""

import fnmatch
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from fake_server import grammar, show_catalog
from fake_server.account import Session
from fake_server.engine import Engine
from fake_server.errors import unsupported
from fake_server.results import SHOW, Result, listing
from fake_server.show_scope import schemas_in, stamp

SCOPE = (
    "[HISTORY] [LIKE <like:string>] [IN { ACCOUNT | DATABASE [<database:ident>] | SCHEMA [<in:name>] | TABLE <table:name> "
    "| VIEW <table:name> | APPLICATION <app:ident> | COMPUTE POOL <pool:ident> | SERVICE <service:name> | <in:name> }] "
    "[STARTS WITH <starts:string>] [LIMIT <limit:int> [FROM <from:string>]]"
)
THINGS = (
    "ROLES", "USERS", "WAREHOUSES", "STAGES", "PROCEDURES", "FUNCTIONS", "RESOURCE MONITORS", "COMPUTE POOLS",
    "IMAGE REPOSITORIES", "SERVICES", "STREAMLITS", "SEMANTIC VIEWS", "MCP SERVERS", "TASKS", "NETWORK RULES", "TAGS",
    "USER FUNCTIONS", "USER PROCEDURES", "SECRETS", "FILE FORMATS", "SEQUENCES", "CORTEX SEARCH SERVICES", "BUDGETS",
)  # fmt: skip
SINGULAR = {
    "IMAGE REPOSITORIES": "IMAGE REPOSITORY",
    "USER FUNCTIONS": "FUNCTION",
    "USER PROCEDURES": "PROCEDURE",
    "BUDGETS": "BUDGET",
}


def show(session: Session, engine: Engine, sql: str) -> Result:
    """One SHOW statement's rows."""
    what = next((w for w in SHOWN if _starts(sql, w)), None)
    if what is None:
        grammar.parse("SHOW <what:word>", sql)
        raise unsupported(" ".join(sql.split()[:3]))
    said = grammar.parse(f"SHOW [TERSE] {what} {SCOPE}", sql)
    columns, rows = SHOWN[what](session, engine, said)
    names = [column.split(":")[0] for column in columns]
    if "name" in names:
        rows = _matching(rows, names.index("name"), said)
    kept = list(rows)[: said.get("limit")]
    return listing(columns, kept, SHOW)


def _matching(rows: Iterable[Sequence[Any]], index: int, said: dict[str, Any]) -> list[Sequence[Any]]:
    like, starts = said.get("like"), said.get("starts", "")
    pattern = like.upper().replace("%", "*").replace("_", "?") if like else "*"
    return [r for r in rows if fnmatch.fnmatchcase(str(r[index]).upper(), pattern) and str(r[index]).startswith(starts)]


def _things(kind: str) -> Callable[..., tuple[Sequence[str], list[Any]]]:
    def rows(session: Session, engine: Engine, said: dict[str, Any]) -> tuple[Sequence[str], list[Any]]:
        things = [
            t for t in session.account.catalog.of(kind) if kind in ("ROLE", "USER") or session.access.sees_thing(t)
        ]
        if "in" in said or "database" in said:
            places = schemas_in(session, said)
            things = [t for t in things if len(t.name) < 3 or t.name[:2] in places]
        extra = sorted({key for t in things for key, value in t.said.items() if _shown(key, value)})
        names = ("created_on", "name", "database_name", "schema_name", "owner", "comment", *extra)
        return names, [
            (stamp(t.created), t.name[-1], t.name[0] if len(t.name) == 3 else "", t.name[1] if len(t.name) == 3 else "", t.owner,
             t.said.get("comment", ""), *(t.said.get(key, "") for key in extra))
            for t in things
        ]  # fmt: skip

    return rows


def _shown(key: str, value: Any) -> bool:
    """What a statement said that SHOW repeats."""
    hidden = ("name", "comment", "password", "replace", "exists", "yaml", "spec", "body", "altered")
    return key.islower() and key not in hidden and isinstance(value, str | int | bool)


def _parameters(session: Session, engine: Engine, said: dict[str, Any]) -> tuple[Sequence[str], list[Any]]:
    names = ("key", "value", "default", "level", "description", "type")
    rows = [(key, str(value), "", "SESSION", "", "STRING") for key, value in sorted(session.parameters.items())]
    like = (said.get("like") or "%").upper().replace("%", "*")
    return names, [row for row in rows if fnmatch.fnmatchcase(row[0], like)]


SHOWN: dict[str, Callable[..., tuple[Sequence[str], list[Any]]]] = {
    "TABLES": lambda s, e, w: show_catalog.tables(s, e, w, "BASE TABLE"),
    "VIEWS": lambda s, e, w: show_catalog.tables(s, e, w, "VIEW"),
    "OBJECTS": lambda s, e, w: show_catalog.tables(s, e, w, "BASE TABLE", "VIEW"),
    "COLUMNS": show_catalog.columns,
    "DATABASES": show_catalog.databases,
    "SCHEMAS": show_catalog.schemas,
    "PRIMARY KEYS": show_catalog.primary_keys,
    "IMPORTED KEYS": show_catalog.imported_keys,
    "PARAMETERS": _parameters,
    **{kind: _things(SINGULAR.get(kind, kind[:-1])) for kind in THINGS},
}


def _starts(sql: str, words: str) -> bool:
    told = " ".join(sql.upper().split()).removeprefix("SHOW ").removeprefix("TERSE ")
    return told == words or told.startswith((words + " ", words + ";"))
