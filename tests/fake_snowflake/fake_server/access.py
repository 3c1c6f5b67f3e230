"""Who may do what: roles, grants, and the view of the account that follows from them."""

from dataclasses import dataclass, field

from fake_server.catalog import Catalog, Name, Table, Thing

ADMINS = {"ACCOUNTADMIN"}
WORKING_IN = {"DATABASE": 1, "SCHEMA": 2}
DATA_READ = {"SELECT", "REFERENCES", "USAGE"}


@dataclass(frozen=True)
class Grant:
    """`caller`: a caller grant. `within`: the database or schema whose objects of this kind are meant; then name is ()."""

    privilege: str
    kind: str
    name: Name
    role: str
    caller: bool = False
    within: Name = ()
    future: bool = False


@dataclass
class Grants:
    """All grants of the account; who holds which role."""

    given: set[Grant] = field(default_factory=set)
    members: set[tuple[str, str, str]] = field(default_factory=set)  # (role, "ROLE" or "USER", grantee)

    def roles_of_user(self, user: str) -> set[str]:
        direct = {role for role, kind, name in self.members if kind == "USER" and name == user}
        return set().union(*(self.closure(role) for role in direct | {"PUBLIC"}))

    def closure(self, role: str) -> set[str]:
        """The role and all it inherits."""
        found, todo = set(), [role, "PUBLIC"]
        while todo:
            one = todo.pop()
            if one not in found:
                found.add(one)
                todo += [r for r, kind, name in self.members if kind == "ROLE" and name == one]
        return found

    def future(self, kind: str, name: Name, owner: str) -> None:
        """A new object gets what future grants promise."""
        for grant in list(self.given):
            if grant.future and grant.kind == kind and name[: len(grant.within)] == grant.within:
                self.given.add(Grant(grant.privilege, kind, name, grant.role))

    def drop(self, name: Name) -> None:
        """Grants on an object end with it."""
        self.given = {g for g in self.given if not (g.name[: len(name)] == name and g.name)}


@dataclass(frozen=True)
class Access:
    """The account as one role sees it; `limit` is the owner role whose caller grants cut it down (restricted caller)."""

    catalog: Catalog
    grants: Grants
    role: str
    limit: str = ""
    others: tuple[str, ...] = ()  # secondary roles

    @property
    def key(self) -> str:
        return f"{'+'.join((self.role, *self.others))}/{self.limit}"

    @property
    def is_admin(self) -> bool:
        return self.role in ADMINS and not self.limit

    def may(self, privilege: str, kind: str, name: Name, owner: str = "") -> bool:
        """Has the role this privilege on the object itself?"""
        return self._has(privilege, kind, name, owner) and (not self.limit or self._lent(privilege, kind, name))

    def sees_database(self, name: str) -> bool:
        thing = self.catalog.databases.get(name)
        return bool(thing) and self._reaches("DATABASE", (name,), thing.owner if thing else "")

    def sees_schema(self, name: Name) -> bool:
        thing = self.catalog.schemas.get(name)
        return (
            bool(thing) and self.sees_database(name[0]) and self._reaches("SCHEMA", name, thing.owner if thing else "")
        )

    def sees_table(self, table: Table) -> bool:
        """May its name be shown? Any privilege on it will do."""
        return self.sees_schema(table.name[:2]) and any(
            self.may(privilege, kind_of(table), table.name, table.owner)
            for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "OWNERSHIP")
        )

    def reads_table(self, table: Table) -> bool:
        return self.sees_schema(table.name[:2]) and self.may("SELECT", kind_of(table), table.name, table.owner)

    def sees_thing(self, thing: Thing) -> bool:
        if len(thing.name) == 3 and not self.sees_schema(thing.name[:2]):
            return False
        return any(
            self.may(privilege, thing.kind, thing.name, thing.owner)
            for privilege in (
                "USAGE",
                "READ",
                "WRITE",
                "MONITOR",
                "OPERATE",
                "MODIFY",
                "SELECT",
                "REFERENCES",
                "OWNERSHIP",
            )
        )

    def tables(self, schema: Name) -> list[Table]:
        """The schema's tables that may be shown."""
        return [table for table in self.catalog.in_schema(schema) if self.sees_table(table)]

    def schemas(self, database: str | None = None) -> list[Name]:
        names = [s for s in sorted(self.catalog.schemas) if database in (None, s[0])]
        return [name for name in names if self.sees_schema(name)]

    def databases(self) -> list[str]:
        return [name for name in sorted(self.catalog.databases) if self.sees_database(name)]

    def _reaches(self, kind: str, name: Name, owner: str) -> bool:
        return self.may("USAGE", kind, name, owner)

    def _has(self, privilege: str, kind: str, name: Name, owner: str) -> bool:
        if self.role in ADMINS or ADMINS & set(self.others):
            return True
        roles = self.grants.closure(self.role).union(*map(self.grants.closure, self.others))
        return owner in roles or any(
            g.role in roles and not g.caller and not g.future and covers(g, privilege, kind, name)
            for g in self.grants.given
        )

    def _lent(self, privilege: str, kind: str, name: Name) -> bool:
        return any(g.role == self.limit and g.caller and covers(g, privilege, kind, name) for g in self.grants.given)


def covers(grant: Grant, privilege: str, kind: str, name: Name) -> bool:
    """Does the grant give the privilege on this object?"""
    if grant.privilege == "DATA READ":  # on everything in a schema or database, and on the way there
        within = name[: len(grant.name)] == grant.name or grant.name[: len(name)] == name
        return within and privilege in DATA_READ and kind in ("TABLE", "VIEW", "DATABASE", "SCHEMA")
    if grant.privilege == "PROGRAM USAGE":
        within = name[: len(grant.name)] == grant.name or grant.name[: len(name)] == name
        return within and privilege == "USAGE" and kind in ("FUNCTION", "PROCEDURE", "DATABASE", "SCHEMA")
    if grant.kind != kind:
        return False
    on_it = name[: len(grant.within)] == grant.within if grant.within else grant.name == name
    return on_it and grant.privilege in (privilege, "ALL", "OWNERSHIP")


def kind_of(table: Table) -> str:
    return "VIEW" if table.kind == "VIEW" else "TABLE"
