"""Sign-on: account, user, how it proves itself, and the role it asks for."""

import base64
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import load_der_public_key
from fake_server.account import Account, Session
from fake_server.catalog import Thing
from fake_server.errors import SnowflakeError
from fake_server.session_statements import sign_on
from fake_server.world import WORLD
from starlette.requests import Request


class UnknownAccountError(Exception):
    """No account of that name: there a real client finds no host, or a host that says 404."""


def token_in(header: str) -> str:
    return header.removeprefix('Snowflake Token="').removesuffix('"')


def login(request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """A new session. Errors are the connector's: 390100 wrong password, 390189 a role not held, 394304 a bad token."""
    told, asked = body["data"], request.query_params
    account = account_of(str(told.get("ACCOUNT_NAME", "")))
    if job := account.jobs.pop(str(told.get("TOKEN", "")), None):
        return opened(job)
    user = authenticated(account, told)
    role = named(asked.get("roleName")) or str(user.said.get("default_role", "PUBLIC")).upper()
    if role not in account.grants.roles_of_user(user.name[0]):
        raise SnowflakeError(
            390189, "08001", f"Role '{role}' specified in the connect string does not exist or not authorized. Contact your "
            "local system administrator, or attempt to login with another role, e.g. PUBLIC.",
        )  # fmt: skip
    session = Session(account, user.name[0], role)
    session.parameters |= {k.upper(): v for k, v in (told.get("SESSION_PARAMETERS") or {}).items()}
    warehouse = named(asked.get("warehouse")) or user.said.get("default_warehouse")
    sign_on(session, named(asked.get("databaseName")), named(asked.get("schemaName")), warehouse)
    return opened(session)


def opened(session: Session) -> dict[str, Any]:
    """Register the session; the sign-on's answer."""
    session.account.sessions[session.token] = session
    session.account.masters[session.master_token] = session
    parameters = [
        {"name": "AUTOCOMMIT", "value": True},
        {"name": "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY", "value": 3600},
        {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 0},
        {"name": "CLIENT_TELEMETRY_ENABLED", "value": False},
        {"name": "ENABLE_STAGE_S3_PRIVATELINK_FOR_US_EAST_1", "value": False},
    ]
    info = {
        "databaseName": session.database, "schemaName": session.schema, "warehouseName": session.warehouse, "roleName": session.role,
    }  # fmt: skip
    told = {
        "token": session.token, "masterToken": session.master_token, "validityInSeconds": 3600,
        "masterValidityInSeconds": 14400, "displayUserName": session.user, "serverVersion": "9.40.1", "sessionId": session.id,
        "parameters": parameters, "sessionInfo": info,
    }  # fmt: skip
    return {"data": told, "code": None, "message": None, "success": True}


def renew(request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """A new token for a session whose token has expired, unless its master token has too."""
    master = token_in(request.headers.get("Authorization", ""))
    for account in WORLD.accounts.values():
        session = account.masters.get(master)
        if session and master not in account.expired:
            old, session.token = session.token, Session(account, "", "").token
            account.sessions.pop(old, None)
            account.sessions[session.token] = session
            told = {
                "sessionToken": session.token,
                "masterToken": master,
                "validityInSecondsST": 3600,
                "validityInSecondsMT": 14400,
            }
            return {"data": told, "success": True, "code": None, "message": None}
    raise SnowflakeError(390114, "08001", "Authentication token has expired.  The user must authenticate again.")


def end(request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """Sign-off."""
    token = token_in(request.headers.get("Authorization", ""))
    for account in WORLD.accounts.values():
        session = account.sessions.get(token)
        if session and request.query_params.get("delete") == "true":
            account.sessions.pop(token)
            account.masters.pop(session.master_token, None)
            close(session)
    return {"data": None, "code": None, "message": None, "success": True}


def close(session: Session) -> None:
    """Let go of its connections, and drop its temporary tables."""
    from fake_server.tables import drop_in_engine

    for table in [t for t in list(session.account.catalog.tables.values()) if t.session == str(session.id)]:
        drop_in_engine(session, WORLD.engine(session.account), table)
        session.account.catalog.tables.pop(table.name, None)
    for connection in session.connections.values():
        connection.close()
    session.connections.clear()


def account_of(name: str) -> Account:
    account = WORLD.accounts.get(name.upper())
    if account is None:
        raise UnknownAccountError(name)
    return account


def authenticated(account: Account, told: dict[str, Any]) -> Thing:
    """The user, if password, token or signed claim is right."""
    kind = str(told.get("AUTHENTICATOR") or "SNOWFLAKE").upper()
    name = str(told.get("LOGIN_NAME") or "").upper()
    if kind == "SNOWFLAKE_JWT":
        return _by_claim(account, str(told.get("TOKEN", "")))
    user = account.thing("USER", name)
    if kind in ("OAUTH", "PROGRAMMATIC_ACCESS_TOKEN"):
        return _by_token(account, str(told.get("TOKEN", "")), user)
    if user is None or _password(user) != (told.get("PASSWORD"),):
        raise SnowflakeError(390100, "08001", "Incorrect username or password was specified.")
    return user


def _password(user: Thing) -> tuple[Any]:
    return (user.said.get("password", object()),)


def _by_token(account: Account, token: str, user: Thing | None) -> Thing:
    tokens = account.faults.get("tokens", {})
    if token in account.expired:
        raise SnowflakeError(390318, "08001", "OAuth access token expired. [expired]")
    if token not in tokens:
        raise SnowflakeError(390303, "08001", "Invalid OAuth access token.")
    return account.thing("USER", tokens[token]) or user  # type: ignore[return-value]


def _by_claim(account: Account, token: str) -> Thing:
    """The user whose public key a key pair's claim is signed for."""
    try:
        issued = jwt.decode(token, options={"verify_signature": False})
        user = account.thing("USER", str(issued["sub"]).split(".")[-1].upper())
        key = load_der_public_key(base64.b64decode(user.said["key"])) if user else None
        jwt.decode(token, key, algorithms=["RS256"], options={"verify_aud": False})  # type: ignore[arg-type]
    except (jwt.PyJWTError, LookupError, ValueError, TypeError) as error:
        raise SnowflakeError(394304, "08001", "JWT token is invalid.") from error
    return user  # type: ignore[return-value]


def named(name: str | None) -> str | None:
    """A name in the query string, as an identifier."""
    if not name:
        return None
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.upper()
