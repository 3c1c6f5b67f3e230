"""The account: its name, users, catalog, grants, sessions, log, and what the tests ask it to do wrong."""

import itertools
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from fake_server.access import Access, Grant, Grants
from fake_server.catalog import Catalog, Thing
from fake_server.results import Result

KEPT_RESULTS = 500
SESSION_IDS = itertools.count(1_000_001)


@dataclass
class Ran:
    """One statement in the log."""

    query_id: str
    sql: str
    user: str
    role: str
    warehouse: str | None
    database: str | None
    schema: str | None
    session_id: int
    tag: str
    parameters: dict[str, Any]
    started: float
    ended: float | None = None
    rows: int | None = None
    error: tuple[int, str] | None = None
    caller: str = ""  # how a procedure was running it: OWNER, CALLER, RESTRICTED CALLER

    @property
    def status(self) -> str:
        if self.ended is None:
            return "RUNNING"
        return "FAIL" if self.error else "SUCCESS"


@dataclass
class Session:
    """One sign-on."""

    account: "Account"
    user: str
    role: str
    database: str | None = None
    schema: str | None = None
    warehouse: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    limit: str = ""  # the procedure owner's role, in a restricted caller's session
    rights: str = ""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    master_token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    id: int = field(default_factory=lambda: next(SESSION_IDS))
    home: int = 0  # the session whose temporary tables these are: a caller's rights procedure shares its caller's
    secondary: bool = False  # USE SECONDARY ROLES ALL
    last_query_id: str | None = None
    caller: "Session | None" = None  # in a procedure: the session of whoever called
    variables: dict[str, str] = field(default_factory=dict)
    connections: dict[str, Any] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def access(self) -> Access:
        return Access(self.account.catalog, self.account.grants, self.role, self.limit, self.others)

    @property
    def others(self) -> tuple[str, ...]:
        """Roles that are in use beside the primary one."""
        roles = self.account.grants.roles_of_user(self.user) if self.secondary else set()
        return tuple(sorted(roles - self.account.grants.closure(self.role)))

    @property
    def room(self) -> str:
        """What its temporary tables belong to."""
        return str(self.home or self.id)


@dataclass
class Account:
    """One account of the server's."""

    name: str
    catalog: Catalog = field(default_factory=Catalog)
    grants: Grants = field(default_factory=Grants)
    sessions: dict[str, Session] = field(default_factory=dict)  # by token
    masters: dict[str, Session] = field(default_factory=dict)  # by master token
    results: OrderedDict[str, tuple[Result, int]] = field(default_factory=OrderedDict)
    log: list[Ran] = field(default_factory=list)
    faults: dict[str, Any] = field(default_factory=dict)
    completions: list[dict[str, Any]] = field(default_factory=list)
    prompts: list[dict[str, Any]] = field(default_factory=list)
    expired: set[str] = field(default_factory=set)
    jobs: dict[str, "Session"] = field(
        default_factory=dict
    )  # sessions of running procedures, by the token they sign on with

    def __post_init__(self) -> None:
        for role in ("ACCOUNTADMIN", "SYSADMIN", "SECURITYADMIN", "USERADMIN", "PUBLIC"):
            self.add_thing("ROLE", role, {})
        self.grants.members |= {
            ("SYSADMIN", "ROLE", "ACCOUNTADMIN"),
            ("SECURITYADMIN", "ROLE", "ACCOUNTADMIN"),
            ("USERADMIN", "ROLE", "SECURITYADMIN"),
            ("ACCOUNTADMIN", "USER", "ADMIN"),
        }
        self.add_thing("USER", "ADMIN", {"password": "fake", "default_role": "ACCOUNTADMIN"})
        self.add_thing("WAREHOUSE", "COMPUTE_WH", {"state": "STARTED", "auto_resume": True})
        self.grants.given.add(Grant("USAGE", "WAREHOUSE", ("COMPUTE_WH",), "PUBLIC"))

    def add_thing(self, kind: str, name: str, said: dict[str, Any]) -> None:
        self.catalog.things[kind, (name,)] = Thing(kind, (name,), "ACCOUNTADMIN", said)

    def thing(self, kind: str, *name: str) -> Thing | None:
        return self.catalog.things.get((kind, name))

    def keep(self, result: Result, session: Session) -> None:
        """Keep the result for RESULT_SCAN and for clients that come for it later."""
        self.results[result.query_id] = (result, session.id)
        while len(self.results) > KEPT_RESULTS:
            self.results.popitem(last=False)

    def begin(self, session: Session, sql: str, parameters: dict[str, Any], query_id: str) -> Ran:
        tag = str(parameters.get("QUERY_TAG", session.parameters.get("QUERY_TAG", "")))
        ran = Ran(
            query_id, sql, session.user, session.role, session.warehouse, session.database, session.schema, session.id,
            tag, parameters, time.time(), caller=session.rights,
        )  # fmt: skip
        self.log.append(ran)
        return ran
