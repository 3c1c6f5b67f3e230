"""The same question on the same data: DuckDB, `ask --warehouse snowflake`, the chat's way and `CALL ASK` answer alike.

All eight tables of the demo, whole, and one of values that are hard to carry lie in both. The model is scripted: for each
question it writes the SQL of fixtures/same_answers.sql, in the dialect that the prompt asks for. What is compared is
what everybody gets: the JSON contract's status, columns and rows. That proves prompt, checks, transport, types and
contract; not Snowflake's own arithmetic, since the server's engine is DuckDB too (tests/fake_snowflake/README.md).
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
import sqlglot
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from shop import deploy_shop

from app.commands.demo import ACTS
from app.deploy.variables import project_root
from sql_tools import Settings, ask
from sql_tools.conversation.conversation import Conversation
from sql_tools.diff.cells import families_differ
from sql_tools.in_account.procedures import Deployment, choose_settings, open_in_account, recording
from sql_tools.json_contract import json_object
from sql_tools.llms import create_model
from sql_tools.open_warehouse import open_warehouse
from sql_tools.warehouses import Warehouse
from sql_tools.warehouses.demo import SCHEMA_FILE, TABLES, demo_path
from sql_tools.warehouses.snowflake.warehouse import from_session

HERE = Path(__file__).parent
SNOW = project_root() / ".venv-snow/bin/snow"
DATABASE, SCHEMA = "SNOWFLAKE_SAMPLE_DATA", "TPCH_SF1"
VARIABLES = {"COPILOT_DATA_DATABASE": DATABASE, "COPILOT_DATA_SCHEMA": SCHEMA}
REVIEW = """CREATE TABLE REVIEW (RV_ID BIGINT NOT NULL PRIMARY KEY, RV_CUSTKEY BIGINT REFERENCES CUSTOMER (C_CUSTKEY),
    RV_AUTHOR VARCHAR, RV_CITY VARCHAR, RV_STARS INTEGER, RV_FEE DECIMAL(14, 4), RV_WEIGHT DOUBLE, RV_PAID BOOLEAN,
    RV_WRITTEN TIMESTAMP, RV_DUE DATE, RV_AT TIME, RV_VIEWS BIGINT, RV_MARK BINARY)"""
REVIEWS: tuple[tuple[Any, ...], ...] = (
    (
        1,
        1,
        "O'Brien",
        "Cork",
        5,
        "12.3400",
        0.1,
        True,
        "2024-02-29 23:59:59.123456",
        "2024-03-31",
        "23:59:59.000001",
        9007199254740993,
        b"\x00\xff",
    ),
    (
        2,
        2,
        'Zoë "Zo" Müller',
        "Zürich",
        4,
        "0.0001",
        1e-17,
        False,
        "1969-12-31 00:00:00",
        "1900-01-01",
        "00:00:00",
        -1,
        b"",
    ),
    (
        3,
        None,
        "佐藤 花子",
        "東京",
        None,
        "9999999999.9999",
        1e300,
        None,
        "2024-01-01 12:00:00",
        None,
        "12:30:00",
        0,
        b"'",
    ),
    (4, 3, None, None, 1, None, None, True, None, "9999-12-31", None, None, None),
    (
        5,
        4,
        "",
        "100% \\ sure; -- no",
        3,
        "-1.5000",
        -0.0,
        False,
        "2038-01-19 03:14:08",
        "2024-02-29",
        "06:07:08",
        9223372036854775807,
        b"abc",
    ),
    (
        6,
        5,
        "🦆\tquack\nline",
        "naïve",
        2,
        "7.0000",
        123456789.123456789,
        True,
        "2000-01-01 00:00:00.5",
        "1582-10-15",
        "23:00:00.5",
        -9223372036854775808,
        "é".encode(),
    ),
)
MAX_ROWS = 50
HOME = "ARCTIC_COPILOT.CORE"
DEPLOYED = {"model": "cortex:m", "warehouse": "snowflake", "snowflake_schemas": f"{DATABASE}.{SCHEMA}"}


class Case(NamedTuple):
    """A question, how it must end, and what the model writes."""

    question: str
    status: str
    sql: str


def read_cases() -> tuple[Case, ...]:
    text = (HERE / "fixtures/same_answers.sql").read_text("utf-8")
    found = re.findall(
        r"^-- (answered|abstained|refused|failed|clarify): (.+)\n((?:(?!--)\S.*\n)*)", text, re.MULTILINE
    )
    return tuple(Case(question, status, sql.strip().rstrip(";")) for status, question, sql in found)


CASES = read_cases()
CHOSEN = (  # also asked by CALL and by the chat, which take seconds each; SAME_ANSWERS=all asks all of them so
    *(act.question for act in ACTS),
    "List all reviews with author, city and stars.",
    "How many stars did the author O'Brien give?",
    "What fee, weight and paid mark does each review have?",
    "Which reviews were written after the year 2100?",
    "List the numbers of all orders.",
    "What is the shoe size of the customers?",
)
each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.question[:40])


each_chosen = pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.question in CHOSEN or os.environ.get("SAME_ANSWERS") == "all"],
    ids=lambda case: case.question[:40],
)


def case_of(question: str) -> Case:
    return next(case for case in CASES if case.question == question)


def script(cases: Sequence[Case]) -> list[dict[str, str]]:
    """What the account's model answers: whether the tables can tell, then the SQL."""
    can_tell = [
        {
            "match": f"Question: {re.escape(case.question)}\nCan this",
            "answer": "No." if case.status == "abstained" else "Yes.",
        }
        for case in cases
    ]
    drafts = [
        {"match": f"Question: {re.escape(case.question)}(?!\nCan)", "answer": f"```sql\n{case.sql}\n```"}
        for case in cases
        if case.sql
    ]
    return can_tell + drafts


class Scripted(BaseChatModel):
    """The same model as `script`, for DuckDB: what it writes in Snowflake's dialect, it writes in the dialect asked for."""

    says_yes_or_no: bool = True
    model_name: str = "m"

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: CallbackManagerForLLMRun | None = None, **kwargs: Any
    ) -> ChatResult:  # fmt: skip
        asked = "\n\n".join(str(message.content) for message in messages)
        reply = next(entry["answer"] for entry in script(CASES) if re.search(entry["match"], asked))
        if "DuckDB SELECT" in asked and reply.startswith("```"):
            draft = reply.removeprefix("```sql\n").removesuffix("\n```")
            reply = sqlglot.transpile(draft, read="snowflake", write="duckdb")[0]
        return ChatResult(generations=[ChatGeneration(message=AIMessage(reply))] * int(kwargs.get("n", 1)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's file with the table of reviews, and each table as Parquet beside it."""
    folder = tmp_path_factory.mktemp("data")
    file = folder / f"{DATABASE}.duckdb"
    file.write_bytes(demo_path(Settings()).read_bytes())
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"USE {SCHEMA}; {REVIEW}")
        connection.executemany("INSERT INTO REVIEW VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", REVIEWS)
        for table in (*TABLES, "REVIEW"):
            connection.execute(f"COPY {table} TO '{folder / table}.parquet'")
    return file


@pytest.fixture(scope="module")
def account(fake_snowflake_server: Any, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same tables in the account, with the demo's own comments and keys; READER may read them, and ask."""
    server = fake_snowflake_server
    server.reset()
    server.run(f"CREATE DATABASE {DATABASE}", f"CREATE SCHEMA {DATABASE}.{SCHEMA}")
    statements = [
        one for one in SCHEMA_FILE.read_text("utf-8").split(";\n") if re.search(r"^(CREATE TABLE|COMMENT)", one.strip())
    ]
    server.run(*statements, REVIEW, database=DATABASE, schema=SCHEMA)
    for table in (*TABLES, "REVIEW"):
        server.fill((DATABASE, SCHEMA, table), data.parent / f"{table}.parquet")
    server.completions(script(CASES))
    server.run(
        "CREATE ROLE READER",
        f"GRANT USAGE ON DATABASE {DATABASE} TO ROLE READER",
        f"GRANT USAGE ON SCHEMA {DATABASE}.{SCHEMA} TO ROLE READER",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {DATABASE}.{SCHEMA} TO ROLE READER",
    )
    deploy_shop(server, tmp_path_factory.mktemp("build"), **VARIABLES)
    server.run("GRANT ROLE COPILOT_USER TO ROLE READER")
    return server


def settings_of(cache: Path, **more: Any) -> Settings:
    return Settings(cache_dir=cache, max_rows=MAX_ROWS, model="cortex:m", **more)


@pytest.fixture(scope="module")
def on_duckdb(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What DuckDB answers to each question."""
    settings = settings_of(tmp_path_factory.mktemp("duckdb"))
    with closing(open_warehouse(str(data), settings)) as warehouse:
        return {case.question: json_object(ask(case.question, warehouse, Scripted(), settings)) for case in CASES}


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """What an answer says, as every engine should: Snowflake has its names in upper case and types of its own."""
    names = [column["name"].casefold() for column in answer["columns"]]
    return {"status": answer["status"], "columns": names, "rows": answer["rows"], "truncated": answer["truncated"]}


def require_same(answer: dict[str, Any], case: Case, on_duckdb: dict[str, dict[str, Any]]) -> None:
    """The answer ends as the case says and says what DuckDB's does, in columns of the same kinds."""
    local = on_duckdb[case.question]
    assert answer["status"] == case.status, answer["message"]
    assert told(answer) == told(local), local["message"]
    kinds = [(there["type"], here["type"]) for there, here in zip(answer["columns"], local["columns"], strict=True)]
    empty = [all(row[at] is None for row in answer["rows"]) for at in range(len(kinds))]
    assert [pair for pair, is_empty in zip(kinds, empty, strict=True) if not is_empty and families_differ(*pair)] == []


@pytest.fixture(scope="module")
def reader(account: Any) -> Iterator[Any]:
    with account.session("READER", warehouse="COPILOT_WH", database=DATABASE, schema=SCHEMA) as session:
        yield session


@pytest.fixture(scope="module")
def opened(reader: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Warehouse, Settings]:
    """As `ask --warehouse snowflake` has it open, samples read and kept."""
    settings = settings_of(tmp_path_factory.mktemp("snowflake"))
    return from_session(reader, settings), settings


@each
def test_ask_on_snowflake_answers_as_duckdb_does(case: Case, opened: Any, on_duckdb: Any) -> None:
    warehouse, settings = opened
    model = create_model(settings, warehouse)
    require_same(json_object(ask(case.question, warehouse, model, settings)), case, on_duckdb)


@pytest.fixture(scope="module")
def desk(reader: Any, opened: Any) -> tuple[Warehouse, Settings, Any]:
    """As the chat in the account has it open, each answer recorded (app/chat/in_account.py)."""
    deployment = Deployment(settings={**DEPLOYED, "max_rows": MAX_ROWS}, record=f"{HOME}.RECORD")
    settings = choose_settings(None, deployment)
    return open_in_account(reader, settings), settings, recording(reader, deployment, "CHAT")


@each_chosen
def test_the_chat_in_the_account_answers_as_duckdb_does(case: Case, desk: Any, on_duckdb: Any) -> None:
    warehouse, settings, recorded = desk
    conversation = Conversation(warehouse, create_model(settings, warehouse), settings)
    answer = recorded(case.question, lambda: conversation.ask(case.question))
    require_same(json_object(answer), case, on_duckdb)


def test_all_questions_of_the_demo_are_chosen() -> None:
    assert {(act.question, act.status) for act in ACTS} <= {(case.question, case.status) for case in CASES}
    assert set(CHOSEN) <= {case.question for case in CASES}


@each_chosen
def test_the_procedure_answers_as_duckdb_does(case: Case, reader: Any, on_duckdb: Any) -> None:
    answer = json.loads(reader.call(f"{HOME}.ASK", case.question, {"max_rows": MAX_ROWS}))
    require_same(answer, case, on_duckdb)


def environment_of(account: Any, home: Path) -> dict[str, str]:
    """The user's own connections.toml, and nothing of ours in the environment."""
    connection = account.connection("READER", database=DATABASE, schema=SCHEMA, warehouse="COPILOT_WH")
    account.connections_toml(home / "connections.toml", {"reader": connection})
    account.connections_toml(home / "config.toml", {"reader": connection})
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ARCTIC_COPILOT_")}
    return {**clean, "SNOWFLAKE_HOME": str(home), "HOME": str(home), "ARCTIC_COPILOT_CACHE_DIR": str(home / "cache")}


def test_our_command_line_prints_what_duckdb_answers(account: Any, on_duckdb: Any, tmp_path: Path) -> None:
    environment = environment_of(account, tmp_path) | {"ARCTIC_COPILOT_MAX_ROWS": str(MAX_ROWS)}
    case = case_of(CHOSEN[5])
    command = ["ask", case.question, "--warehouse", "snowflake:reader", "--model", "cortex:m", "--json"]
    line = [sys.executable, "-c", "from app.cli import main; main()", *command]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    require_same(json.loads(done.stdout), case, on_duckdb)


@pytest.mark.skipif(not SNOW.exists(), reason=".venv-snow is missing: make venv-snow")
def test_snowflakes_own_command_line_calls_and_gets_what_duckdb_answers(
    account: Any, on_duckdb: Any, tmp_path: Path
) -> None:
    case, environment = case_of(CHOSEN[6]), environment_of(account, tmp_path)
    question = case.question.replace("'", "''")
    options = f"{{'max_rows': {MAX_ROWS}}}"
    command = [str(SNOW), "--config-file", str(tmp_path / "config.toml"), "sql", "--connection=reader", "--format=json"]
    command.append(f"--query=CALL {HOME}.ASK('{question}', {options})")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    require_same(json.loads(json.loads(done.stdout)[0]["ASK"]), case, on_duckdb)


def test_a_row_that_differs_is_noticed(account: Any, opened: Any, on_duckdb: Any) -> None:
    """So that the comparison can fail: one name changed in the account alone."""
    warehouse, settings = opened
    case, put = (
        case_of("Show the phone numbers of suppliers in Japan."),
        f"UPDATE {DATABASE}.{SCHEMA}.SUPPLIER SET S_PHONE = ",
    )
    before = account.run(f"SELECT S_SUPPKEY, S_PHONE FROM {DATABASE}.{SCHEMA}.SUPPLIER JOIN {DATABASE}.{SCHEMA}.NATION "
                         "ON S_NATIONKEY = N_NATIONKEY WHERE N_NAME = 'JAPAN' LIMIT 1")[0]  # fmt: skip
    try:
        account.run(f"{put}'0' WHERE S_SUPPKEY = {before[0]}")
        answer = json_object(ask(case.question, warehouse, create_model(settings, warehouse), settings))
        with pytest.raises(AssertionError):
            require_same(answer, case, on_duckdb)
    finally:
        account.run(f"{put}'{before[1]}' WHERE S_SUPPKEY = {before[0]}")
