"""What tests ask of the server beside SQL: bulk catalogs, figures, faults, scripts, the log, and a clean slate."""

import dataclasses
import re
from typing import Any

from fake_server.account import Account
from fake_server.catalog import Column, ForeignKey, Table, Thing
from fake_server.engine import Watch, place
from fake_server.errors import SnowflakeError
from fake_server.world import WORLD
from starlette.requests import Request


def control(request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """POST /fake/<what>; loopback only, as the whole server is."""
    account = WORLD.add(str(body.pop("account", "FAKEACCOUNT")))
    what = request.path_params["what"]
    if what not in ASKED:
        raise SnowflakeError(2, "0A000", f"no such control: {what}")
    return {"success": True, "data": ASKED[what](account, body)}


def delay(account: Account, sql: str, watch: Watch) -> None:
    """Wait, or fail, as a fault for such statements says."""
    for fault in list(account.faults.get("statements", [])):
        if re.search(fault["match"], sql, re.IGNORECASE | re.DOTALL):
            if fault.get("once"):
                account.faults["statements"].remove(fault)
            watch.wait(float(fault.get("seconds", 0)))
            if "code" in fault:
                raise SnowflakeError(fault["code"], fault.get("sqlstate", "22000"), fault["message"])


def _fault(account: Account, body: dict[str, Any]) -> None:
    account.faults.setdefault("statements", []).append(body)


def _reset(account: Account, body: dict[str, Any]) -> None:
    """Forget everything: a new account under the same name."""
    for session in list(account.sessions.values()):
        for connection in session.connections.values():
            connection.close()
    WORLD.accounts.pop(account.name)
    WORLD.engines.pop(account.name)
    WORLD.add(account.name)


def _tables(account: Account, body: dict[str, Any]) -> int:
    """Declare tables: rows are none until something is inserted, and the engine makes one only when it is first needed."""
    for one in body["tables"]:
        name = (one["database"], one["schema"], one["name"])
        if name[0] not in account.catalog.databases:
            account.catalog.add_database(name[0], "ACCOUNTADMIN")
        if name[:2] not in account.catalog.schemas:
            account.catalog.add_schema(name[:2], "ACCOUNTADMIN")
        table = Table(name, [Column(**column) for column in one["columns"]], comment=one.get("comment", ""), made=False)
        table.primary_key = tuple(one.get("primary_key", ()))
        table.foreign_keys = [
            ForeignKey(tuple(k["columns"]), tuple(k["table"]), tuple(k["references"]), k.get("name", "FK"))
            for k in one.get("foreign_keys", ())
        ]
        account.catalog.tables[name] = table
        account.grants.future("TABLE", name, "ACCOUNTADMIN")
    return len(body["tables"])


def _fill(account: Account, body: dict[str, Any]) -> None:
    """Put the rows of a Parquet file into a table of the same columns: thousands at once, as COPY INTO would."""
    table, engine = account.catalog.tables[tuple(body["table"])], WORLD.engine(account)
    engine.make(table)
    with engine.account.lock:
        cursor = engine.account.keeper._duck_conn.cursor()
        cursor.execute(f"INSERT INTO {place(table.name)} SELECT * FROM read_parquet(?)", [body["parquet"]])
    table.touch()


def _stats(account: Account, body: dict[str, Any]) -> None:
    """What the catalog says of a table's size."""
    table = account.catalog.tables[tuple(body["table"])]
    table.bytes, table.partitions = body.get("bytes"), body.get("partitions")


def _user(account: Account, body: dict[str, Any]) -> None:
    """A user with a password, holding these roles."""
    name, roles = body["name"], body["roles"]
    said = {"password": body["password"], "default_role": roles[0]} | body.get("said", {})
    account.catalog.things.setdefault(("USER", (name,)), Thing("USER", (name,), "ACCOUNTADMIN", said))
    for role in roles:
        if account.thing("ROLE", role) is None:
            raise SnowflakeError(2003, "02000", f"Role '{role}' does not exist or not authorized.")
        account.grants.members.add((role, "USER", name))


def _expire(account: Account, body: dict[str, Any]) -> int:
    """Make a user's session tokens expire; with `for_good` the tokens they could be renewed with, too."""
    mine = [s for s in account.sessions.values() if s.user == body["user"]]
    for session in mine:
        account.expired.add(session.token)
        if body.get("for_good"):
            account.expired.add(session.master_token)
    return len(mine)


def _log(account: Account, body: dict[str, Any]) -> list[dict[str, Any]]:
    match = re.compile(body.get("match", ""), re.IGNORECASE | re.DOTALL)
    return [dataclasses.asdict(ran) | {"status": ran.status} for ran in account.log if match.search(ran.sql)]


def _completions(account: Account, body: dict[str, Any]) -> None:
    account.completions[:] = body["script"]


def _token(account: Account, body: dict[str, Any]) -> None:
    account.faults.setdefault("tokens", {})[body["token"]] = body["user"]
    if body.get("expired"):
        account.expired.add(body["token"])


def _service(account: Account, body: dict[str, Any]) -> None:
    account.faults.setdefault("endpoints", {})[body["function"]] = body["url"]


def _things(account: Account, body: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"kind": t.kind, "name": list(t.name), "owner": t.owner, "said": t.said, "sql": t.sql}
        for t in account.catalog.of(body["kind"])
    ]


ASKED = {
    "ping": lambda account, body: account.name,
    "account": lambda account, body: account.name,
    "reset": _reset,
    "tables": _tables,
    "fill": _fill,
    "stats": _stats,
    "user": _user,
    "expire": _expire,
    "log": _log,
    "fault": _fault,
    "clear_faults": lambda account, body: account.faults.clear(),
    "completions": _completions,
    "prompts": lambda account, body: account.prompts,
    "token": _token,
    "service": _service,
    "things": _things,
    "sessions": lambda account, body: [{"user": s.user, "role": s.role, "id": s.id} for s in account.sessions.values()],
}
