"""The files that a deployment uploads: the library as a zip, handlers, the chat, specifications, and the choices made.

The same sources give the same bytes on any machine: entries are sorted, stored and dated alike. A zip can be imported
as it is, by a procedure and by the chat.
"""

import json
import re
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sql_tools.errors import SettingsError

EPOCH = (1980, 1, 1, 0, 0, 0)
MODE = 0o644 << 16
LEFT_OUT = ("data", "__pycache__")  # the demo's and the red team's
SAMPLE_SECONDS = 5.0  # each call reads the catalog anew


def build(root: Path, target: Path, variables: Mapping[str, str]) -> tuple[Path, ...]:
    """Make all files below `target`, in place of what was there; their paths, in order. SettingsError if it cannot."""
    try:
        return _build(root, target, variables)
    except OSError as error:
        raise SettingsError(
            f"{target} cannot be written: {error.strerror}.", "Set COPILOT_BUILD to a folder."
        ) from error


def _build(root: Path, target: Path, variables: Mapping[str, str]) -> tuple[Path, ...]:
    procedures, streamlit, specs = (_empty(target / name) for name in ("procedures", "streamlit", "specs"))
    settings = json.dumps(settings_for(variables), indent=2) + "\n"
    for folder in (procedures, streamlit):
        (folder / "copilot_settings.json").write_text(settings, encoding="utf-8")
        write_zip(folder / "sql_tools.zip", root, sources(root / "sql_tools"))
    shutil.copyfile(root / "snowflake/procedures/copilot_procs.py", procedures / "copilot_procs.py")
    write_zip(streamlit / "app.zip", root, sources(root / "app"))
    for file in sorted((root / "snowflake/streamlit").iterdir()):
        if file.is_file():
            shutil.copyfile(file, streamlit / file.name)
    (streamlit / ".streamlit").mkdir()
    looks = (root / "app/.streamlit/config.toml").read_text(encoding="utf-8")
    (streamlit / ".streamlit/config.toml").write_text(without_section(looks, "server"), encoding="utf-8")
    for file in sorted((root / "snowflake/specs").glob("*.yaml")):
        shutil.copyfile(file, specs / file.name)
    return tuple(
        sorted(path for folder in (procedures, streamlit, specs) for path in folder.rglob("*") if path.is_file())
    )


def settings_for(variables: Mapping[str, str]) -> dict[str, Any]:
    """What procedures and chat read at each call: the copilot's settings, and where the audit is written."""
    home = f"{variables['COPILOT_DATABASE']}.{variables['COPILOT_SCHEMA']}"
    settings: dict[str, Any] = {
        "model": variables["COPILOT_MODEL"],
        "warehouse": "snowflake",
        "snowflake_schemas": f"{variables['COPILOT_DATA_DATABASE']}.{variables['COPILOT_DATA_SCHEMA']}",
        "semantic": variables["COPILOT_SEMANTIC"],
        "max_scan_gb": _number(variables, "COPILOT_SCAN_GB"),
        "share_values": _truth(variables, "COPILOT_SHARE_VALUES"),
        "sample_seconds": SAMPLE_SECONDS,
    }
    audit_text = _truth(variables, "COPILOT_AUDIT_TEXT")
    return {
        "settings": settings,
        "query_warehouse": variables["COPILOT_WAREHOUSE"],
        "record": f"{home}.RECORD",
        "kept_in": f"{home}_KEPT",
        "audit": f"{home}.AUDIT",
        "audit_text": audit_text,
    }


def write_zip(path: Path, root: Path, files: Iterable[Path]) -> None:
    """The files under their names relative to `root`; the same bytes for the same contents."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(files):
            entry = zipfile.ZipInfo(file.relative_to(root).as_posix(), EPOCH)
            entry.external_attr, entry.create_system = MODE, 3
            archive.writestr(entry, file.read_bytes())


def sources(package: Path) -> list[Path]:
    """What of a package runs in the account: its code, and the files that the code reads."""
    found = (path for pattern in ("*.py", "*.lark") for path in package.rglob(pattern))
    return [path for path in found if not set(path.relative_to(package).parts) & set(LEFT_OUT)]


def without_section(toml: str, name: str) -> str:
    """The file without one [section] and all it holds."""
    return re.sub(rf"^\[{re.escape(name)}\]\n(?:(?!\[).*\n?)*", "", toml, flags=re.MULTILINE)


def _empty(folder: Path) -> Path:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


def _truth(variables: Mapping[str, str], name: str) -> bool:
    value = variables[name].strip().lower()
    if value not in ("true", "false"):
        raise SettingsError(f"{name}={variables[name]!r} is neither true nor false.")
    return value == "true"


def _number(variables: Mapping[str, str], name: str) -> float:
    try:
        return float(variables[name])
    except ValueError as error:
        raise SettingsError(f"{name}={variables[name]!r} is no number.") from error
