"""The chat inside the account, as its container runs it: the entry file from what is uploaded, the viewer's own connection.

The container is simulated: its environment variables, its token file, and the header that says who is looking.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
import streamlit as st
from page import settled
from streamlit.connections import snowflake_connection as callers
from streamlit.testing.v1 import AppTest

from app.deploy.files import build
from app.deploy.variables import project_root, read_variables

ROOT = project_root()
VARIABLES = {
    "COPILOT_MODEL": "cortex:m",
    "COPILOT_DATA_DATABASE": "SHOP",
    "COPILOT_DATA_SCHEMA": "PUBLIC",
    "COPILOT_WAREHOUSE": "COMPUTE_WH",
}


@pytest.fixture
def container(shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], AppTest]]:
    """Opens the page as a user with one role, in a session of its own."""
    build(ROOT, tmp_path, read_variables(ROOT, VARIABLES))
    without_record = (
        (tmp_path / "streamlit/copilot_settings.json").read_text("utf-8").replace("ARCTIC_COPILOT.CORE.RECORD", "")
    )
    (tmp_path / "streamlit/copilot_settings.json").write_text(without_record, "utf-8")
    (tmp_path / "token").write_text("service.token\n", "utf-8")
    monkeypatch.setattr(callers, "SNOWPARK_CONNECTION_TOKEN_FILE", str(tmp_path / "token"))
    for name, value in (("ACCOUNT", shop.account), ("HOST", shop.host), ("PORT", str(shop.port)), ("PROTOCOL", "http")):
        monkeypatch.setenv(f"SNOWFLAKE_{name}", value)
    monkeypatch.setattr(sys, "path", [*sys.path])
    opened, connect = [], snowflake.connector.connect
    monkeypatch.setattr("snowflake.connector.connect", lambda **how: opened.append(connect(**how)) or opened[-1])

    def open_page(role: str) -> AppTest:
        shop.connection(role)  # makes the user
        shop.ask("token", token=f"service.token.{role}", user=f"{role}_USER")
        headers = {callers.SNOWPARK_USER_TOKEN_HEADER_NAME: role}
        monkeypatch.setattr(type(st.context), "headers", property(lambda self: headers))
        return settled(
            AppTest.from_file(str(tmp_path / "streamlit/streamlit_app.py"), default_timeout=30).run(),
            lambda page: page.selectbox,
        )

    st.cache_resource.clear()
    yield open_page
    st.cache_resource.clear()
    for connection in opened:  # they are kept alive for as long as a viewer looks
        connection.close()


def shown(page: AppTest) -> str:
    return repr([str(one) for one in page.main]) + repr([str(one) for one in page.sidebar])


def test_a_viewer_asks_and_is_answered_under_their_own_role(container: Callable[[str], AppTest], shop: Any) -> None:
    page = container("SELLER")
    page = settled(page.chat_input[0].set_value("How many customers are there?").run(), lambda page: page.metric)
    assert [metric.value for metric in page.metric] == ["3"], page.error[0].value
    ran = shop.log(r"^SELECT\s+COUNT\(\*\) AS CUSTOMERS")
    assert ran[-1]["user"] == "SELLER_USER"
    assert '"surface":"chat"' in ran[-1]["tag"]


def test_a_viewer_sees_only_tables_of_their_role(container: Callable[[str], AppTest]) -> None:
    page = container("CLERK")
    assert list(page.selectbox[0].options) == ["SHOP.PUBLIC.ORDERS"]
    assert "CUSTOMER" not in shown(page)


def test_a_role_without_grants_is_told_so(container: Callable[[str], AppTest], shop: Any) -> None:
    shop.run("CREATE ROLE NOBODY")
    page = container("NOBODY")
    assert "your role may not read it" in page.error[0].value


def test_the_page_is_the_one_of_the_upload(container: Callable[[str], AppTest]) -> None:
    container("SELLER")
    assert any(path.endswith("app.zip") for path in sys.path)
    entry = (ROOT / "snowflake/streamlit/streamlit_app.py").read_text("utf-8")
    assert entry.index("st.connection(") < entry.index("from app")


def test_no_cache_of_the_chat_is_shared_between_viewers() -> None:
    entry = (ROOT / "snowflake/streamlit/streamlit_app.py").read_text("utf-8")
    assert entry.count("st.cache") == entry.count('scope="session"') == 1
