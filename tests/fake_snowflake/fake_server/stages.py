"""Staged files: PUT and GET (which the client does, told where), LIST, REMOVE. They lie in a folder of the server's."""

import hashlib
import re
import shutil
import tempfile
from email.utils import formatdate
from pathlib import Path

from fake_server import grammar
from fake_server.account import Session
from fake_server.catalog import Name, Thing
from fake_server.engine import Engine
from fake_server.errors import SnowflakeError, no_privilege, not_found
from fake_server.lexer import path, tokens
from fake_server.resolve import full_name
from fake_server.results import Result, listing

ROOT = Path(tempfile.mkdtemp(prefix="fake_snowflake_stages_"))


def put(session: Session, engine: Engine, sql: str) -> Result:
    """Where the client is to copy its files to."""
    said = grammar.parse(
        "PUT <source:fileurl> <stage:stageref> ~{ PARALLEL = <parallel:int> | AUTO_COMPRESS = <compress:bool> "
        "| SOURCE_COMPRESSION = <compression:scalar> | OVERWRITE = <overwrite:bool> }",
        sql,
    )
    thing, inside = stage(session, said["stage"], "WRITE")
    where = folder(thing.name) / inside
    where.mkdir(parents=True, exist_ok=True)
    source = re.sub(r"^file://", "", said["source"])
    return _transfer(
        "UPLOAD", [source], str(where) + "/", said,
        {"overwrite": said.get("overwrite", False), "sourceCompression": said.get("compression", "auto_detect").lower()},
    )  # fmt: skip


def get(session: Session, engine: Engine, sql: str) -> Result:
    """Which staged files the client is to copy, and where to."""
    said = grammar.parse(
        "GET <stage:stageref> <target:fileurl> ~{ PARALLEL = <parallel:int> | PATTERN = <pattern:string> }", sql
    )
    thing, inside = stage(session, said["stage"], "READ")
    names = [str(f.relative_to(folder(thing.name))) for f in files(thing, inside, said.get("pattern"))]
    target = re.sub(r"^file://", "", said["target"])
    more = {"localLocation": target, "encryptionMaterial": [None] * len(names), "presignedUrls": []}
    return _transfer("DOWNLOAD", names, str(folder(thing.name)) + "/", said, more)


def _transfer(
    command: str, sources: list[str], location: str, said: dict[str, object], more: dict[str, object]
) -> Result:
    result = listing([], [])
    result.extra = {
        "command": command, "src_locations": sources, "parallel": said.get("parallel", 4), "threshold": 209715200,
        "autoCompress": said.get("compress", True), "sourceCompression": "auto_detect", "overwrite": False,
        "stageInfo": {"locationType": "LOCAL_FS", "location": location, "creds": {}, "path": "", "region": None},
        **more,
    }  # fmt: skip
    return result


def list_files(session: Session, engine: Engine, sql: str) -> Result:
    said = grammar.parse("{LIST|LS} <stage:stageref> [PATTERN = <pattern:string>]", sql)
    thing, inside = stage(session, said["stage"], "READ")
    rows = []
    for file in files(thing, inside, said.get("pattern")):
        name = f"{thing.name[2].lower()}/{file.relative_to(folder(thing.name))}"
        digest = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
        rows.append((name, file.stat().st_size, digest, formatdate(file.stat().st_mtime, usegmt=True)))
    return listing(("name", "size:fixed", "md5", "last_modified"), rows)


def remove(session: Session, engine: Engine, sql: str) -> Result:
    said = grammar.parse("{REMOVE|RM} <stage:stageref> [PATTERN = <pattern:string>]", sql)
    thing, inside = stage(session, said["stage"], "WRITE")
    found = files(thing, inside, said.get("pattern"))
    rows = [(f"{thing.name[2].lower()}/{file.relative_to(folder(thing.name))}", "removed") for file in found]
    for file in found:
        file.unlink()
    return listing(("name", "result"), rows)


def stage(session: Session, reference: str, privilege: str) -> tuple[Thing, str]:
    """The stage that `@db.schema.stage/folder` names, and the folder."""
    text = reference.removeprefix("@").removeprefix("snow://")
    if text.startswith("~"):
        return Thing("STAGE", ("_USERS", session.user, "HOME"), session.role), text[1:].strip("/")
    name_part, _, inside = text.partition("/")
    found = tokens(name_part)
    name: Name = tuple(t.value for t in found if t.kind in ("word", "quoted"))
    full = full_name(session, name, "PUT")
    thing = session.account.catalog.things.get(("STAGE", full))
    if thing is None or not session.access.sees_thing(thing):
        raise not_found("Stage", path(*full))
    if not session.access.may(privilege, "STAGE", full, thing.owner):
        raise no_privilege("stage", full[2])
    if ".." in inside.split("/"):
        raise SnowflakeError(2, "0A000", "Unsupported feature '.. in a stage path'.")
    return thing, inside.strip("/")


def files(thing: Thing, inside: str, pattern: str | None = None) -> list[Path]:
    """The staged files whose path starts so, by name."""
    root = folder(thing.name)
    found = [f for f in sorted(root.rglob("*")) if f.is_file() and str(f.relative_to(root)).startswith(inside)]
    return [
        f for f in found if pattern is None or re.fullmatch(pattern, f"{thing.name[2].lower()}/{f.relative_to(root)}")
    ]


def folder(name: Name) -> Path:
    return ROOT.joinpath(*(part.replace("/", "%2F") for part in name))


def empty() -> None:
    """Remove all staged files; at the server's end."""
    shutil.rmtree(ROOT, ignore_errors=True)
