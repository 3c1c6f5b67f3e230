"""The chat inside the account: the same page as on a laptop, under the role of whoever looks at it.

Runs on the container runtime, where one server serves all viewers: nothing is cached beyond a viewer's own session.
"""

import json
import sys
from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent
warehouse = json.loads((HERE / "copilot_settings.json").read_text(encoding="utf-8"))["query_warehouse"]
# Before all that takes time: the token that says who is looking lives two minutes.
connection = st.connection("snowflake-callers-rights", warehouse=warehouse)

for archive in ("app.zip", "sql_tools.zip"):
    if str(HERE / archive) not in sys.path:
        sys.path.insert(0, str(HERE / archive))

from app.chat.in_account import settings_in_account, start_opening_in_account  # noqa: E402
from app.streamlit_app import main  # noqa: E402
from sql_tools.in_account.procedures import read_deployment  # noqa: E402

deployment = read_deployment(HERE / "copilot_settings.json")


@st.cache_resource(scope="session", show_spinner=False)
def opening(warehouse, model, _settings):
    """This viewer's desk; another viewer gets another."""
    return start_opening_in_account(connection.session(), deployment, _settings)


main(settings_in_account(deployment), opening)
