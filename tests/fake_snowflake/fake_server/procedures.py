"""CREATE PROCEDURE is kept; CALL runs the handler in a clean Python with a Session back to this server."""

import json
import secrets
from typing import Any

from fake_server import built_in, grammar, handler, query, stages
from fake_server.account import Session
from fake_server.catalog import Name, Thing
from fake_server.engine import Engine, Watch
from fake_server.errors import SnowflakeError, already_exists, no_privilege, not_found
from fake_server.lexer import Token, path, tokens
from fake_server.resolve import full_name, require_schema
from fake_server.results import CALL, Result, column, status
from fake_server.running import RUNNING

CREATE = (
    "CREATE [OR REPLACE !replace] [SECURE] PROCEDURE [IF NOT EXISTS !exists] <name:name> <signature:parens> [COPY GRANTS] "
    "RETURNS { TABLE <table:parens> | <returns:type> [NOT NULL] } LANGUAGE PYTHON RUNTIME_VERSION = <runtime:scalar> "
    "[ARTIFACT_REPOSITORY = <repository:name>] PACKAGES = <packages:parens> [IMPORTS = <imports:parens>] HANDLER = <handler:string> "
    "[EXTERNAL_ACCESS_INTEGRATIONS = <integrations:parens>] [SECRETS = <secrets:parens>] "
    "[{ CALLED ON NULL INPUT | RETURNS NULL ON NULL INPUT | STRICT }] [COMMENT = <comment:string>] "
    "[EXECUTE AS { OWNER !OWNER | CALLER !CALLER | RESTRICTED CALLER !RESTRICTED }] [AS <body:text>]"
)
RUNTIMES = ("3.10", "3.11", "3.12", "3.13", "3.14")
PYPI = ("SNOWFLAKE", "SNOWPARK", "PYPI_SHARED_REPOSITORY")
JSON_TYPES = ("VARIANT", "OBJECT", "ARRAY")


def create(session: Session, engine: Engine, sql: str) -> Result:
    """Keep a Python procedure; its staged files must be there."""
    said = grammar.parse(CREATE, sql)
    name = full_name(session, said["name"], "CREATE PROCEDURE")
    require_schema(session, name[:2])
    owner = session.account.catalog.schemas[name[:2]].owner
    if not session.access.may("CREATE PROCEDURE", "SCHEMA", name[:2], owner):
        raise no_privilege("schema", name[1])
    things = session.account.catalog.things
    if ("PROCEDURE", name) in things and "replace" not in said:
        if "exists" in said:
            return status(f"{name[2]} already exists, statement succeeded.")
        raise already_exists(path(*name))
    said |= {"arguments": arguments(said["signature"]), "rights": rights(said)}
    said["packages"] = strings(said["packages"])
    said["imports"] = strings(said.get("imports", ""))
    _check(session, said)
    if "replace" in said:
        session.account.grants.drop(name)
    things["PROCEDURE", name] = Thing("PROCEDURE", name, session.role, said, sql)
    session.account.grants.future("PROCEDURE", name, session.role)
    return status(f"Function {name[2]} successfully created.")


def rights(said: dict[str, Any]) -> str:
    if "RESTRICTED" in said:
        return "RESTRICTED CALLER"
    return "CALLER" if "CALLER" in said else "OWNER"


def arguments(signature: str) -> list[dict[str, Any]]:
    """`NAME TYPE [DEFAULT value]`, ..."""
    if not signature.strip():
        return []
    spec = "{ <name:ident> <type:type> [DEFAULT { NULL !none | <default:scalar> }] },..."
    return list(grammar.parse(spec, signature)["items"])


def strings(text: str) -> list[str]:
    return [item["one"] for item in grammar.parse("<one:string>,...", text)["items"]] if text.strip() else []


def _check(session: Session, said: dict[str, Any]) -> None:
    if said["runtime"] not in RUNTIMES:
        raise SnowflakeError(
            391531, "22023", f"SQL compilation error: Runtime version {said['runtime']} is not supported."
        )
    if "repository" in said and said["repository"] not in (
        PYPI,
        ("SNOWFLAKE", "SNOWPARK", "ANACONDA_SHARED_REPOSITORY"),
    ):
        raise not_found("Artifact repository", path(*said["repository"]))
    if not any(p.lower().split("=")[0].split("[")[0] == "snowflake-snowpark-python" for p in said["packages"]):
        raise SnowflakeError(
            391546, "22023", "SQL compilation error: Package 'snowflake-snowpark-python' must be specified."
        )
    if unknown := handler.unknown_packages(said["packages"]):
        raise SnowflakeError(
            391546, "22023", f"SQL compilation error: Cannot create a Python function with the specified packages. Please check your "
            f"packages specification and try again. '{unknown[0]}' cannot be found.",
        )  # fmt: skip
    files = [_staged(session, one) for one in said["imports"]]
    if len({file.name for file in files}) < len(files):
        raise SnowflakeError(391547, "22023", "SQL compilation error: Import file names must be unique.")
    module = said["handler"].split(".")[0]
    if "body" not in said and not any(f.stem == module or f.suffix == ".zip" for f in files):
        raise SnowflakeError(
            391535, "22023", f"SQL compilation error: Handler module '{module}' is in none of the imports."
        )


def _staged(session: Session, reference: str) -> Any:
    thing, inside = stages.stage(session, reference, "READ")
    file = stages.folder(thing.name) / inside
    if not file.is_file():
        raise SnowflakeError(391539, "22023", f"SQL compilation error:\nFile '{reference}' not found in stage.")
    return file


def call(session: Session, engine: Engine, sql: str, values: Any, watch: Watch) -> Result:
    """CALL name(arguments)."""
    found = tokens(sql)
    if found[1:2] and found[1].value.startswith("SYSTEM$"):
        given = _given(session, engine, sql, found[2:], values, watch)
        return built_in.call(session, found[1].value, [value for _, value in given], watch)
    if any(token.text == "!" for token in found[:8]):
        return built_in.method(session, sql)
    said = grammar.parse("CALL <name:name> <arguments:parens>", sql)
    name = full_name(session, said["name"], "CALL")
    thing = session.account.catalog.things.get(("PROCEDURE", name))
    if (
        thing is None
        or not session.access.sees_schema(name[:2])
        or not session.access.may("USAGE", "PROCEDURE", name, thing.owner)
    ):
        raise SnowflakeError(2141, "42601", f"SQL compilation error:\nUnknown user-defined function {path(*name)}.")
    opening = next(i for i, token in enumerate(found) if token.text == "(")
    given = _given(session, engine, sql, found[opening:], values, watch)
    return _run(session, thing, _matched(thing, given), watch)


def _given(
    session: Session, engine: Engine, sql: str, found: tuple[Token, ...], values: Any, watch: Watch
) -> list[tuple[str, Any]]:
    """Each argument's name (or none) and value; expressions are worked out in the caller's session."""
    bound = list(values or ())
    return [(name, _value(session, engine, text, bound, watch)) for name, text in _parts(sql, found[1:-1])]


def _parts(sql: str, inner: tuple[Token, ...]) -> list[tuple[str, str]]:
    parts, depth, start = [], 0, 0
    for index, token in enumerate((*inner, None)):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.text if token else "", 0)
        if token is None or (token.text == "," and depth == 0):
            part = inner[start:index]
            named = len(part) > 2 and part[1].text == "=>"
            if part:
                first = part[2] if named else part[0]
                parts.append((part[0].value if named else "", sql[first.start : part[-1].end]))
            start = index + 1
    return parts


def _value(session: Session, engine: Engine, text: str, bound: list[Any], watch: Watch) -> Any:
    found = tokens(text)
    if len(found) == 1 and found[0].kind in ("string", "dollar"):
        return found[0].value
    if len(found) == 1 and found[0].text == "?":
        return bound.pop(0)
    marks = sum(token.text == "?" for token in found)
    mine = tuple(bound.pop(0) for _ in range(marks)) or None
    result = query.select(session, engine, f"SELECT {text}", mine, watch, describe=False)
    value = next(iter(result.as_table().to_pylist()[0].values()))
    return json.loads(value) if result.rowtype[0]["type"] == "variant" and value is not None else value


def _matched(thing: Thing, given: list[tuple[str, Any]]) -> list[Any]:
    """The values in the order of the signature, defaults filled in."""
    declared = thing.said["arguments"]
    named = {name: value for name, value in given if name}
    values = [value for name, value in given if not name]
    wrong = len(values) + len(named) > len(declared) or named.keys() - {one["name"] for one in declared}
    for one in declared[len(values) :]:
        if one["name"] in named:
            values.append(named[one["name"]])
        elif "none" in one or "default" in one:
            values.append(one.get("default"))
        else:
            wrong = True
    if wrong:
        told = ", ".join(type(value).__name__ for _, value in given)
        raise SnowflakeError(
            1044,
            "42P13",
            f"SQL compilation error: error line 1 at position 5\nInvalid argument types for function '{thing.name[2]}': ({told})",
        )
    return [_typed(one["type"], value) for one, value in zip(declared, values, strict=True)]


def _typed(type_name: str, value: Any) -> Any:
    kind = type_name.split("(")[0]
    if value is None or kind not in JSON_TYPES:
        return str(value) if value is not None and kind in ("VARCHAR", "STRING", "TEXT") else value
    return json.loads(value) if isinstance(value, str) and kind != "VARIANT" else value


def _run(session: Session, thing: Thing, values: list[Any], watch: Watch) -> Result:
    rights_now = thing.said["rights"]
    own = rights_now == "OWNER"
    token = secrets.token_urlsafe(24)
    place: Name = thing.name[:2] if own else (session.database or "", session.schema or "")
    job = session.account.jobs[token] = Session(
        session.account, session.user, thing.owner if own else session.role, place[0] or None, place[1] or None,
        session.warehouse, {} if own else dict(session.parameters),
        limit=thing.owner if rights_now == "RESTRICTED CALLER" else session.limit if not own else "", rights=rights_now,
        home=0 if own else int(session.room), secondary=session.secondary and not own, caller=session.caller or session,
    )  # fmt: skip
    imports = [str(_found(session.account, one, thing)) for one in thing.said["imports"]]
    try:
        answer = handler.run(session.account.name, token, thing, imports, values, watch)
    finally:
        session.account.jobs.pop(token, None)
        for running in [one for one in RUNNING.values() if one.session is job]:  # of a CALL that was stopped
            running.watch.cancel()
    return _answer(thing, answer)


def _found(account: Any, reference: str, thing: Thing) -> Any:
    """A staged file, as the procedure's owner sees it."""
    owner = Session(account, "", thing.owner, *thing.name[:2])
    return _staged(owner, reference)


def _answer(thing: Thing, answer: Any) -> Result:
    kind = str(thing.said.get("returns", "TABLE")).split("(")[0]
    if kind == "TABLE":
        names = list(answer["columns"])
        return Result([column(name.upper()) for name in names], [tuple(row) for row in answer["rows"]], type_id=CALL)
    text = json.dumps(answer, ensure_ascii=False, indent=2) if kind in JSON_TYPES and answer is not None else answer
    type_name = {
        "VARIANT": "variant",
        "OBJECT": "object",
        "ARRAY": "array",
        "NUMBER": "fixed",
        "INT": "fixed",
        "FLOAT": "real",
        "BOOLEAN": "boolean",
    }
    return Result([column(thing.name[2], type_name.get(kind, "text"))], [(text,)], type_id=CALL)
