"""Procedures on the fake: staged by PUT, run in a clean Python, under the rights that they were made with."""

import json
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("snowflake.snowpark")

HANDLER = """
import json, sys
def who(session, n, options=None):
    row = session.sql("SELECT CURRENT_ROLE(), CURRENT_USER()").collect()[0]
    return {"role": row[0], "user": row[1], "n": n, "options": options, "imports": sys._xoptions["snowflake_import_directory"][-1]}
def count(session):
    return session.sql("SELECT COUNT(*) FROM D.S.SALES").collect()[0][0]
def write(session):
    session.sql("INSERT INTO D.S.SALES VALUES (9)").collect()
    return "written"
def imported(session):
    import importlib.util
    return {name: importlib.util.find_spec(name) is not None for name in ("snowflake.snowpark", "duckdb", "streamlit", "pytest", "sql_tools")}
def boom(session):
    raise ValueError("no such thing")
"""
MADE = (
    "CREATE DATABASE D",
    "CREATE SCHEMA D.S",
    "CREATE TABLE D.S.SALES (ID INT)",
    "CREATE TABLE D.S.OTHER (ID INT)",
    "INSERT INTO D.S.SALES VALUES (1), (2)",
    "CREATE ROLE KEEPER",
    "CREATE ROLE ASKER",
    "GRANT ROLE KEEPER TO ROLE ACCOUNTADMIN",
    "GRANT USAGE ON DATABASE D TO ROLE KEEPER",
    "GRANT USAGE, CREATE PROCEDURE, CREATE STAGE ON SCHEMA D.S TO ROLE KEEPER",
    "GRANT USAGE ON DATABASE D TO ROLE ASKER",
    "GRANT USAGE ON SCHEMA D.S TO ROLE ASKER",
    "GRANT SELECT, INSERT ON TABLE D.S.SALES TO ROLE ASKER",
    "GRANT CALLER USAGE ON WAREHOUSE COMPUTE_WH TO ROLE KEEPER",
    "GRANT CALLER DATA READ ON SCHEMA D.S TO ROLE KEEPER",
    "GRANT INHERITED CALLER USAGE ON ALL PROCEDURES IN SCHEMA D.S TO ROLE KEEPER",
)


def procedure(name, signature, rights, handler):
    return (
        f"CREATE OR REPLACE PROCEDURE D.S.{name}({signature}) RETURNS VARIANT LANGUAGE PYTHON RUNTIME_VERSION = '3.11' "
        "PACKAGES = ('snowflake-snowpark-python') IMPORTS = ('@D.S.CODE/p/procs.py') "
        f"HANDLER = 'procs.{handler}' EXECUTE AS {rights}"
    )


@pytest.fixture
def staged(fake_snowflake, tmp_path):
    (tmp_path / "procs.py").write_text(HANDLER)
    put = f"PUT 'file://{tmp_path}/procs.py' @D.S.CODE/p AUTO_COMPRESS = FALSE OVERWRITE = TRUE"
    fake_snowflake.run(*MADE, "USE ROLE KEEPER", "CREATE STAGE D.S.CODE", put)
    return fake_snowflake


def deploy(fake, *procedures):
    grants = [
        f"GRANT USAGE ON PROCEDURE D.S.{p[0]}({', '.join(a.split()[1] for a in p[1].split(', ') if a)}) TO ROLE ASKER"
        for p in procedures
    ]
    fake.run("USE ROLE KEEPER", *(procedure(*p) for p in procedures), *grants)


def test_rights_decide_under_whom_a_handler_runs(staged):
    rights = ("OWNER", "CALLER", "RESTRICTED CALLER")
    deploy(staged, *[(f"P{i}", "N INT, OPTIONS OBJECT DEFAULT NULL", right, "who") for i, right in enumerate(rights)])
    with staged.session("ASKER") as session:
        told = [json.loads(session.call(f"D.S.P{i}", 7)) for i in range(3)]
        named = json.loads(session.sql("CALL D.S.P1(N => 1 + 1, OPTIONS => OBJECT_CONSTRUCT('a', 1))").collect()[0][0])
    assert [(one["role"], one["user"]) for one in told] == [
        ("KEEPER", "ASKER_USER"),
        ("ASKER", "ASKER_USER"),
        ("ASKER", "ASKER_USER"),
    ]
    assert told[0]["n"] == 7
    assert (named["n"], named["options"]) == (2, {"a": 1})


def test_a_restricted_caller_reads_what_the_caller_may_and_never_writes(staged):
    rights = "RESTRICTED CALLER"
    deploy(staged, ("COUNTED", "", rights, "count"), ("WRITTEN", "", rights, "write"), ("FREE", "", "CALLER", "write"))
    with staged.session("ASKER") as session:
        assert session.call("D.S.COUNTED") == "2"
        with pytest.raises(Exception, match=r"(?s)Insufficient privileges|does not exist or not authorized"):
            session.call("D.S.WRITTEN")
        assert json.loads(session.call("D.S.FREE")) == "written"
    staged.run("REVOKE SELECT ON TABLE D.S.SALES FROM ROLE ASKER")
    with staged.session("ASKER") as session, pytest.raises(Exception, match="does not exist or not authorized"):
        session.call("D.S.COUNTED")


def test_a_handler_sees_its_packages_and_no_others_and_its_errors_are_told(staged):
    deploy(staged, ("SEES", "", "CALLER", "imported"), ("BOOM", "", "CALLER", "boom"))
    with staged.session("ASKER") as session:
        assert json.loads(session.call("D.S.SEES")) == {
            "snowflake.snowpark": True, "duckdb": False, "streamlit": False, "pytest": False, "sql_tools": False,
        }  # fmt: skip
        with pytest.raises(Exception, match=r"(?s)100357.*no such thing.*in function BOOM with handler procs.boom"):
            session.call("D.S.BOOM")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("procs.py", "nope.py"), "not found in stage"),
        (("'3.11'", "'2.7'"), "not supported"),
        (
            ("snowflake-snowpark-python'", "snowflake-snowpark-python', 'no-such-package-x'"),
            "Cannot create a Python function",
        ),
        (("HANDLER", "HANDLERS"), "001003"),
        (("EXECUTE AS CALLER", "EXECUTE AS CALER"), "001003"),
    ],
)
def test_a_wrong_procedure_is_refused_when_it_is_made(staged, change, said):
    with pytest.raises(Exception, match=said):
        staged.run("USE ROLE KEEPER", procedure("X", "", "CALLER", "who").replace(*change))


def test_files_go_up_are_listed_and_come_back(staged, tmp_path):
    with staged.admin(database="D", schema="S") as session:
        session.file.put(f"file://{tmp_path}/procs.py", "@CODE/again", auto_compress=False)
        assert [row[0] for row in session.sql("LIST @CODE").collect()] == ["code/again/procs.py", "code/p/procs.py"]
        session.file.get("@CODE/again/procs.py", f"file://{tmp_path}/back")
        assert (tmp_path / "back" / "procs.py").read_text() == HANDLER
        session.sql("REMOVE @CODE/again").collect()
        assert len(session.sql("LIST @CODE").collect()) == 1


def test_the_snow_cli_runs_a_file_copies_to_a_stage_and_calls(staged, tmp_path):
    snow = Path(__file__).parents[2] / ".venv-snow/bin/snow"
    if not snow.exists():
        pytest.skip(".venv-snow is missing: make venv-snow")
    config = staged.connections_toml(tmp_path / "config.toml", default="fake")
    (tmp_path / "more.py").write_text("X = 1\n")
    (tmp_path / "x.sql").write_text(
        "USE DATABASE D;\n-- a comment\n"
        + procedure("CLI", "N INT", "CALLER", "who")
        + ";\nCALL D.S.CLI(3);\nLIST @D.S.CODE;\n"
    )

    def run(*arguments):
        done = subprocess.run(
            [str(snow), "--config-file", str(config), *arguments, "-c", "fake"], capture_output=True, text=True, timeout=120,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "SNOWFLAKE_HOME": str(tmp_path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("stage", "copy", str(tmp_path / "more.py"), "@D.S.CODE/cli", "--overwrite")
    told = run("sql", "-f", str(tmp_path / "x.sql"), "--format", "json").replace("\\", "")
    assert '"n": 3' in told
    assert "code/cli/more.py" in told
