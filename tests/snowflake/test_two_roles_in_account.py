"""What a role may not see never reaches it, inside the account: by the procedures, and in the chat that all viewers share (by turns here; at once in
test_two_roles_in_browsers.py).

As test_two_roles.py, with the canaries of `firm.py`; the procedures run as deployed, the chat's container is simulated.
"""

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from firm import CANARY, COUNT, FIRM, GUESSES, KNOWN, QUESTIONS, VARIABLES, VIEW, attacks, leaks
from page import settled
from streamlit.connections import snowflake_connection as callers
from streamlit.testing.v1 import AppTest, local_script_runner

from app.deploy.files import build
from app.deploy.steps import read_steps, run_steps
from app.deploy.variables import project_root, read_variables

HOME = "ARCTIC_COPILOT.CORE"
ROOT = project_root()


@pytest.fixture(scope="module")
def deployed(fake_snowflake_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The firm with everything deployed beside it; both roles may ask, and the owner sees as much as both."""
    fake_snowflake_server.reset()
    fake_snowflake_server.run(*FIRM)
    fake_snowflake_server.completions([{"match": ".", "answer": COUNT}])
    folder = tmp_path_factory.mktemp("build")
    variables = read_variables(ROOT, {**VARIABLES, "COPILOT_BUILD": str(folder)})
    build(ROOT, folder, variables)
    steps = [step for step in read_steps(ROOT / "snowflake/deploy", variables) if step.name != "semantic_view"]
    with fake_snowflake_server.admin() as admin:
        run_steps(admin, steps, lambda step, what: None)
    owner = variables["COPILOT_OWNER_ROLE"]
    fake_snowflake_server.run(
        *(f"GRANT ROLE COPILOT_USER TO ROLE {role}" for role in CANARY),
        f"GRANT CALLER SELECT, REFERENCES ON SEMANTIC VIEW {VIEW} TO ROLE {owner}",
    )
    return fake_snowflake_server


def call(session: Any, name: str, *arguments: Any) -> str:
    return str(session.call(f"{HOME}.{name}", *arguments))


def prompts_of(server: Any, role: str) -> list[str]:
    """What the account's model was told on behalf of the role."""
    return [json.dumps(prompt) for prompt in server.prompts() if prompt["role"] == role]


def by_procedure(server: Any, role: str) -> list[str]:
    """All that the role gets of the procedures, and the account's model on its behalf."""
    guess = attacks(role, GUESSES)
    with server.session(role, warehouse="COMPUTE_WH", database="FIRM", schema="PUBLIC") as session:
        got = [call(session, "REFRESH_CATALOG", {}), call(session, "ASK", QUESTIONS[1], {})]
        got += [call(session, "CHECK_SQL", guess[0], {}), call(session, "EXPLAIN_SQL", guess[2], {})]
    return got + prompts_of(server, role)


def test_both_roles_by_procedure_at_once(deployed: Any) -> None:
    with ThreadPoolExecutor(2) as pool:
        got = dict(zip(CANARY, pool.map(lambda role: by_procedure(deployed, role), CANARY), strict=True))
    assert {role: leaks(role, texts) for role, texts in got.items()} == {role: [] for role in CANARY}
    own = {role: CANARY[role] in "".join(texts).lower() for role, texts in got.items()}
    assert own == dict.fromkeys(CANARY, True)
    answers = [json.loads(text) for texts in got.values() for text in texts[:2]]
    assert [answer.get("status", "") for answer in answers].count("failed") == 0, answers


def test_names_that_are_known_give_no_more_by_procedure(deployed: Any) -> None:
    typed = attacks("SALES", KNOWN[:1])
    with deployed.session("SALES", warehouse="COMPUTE_WH", database="FIRM", schema="PUBLIC") as session:
        got = [call(session, "CHECK_SQL", typed[0], {}), call(session, "GENERATE_SQL", QUESTIONS[2], {})]
    assert leaks("SALES", got, typed) == []


def test_the_audit_of_one_role_is_not_for_the_other(deployed: Any) -> None:
    from snowflake.snowpark.exceptions import SnowparkSQLException

    with deployed.session("SALES", warehouse="COMPUTE_WH") as session, pytest.raises(SnowparkSQLException):
        session.sql(f"SELECT * FROM {HOME}.AUDIT").collect()


@pytest.fixture
def open_page(
    fake_snowflake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], AppTest]]:
    """The chat's page as the account's container serves it, as a viewer with one role; one process for all."""
    fake_snowflake.run(*FIRM)
    fake_snowflake.completions([{"match": ".", "answer": COUNT}])
    build(ROOT, tmp_path, read_variables(ROOT, VARIABLES))
    chosen = tmp_path / "streamlit/copilot_settings.json"
    chosen.write_text(chosen.read_text("utf-8").replace("ARCTIC_COPILOT.CORE.RECORD", ""), "utf-8")
    (tmp_path / "token").write_text("service.token\n", "utf-8")
    monkeypatch.setattr(callers, "SNOWPARK_CONNECTION_TOKEN_FILE", str(tmp_path / "token"))
    where = {"ACCOUNT": fake_snowflake.account, "HOST": fake_snowflake.host, "PORT": str(fake_snowflake.port)}
    for name, value in {**where, "PROTOCOL": "http"}.items():
        monkeypatch.setenv(f"SNOWFLAKE_{name}", value)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(local_script_runner.ScriptRunner, "__init__", with_sessions_of_their_own())

    pages = []  # kept, so that no page gets another's session

    def opened(role: str) -> AppTest:
        fake_snowflake.connection(role)  # makes the user
        fake_snowflake.ask("token", token=f"service.token.{role}", user=f"{role}_USER")
        headers = {callers.SNOWPARK_USER_TOKEN_HEADER_NAME: role}
        monkeypatch.setattr(type(st.context), "headers", property(lambda self: headers))
        page = AppTest.from_file(str(tmp_path / "streamlit/streamlit_app.py"), default_timeout=60).run()
        pages.append(page)
        return settled(page, lambda page: page.selectbox)

    st.cache_resource.clear()
    yield opened
    st.cache_resource.clear()


def with_sessions_of_their_own() -> Callable[..., None]:
    """AppTest gives all pages one browser session; here each has its own, as viewers have."""
    plain = local_script_runner.ScriptRunner.__init__

    def init(self: Any, *, session_id: str, session_state: Any, **more: Any) -> None:
        plain(self, session_id=f"{session_id} {id(session_state)}", session_state=session_state, **more)

    return init


def shown(page: AppTest) -> str:
    """Every element's protobuf: labels, options, markdown, tables, tooltips."""
    return "\n".join(str(element.proto) for block in (page.main, page.sidebar) for element in block)


def test_viewers_of_one_server_see_nothing_of_each_other(
    open_page: Callable[[str], AppTest], fake_snowflake: Any
) -> None:
    """HR and SALES look, ask and fail by turns, each beside what the other left in the process."""
    got: dict[str, list[str]] = {role: [] for role in CANARY}
    for role in (*CANARY, *CANARY):
        page = open_page(role)
        got[role].append(shown(page))
        page = settled(page.chat_input[0].set_value(QUESTIONS[0]).run(), lambda page: page.metric)
        got[role].append(shown(page))
    for role in CANARY:
        got[role] += prompts_of(fake_snowflake, role)
    assert {role: leaks(role, texts) for role, texts in got.items()} == {role: [] for role in CANARY}
    own = {role: CANARY[role] in "".join(texts).lower() for role, texts in got.items()}
    assert own == dict.fromkeys(CANARY, True)


def test_a_desk_shared_between_viewers_is_caught(
    open_page: Callable[[str], AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mutant: the first viewer's desk serves all."""
    from app.chat import in_account as chat_in_account

    first: list[Any] = []
    start = chat_in_account.start_opening_in_account

    def shared(*arguments: Any) -> Any:
        first.append(start(*arguments))
        return first[0]

    monkeypatch.setattr(chat_in_account, "start_opening_in_account", shared)
    open_page("HR")
    assert leaks("SALES", [shown(open_page("SALES"))]) != []
