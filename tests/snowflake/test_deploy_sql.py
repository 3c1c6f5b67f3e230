"""The files of the deployment themselves, without a server: they hang together, and what can be parsed is."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest
import sqlglot
import yaml
from packaging.requirements import Requirement

from app.deploy.steps import choose, plan_text, read_step, read_steps
from app.deploy.variables import VARIABLE, project_root, read_variables
from sql_tools.errors import SettingsError
from sql_tools.semantic.read import read_text

ROOT = project_root()
FOLDER = ROOT / "snowflake"
VARIABLES = read_variables(ROOT, {})
STEPS = read_steps(FOLDER / "deploy", VARIABLES)
TEARDOWN = read_step(FOLDER / "teardown.sql", VARIABLES)
STATEMENTS = [statement for step in STEPS for statement in step.statements]
UNKNOWN = re.compile(r"CREATE SNOWFLAKE|PUT|CREATE OR REPLACE (PROCEDURE|TASK)")  # to sqlglot; the fake reads them
PARSED = [statement for statement in [*STATEMENTS, *TEARDOWN.statements] if not UNKNOWN.match(statement)]
SPECS = sorted((FOLDER / "specs").glob("*.yaml"))
PINNED = re.compile(r"^'?([A-Za-z][\w-]+)==([\w.]+)'?,?$")
MADE = re.compile(
    r"CREATE (?:OR REPLACE )?(WAREHOUSE|RESOURCE MONITOR|COMPUTE POOL|DATABASE|ROLE) (?:IF NOT EXISTS )?(\S+)"
)


def test_the_files_are_numbered_without_gaps() -> None:
    assert [int(step.label[:2]) for step in STEPS] == list(range(1, len(STEPS) + 1))


def test_every_variable_has_a_default_and_every_default_a_use() -> None:
    texts = [
        path.read_text("utf-8")
        for path in [*FOLDER.rglob("*.sql"), ROOT / "app/deploy/files.py", ROOT / "app/commands/deploy.py"]
    ]
    used = set(re.findall(r"COPILOT_[A-Z_]+", "\n".join(texts)))
    assert set(VARIABLES) <= used
    assert {name for text in texts for name in VARIABLE.findall(text)} <= set(VARIABLES)


@pytest.mark.parametrize("statement", PARSED, ids=lambda s: " ".join(s.split()[:5])[:50])
def test_where_sqlglot_knows_the_statement_it_parses_to_one(statement: str) -> None:
    assert len([tree for tree in sqlglot.parse(statement, read="snowflake") if tree]) == 1


def test_each_file_says_first_under_which_role_it_runs() -> None:
    assert [step.label for step in (*STEPS, TEARDOWN) if not step.statements[0].startswith("USE ROLE ")] == []


def test_everything_may_be_made_twice() -> None:
    unsafe = [
        s
        for s in STATEMENTS
        if s.startswith("CREATE") and not re.match(r"CREATE OR REPLACE|CREATE .*?IF NOT EXISTS", s, re.S)
    ]
    assert unsafe == []


def test_what_is_outside_the_database_is_taken_away_again() -> None:
    made = {(kind, name) for s in STATEMENTS if (found := MADE.match(s)) for kind, name in [found.groups()]}
    dropped = {
        tuple(re.match(r"DROP (.+?) IF EXISTS (\S+)", s).groups()) for s in TEARDOWN.statements if s.startswith("DROP")
    }  # type: ignore[union-attr]
    assert made
    assert made <= dropped


def test_the_owners_role_gets_no_right_to_read_data() -> None:
    grants = [s for s in STATEMENTS if s.startswith("GRANT") and s.endswith(VARIABLES["COPILOT_OWNER_ROLE"])]
    plain = [s for s in grants if "CALLER" not in s]
    assert plain
    assert not [s for s in plain if "SELECT" in s or VARIABLES["COPILOT_DATA_DATABASE"] in s]


def test_callers_can_only_read_through_the_caller_grants_and_write_where_only_their_temporary_tables_are() -> None:
    caller = [
        re.match(r"GRANT (?:INHERITED )?CALLER (.+?) ON (.+)", s) for s in STATEMENTS if "CALLER" in s.split()[1:3]
    ]
    given = {(right, found[2]) for found in caller if found for right in found[1].split(", ")}
    writing = {(right, on) for right, on in given if right not in ("USAGE", "SELECT", "REFERENCES")}
    assert writing == {
        ("CREATE TABLE", "SCHEMA ARCTIC_COPILOT.CORE_KEPT TO ROLE COPILOT_OWNER"),
        ("INSERT", "ALL TABLES IN SCHEMA ARCTIC_COPILOT.CORE_KEPT TO ROLE COPILOT_OWNER"),
    }
    assert not [s for s in STATEMENTS if "CORE_KEPT" in s and not s.startswith(("GRANT", "CREATE SCHEMA"))]


def test_only_the_audit_runs_with_its_owners_rights() -> None:
    made = {
        re.search(r"PROCEDURE \S+\.(\w+)\(", s)[1]: s.rsplit("EXECUTE AS ", 1)[1]
        for s in STATEMENTS
        if " PROCEDURE " in s and "HANDLER" in s
    }  # type: ignore[index]
    assert made.pop("RECORD") == "OWNER"
    assert set(made) == {"ASK", "GENERATE_SQL", "CHECK_SQL", "EXPLAIN_SQL", "REFRESH_CATALOG", "FEEDBACK"}
    assert set(made.values()) == {"RESTRICTED CALLER"}


def test_packages_are_pinned_to_what_the_tests_run_with() -> None:
    texts = [
        (FOLDER / "deploy/08_procedures.sql").read_text("utf-8"),
        (FOLDER / "streamlit/requirements.txt").read_text("utf-8"),
    ]
    pins = {found.groups() for text in texts for line in text.splitlines() if (found := PINNED.match(line.strip()))}
    assert {name for name, _ in pins} >= {"pydantic", "sqlglot", "streamlit"}
    assert {(name, version(name)) for name, _ in pins} == pins


def test_the_semantic_view_reads_as_our_semantic_file() -> None:
    text = next(s for s in STATEMENTS if "SEMANTIC_VIEW_FROM_YAML" in s).split("$$")[1]
    assert {table.name for table in read_text(text, source="deploy").tables} == {"customers", "orders"}


def test_tools_of_the_mcp_server_are_procedures_that_are_made_with_the_arguments_they_have() -> None:
    text = next(s for s in STATEMENTS if "MCP SERVER" in s and s.startswith("CREATE")).split("$$")[1]
    for tool in yaml.safe_load(text)["tools"]:
        made = next(s for s in STATEMENTS if f"PROCEDURE {tool['identifier']}(" in s and s.startswith("CREATE"))
        arguments = re.search(r"\((.*)\)\s+RETURNS", made)[1].lower()  # type: ignore[index]
        assert set(tool["config"]["input_schema"]["properties"]) <= {one.split()[0] for one in arguments.split(", ")}


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_a_specification_asks_for_gpus_alike_is_probed_and_not_public(path: Path) -> None:
    spec = yaml.safe_load(path.read_text("utf-8"))["spec"]
    vllm = next(one for one in spec["containers"] if one["name"] == "vllm")
    gpus = [vllm["resources"][kind]["nvidia.com/gpu"] for kind in ("requests", "limits")]
    assert gpus[0] == gpus[1]
    assert all("readinessProbe" in one for one in spec["containers"])
    assert not any(endpoint["public"] for endpoint in spec["endpoints"])
    assert {mount["name"] for mount in vllm["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}


def test_the_service_fills_in_every_variable_of_its_specification() -> None:
    created = next(s for s in STATEMENTS if s.startswith("CREATE SERVICE"))
    given = set(re.findall(r"(\w+) =>", created))
    for path in SPECS:
        assert set(re.findall(r"\{\{ (\w+) \}\}", path.read_text("utf-8"))) == given


def test_nothing_reaches_out_of_the_account() -> None:
    assert not [s for s in STATEMENTS if re.search(r"EXTERNAL_ACCESS_INTEGRATIONS|NETWORK RULE|EXTERNAL ACCESS", s)]


def test_the_gpu_is_left_out_unless_the_model_is_on_it_or_it_is_named() -> None:
    assert "gpu_pool" not in [step.name for step in choose(STEPS, [], "cortex:x")]
    assert len(choose(STEPS, [], "function:D.S.COMPLETE")) == len(STEPS)
    assert [step.name for step in choose(STEPS, ["gpu_pool"], "cortex:x")] == ["gpu_pool"]


def test_a_step_there_is_not_is_told_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match="'rolls'") as caught:
        choose(STEPS, ["rolls"], "cortex:x")
    assert "roles, warehouse" in caught.value.hint


def test_the_plan_is_sql_and_says_what_is_left_out() -> None:
    chosen = choose(STEPS, ["data"], "cortex:x")
    text = plan_text(chosen, STEPS[:1])
    assert "GRANT CALLER USAGE ON DATABASE SNOWFLAKE_SAMPLE_DATA TO ROLE COPILOT_OWNER;" in text
    assert "-- 01_roles: left out; --only roles runs it" in text


def test_nothing_in_the_files_is_taken_for_a_template_by_snowflakes_cli() -> None:
    for path in FOLDER.rglob("*.sql"):
        assert not re.search(r"&\w|&\{|\{\{", path.read_text("utf-8"))


def test_the_pins_fit_the_products_own() -> None:
    import tomllib

    wanted = {
        Requirement(line).name.lower(): Requirement(line)
        for line in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    }
    for line in (FOLDER / "streamlit/requirements.txt").read_text("utf-8").splitlines():
        name, _, pin = line.partition("==")
        if name.lower() in wanted:
            assert pin in wanted[name.lower()].specifier
