"""What is staged for the procedures runs in a Python that has the packages they name, those these need, and nothing else."""

import json
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from app.deploy.files import build
from app.deploy.variables import project_root, read_variables

ROOT = project_root()
VARIABLES = {"COPILOT_MODEL": "cortex:m", "COPILOT_DATA_DATABASE": "SHOP", "COPILOT_DATA_SCHEMA": "PUBLIC"}
CALL = """
import json, sys
staged, packages, connection = json.loads(sys.stdin.read())
sys.path[:0] = [staged, staged + "/sql_tools.zip", packages]
import copilot_procs
handler, arguments = sys.argv[1], json.loads(sys.argv[2])
session = None
if connection:
    from snowflake.snowpark import Session
    session = Session.builder.configs(connection).create()
found = getattr(copilot_procs, handler)(session, *arguments)
import sql_tools
print(json.dumps({"found": found, "from": sql_tools.__file__, "loaded": sorted(sys.modules)}))
"""


def named_packages() -> list[str]:
    text = (ROOT / "snowflake/deploy/08_procedures.sql").read_text("utf-8")
    return sorted(set(re.findall(r"'([\w-]+)==[\w.]+'", text)))


def needed(names: list[str]) -> set[str]:
    """The packages and all that they need here, as pip would add."""
    found: set[str] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        wanted = waiting.pop()
        extras = wanted.extras or {""}
        new = [Requirement(line) for line in distribution(wanted.name).requires or []]
        if wanted.name.lower() not in found:
            found.add(wanted.name.lower())
            waiting += [one for one in new if not one.marker or any(one.marker.evaluate({"extra": e}) for e in extras)]
    return found


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with links to the files of those packages; `snowflake` is shared by several of them."""
    folder = tmp_path_factory.mktemp("packages")
    for name in needed(named_packages()):
        installed = distribution(name)
        for file in installed.files or ():
            parts = Path(file).parts[: 2 if Path(file).parts[0] == "snowflake" else 1]
            link = folder.joinpath(*parts)
            if ".." not in parts and parts[0] != "__pycache__" and not link.is_symlink():
                link.parent.mkdir(exist_ok=True)
                link.symlink_to(Path(str(installed.locate_file(Path(*parts)))))
    return folder


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    build(ROOT, folder, read_variables(ROOT, VARIABLES))
    settings = folder / "procedures/copilot_settings.json"  # nothing is deployed that could record
    settings.write_text(settings.read_text("utf-8").replace("ARCTIC_COPILOT.CORE.RECORD", ""), "utf-8")
    return folder / "procedures"


def call(staged: Path, packages: Path, handler: str, *arguments: Any, connection: Any = None) -> dict[str, Any]:
    """The handler's result in an isolated Python without any site packages."""
    command = [sys.executable, "-I", "-S", "-c", CALL, handler, json.dumps(arguments)]
    given = json.dumps([str(staged), str(packages), connection])
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_a_handler_answers_from_the_zip_with_the_named_packages_alone(staged: Path, packages: Path, shop: Any) -> None:
    asked = ("How many customers are there?", {"max_rows": 5})
    told = call(staged, packages, "generate_sql", *asked, connection=shop.connection("SELLER"))
    assert told["found"]["status"] == "answered", told["found"]["message"]
    assert "COUNT(*) AS CUSTOMERS" in told["found"]["sql"]
    assert "sql_tools.zip" in told["from"]


def test_nothing_of_the_local_run_is_loaded(staged: Path, packages: Path) -> None:
    loaded = call(staged, packages, "feedback", "q", "perhaps")["loaded"]
    assert not {"duckdb", "streamlit", "xllamacpp", "llguidance", "langchain_openai", "app", "model_service"} & set(
        loaded
    )


def test_without_pydantic_it_would_not_import(staged: Path, packages: Path, tmp_path: Path) -> None:
    for link in packages.iterdir():
        if not link.name.startswith("pydantic"):
            (tmp_path / link.name).symlink_to(link)
    with pytest.raises(AssertionError, match="pydantic"):
        call(staged, tmp_path, "feedback", "q", "right")
