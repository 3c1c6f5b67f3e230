"""The deployment run against the fake: by our command's own code, by Snowflake's CLI, twice, half, and taken away again."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from shop import ROOT, VARIABLES, deploy_shop
from typer.testing import CliRunner

from app.cli import app
from app.deploy.files import build
from app.deploy.steps import read_step, run_steps
from app.deploy.variables import read_variables
from sql_tools.errors import WarehouseError

SNOW = ROOT / ".venv-snow" / "bin" / "snow"
KINDS = (
    "SERVICE",
    "COMPUTE POOL",
    "STREAMLIT",
    "MCP SERVER",
    "PROCEDURE",
    "STAGE",
    "WAREHOUSE",
    "RESOURCE MONITOR",
    "TASK",
)


def names(server: Any) -> set[str]:
    return {f"{kind} {thing['name']}" for kind in KINDS for thing in server.ask("things", kind=kind)}


def test_it_may_be_run_twice_and_taken_away_twice(shop: Any, tmp_path: Path) -> None:
    before = names(shop)
    deploy_shop(shop, tmp_path)
    once = names(shop)
    deploy_shop(shop, tmp_path)
    assert names(shop) == once > before
    assert {"ASK", "RECORD", "CHAT", "COPILOT_MODEL", "COPILOT_MCP"} <= {
        re.split(r"[^\w]+", name.strip("]')"))[-1] for name in once
    }
    teardown = (read_step(ROOT / "snowflake/teardown.sql", read_variables(ROOT, VARIABLES)),)
    with shop.admin() as session:
        run_steps(session, teardown, lambda step, what: None)
        run_steps(session, teardown, lambda step, what: None)
    assert names(shop) == before


def test_a_failure_says_what_was_done_and_what_not_and_it_can_go_on(shop: Any, tmp_path: Path) -> None:
    shop.fail("CREATE OR REPLACE TASK", 3001, "Insufficient privileges to operate on schema", once=True)
    with pytest.raises(WarehouseError) as caught:
        deploy_shop(shop, tmp_path)
    message = caught.value.message
    assert "04_audit stopped at statement 3 of 4 (CREATE OR REPLACE TASK" in message
    assert "Done: 01_roles, 02_warehouse, 03_stages, 2 of 04_audit." in message
    assert "Not done: 2 of 04_audit, 05_gpu_pool" in message
    assert "run the same command again" in caught.value.hint
    deploy_shop(shop, tmp_path, COPILOT_EXECUTE_AS="CALLER")
    made = [one["sql"] for one in shop.log("CREATE OR REPLACE PROCEDURE")]
    assert sum(sql.endswith("EXECUTE AS CALLER") for sql in made) == 6


def test_the_command_runs_what_it_planned(shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**VARIABLES, "COPILOT_BUILD": str(tmp_path / "built")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sql_tools.warehouses.snowflake.connect.open_session", lambda connection: shop.admin())
    planned = CliRunner().invoke(app, ["deploy", "--plan", "--only", "roles,data"])
    assert planned.exit_code == 0
    assert not (tmp_path / "built").exists()
    done = CliRunner().invoke(app, ["deploy", "--only", "roles,data"])
    assert done.exit_code == 0, done.output
    assert re.search(r"01_roles +\d+ statements", done.output)
    assert "02_warehouse         left out; --only warehouse runs it" in done.output
    ran = [one["sql"] for one in shop.log("GRANT")]
    assert ran[-1].split() == planned.output.split("-- 02")[0].strip().removesuffix(";").rsplit(";", 1)[1].split()


def test_nothing_is_taken_away_unless_it_is_meant(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sql_tools.warehouses.snowflake.connect.open_session", lambda connection: pytest.fail("opened"))
    assert CliRunner().invoke(app, ["deploy", "--teardown"], input="n\n").exit_code == 3


def test_without_a_connection_it_says_what_to_do(tmp_path: Path) -> None:
    environment = {**os.environ, "SNOWFLAKE_HOME": str(tmp_path), "COPILOT_BUILD": str(tmp_path / "built")}
    command = [sys.executable, "-c", "from app.cli import main; main()", "deploy", "--connection", "nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT, env=environment)
    assert done.returncode == 1
    assert "connections.toml" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_an_unknown_step_is_told_without_a_connection() -> None:
    done = CliRunner().invoke(app, ["deploy", "--only", "rolls"])
    assert done.exit_code == 1


@pytest.mark.skipif(not SNOW.exists(), reason=".venv-snow is missing: make venv-snow")
def test_snowflakes_own_cli_runs_the_same_files_with_the_same_defaults(shop: Any, tmp_path: Path) -> None:
    build(ROOT, tmp_path / "built", read_variables(ROOT, VARIABLES))
    config = shop.connections_toml(tmp_path / "config.toml", {"fake": shop.connection(warehouse="COMPUTE_WH")})
    environment = {**os.environ, **VARIABLES, "COPILOT_BUILD": str(tmp_path / "built"), "HOME": str(tmp_path)}
    asked = tmp_path / "asked.sql"
    asked.write_text(
        "USE WAREHOUSE COPILOT_WH;\nCALL ARCTIC_COPILOT.CORE.CHECK_SQL('SELECT COUNT(*) FROM SHOP.PUBLIC.ORDERS');\n"
    )
    files = [f"--filename={path}" for path in (*sorted((ROOT / "snowflake/deploy").glob("*.sql")), asked)]
    command = [str(SNOW), "--config-file", str(config), "sql", "--connection=fake", *files, "--format=json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    told = json.loads(done.stdout)[-1][0]
    assert json.loads(told["CHECK_SQL"]).get("allowed") is True, told
