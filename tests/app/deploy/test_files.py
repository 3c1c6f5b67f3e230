"""What a deployment uploads, and the variables it is made from."""

import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from app.deploy.files import build, settings_for, sources, without_section, write_zip
from app.deploy.variables import fill, project_root, read_variables
from sql_tools.errors import SettingsError

ROOT = project_root()
DEFAULTS = read_variables(ROOT, {})


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    copied = tmp_path / "elsewhere" / "sql_tools"
    shutil.copytree(ROOT / "sql_tools", copied, ignore=shutil.ignore_patterns("__pycache__"))
    for file in copied.rglob("*.py"):
        os.utime(file, (10**9, 10**9))
        file.chmod(0o600)
    write_zip(tmp_path / "one.zip", ROOT, sources(ROOT / "sql_tools"))
    write_zip(tmp_path / "two.zip", copied.parent, reversed(sources(copied)))
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_the_zip_holds_the_code_and_the_grammar_and_nothing_of_the_demo(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", ROOT, sources(ROOT / "sql_tools"))
    names = zipfile.ZipFile(tmp_path / "a.zip").namelist()
    assert {"sql_tools/__init__.py", "sql_tools/copilot.py", "sql_tools/grammar/select.lark"} <= set(names)
    assert not [name for name in names if "data/" in name or name.endswith(".pyc")]


def test_built_twice_nothing_is_left_of_the_first_time(tmp_path: Path) -> None:
    first = build(ROOT, tmp_path, DEFAULTS)
    (tmp_path / "procedures" / "left.py").touch()
    contents = {file: file.read_bytes() for file in first}
    assert build(ROOT, tmp_path, DEFAULTS) == first
    assert {file: file.read_bytes() for file in first} == contents
    assert not (tmp_path / "procedures" / "left.py").exists()


def test_the_chat_in_the_account_does_not_listen_on_loopback_nor_show_tracebacks(tmp_path: Path) -> None:
    build(ROOT, tmp_path, DEFAULTS)
    looks = (tmp_path / "streamlit/.streamlit/config.toml").read_text("utf-8")
    assert "127.0.0.1" not in looks
    assert 'showErrorDetails = "none"' in looks


def test_settings_name_the_model_the_schema_and_the_audit() -> None:
    chosen = {**DEFAULTS, "COPILOT_MODEL": "cortex:other", "COPILOT_AUDIT_TEXT": "FALSE"}
    settings = settings_for(chosen)
    assert settings["settings"]["model"] == "cortex:other"
    assert settings["settings"]["snowflake_schemas"] == "SNOWFLAKE_SAMPLE_DATA.TPCH_SF1"
    assert (settings["record"], settings["audit_text"]) == ("ARCTIC_COPILOT.CORE.RECORD", False)
    json.dumps(settings)


@pytest.mark.parametrize(("name", "value"), [("COPILOT_AUDIT_TEXT", "maybe"), ("COPILOT_SCAN_GB", "much")])
def test_a_setting_that_is_none_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        settings_for({**DEFAULTS, name: value})


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be written"):
        build(ROOT, tmp_path / "file", DEFAULTS)


def test_the_environment_wins_over_the_defaults() -> None:
    assert read_variables(ROOT, {"COPILOT_DATABASE": "MINE"})["COPILOT_DATABASE"] == "MINE"
    assert DEFAULTS["COPILOT_DATABASE"] == "ARCTIC_COPILOT"


@pytest.mark.parametrize(
    "value", ["X; DROP DATABASE Y", "x'y", 'a"b', "$$", "A--B", "/* */", "a\nb", "<% ctx.env.X %>", ""]
)
def test_a_variable_cannot_break_out_of_its_place(value: str) -> None:
    with pytest.raises(SettingsError, match="COPILOT_DATABASE"):
        read_variables(ROOT, {"COPILOT_DATABASE": value})


def test_a_variable_nobody_knows_is_told() -> None:
    with pytest.raises(SettingsError, match="NOPE"):
        fill("USE ROLE <% ctx.env.NOPE %>", {})


def test_a_section_is_left_out_to_its_end() -> None:
    assert without_section("[a]\nx=1\n\n[server]\ny=2\n\n[b]\nz=3\n", "server") == "[a]\nx=1\n\n[b]\nz=3\n"
