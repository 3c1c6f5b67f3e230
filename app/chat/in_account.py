"""The chat inside a Snowflake account: one viewer's Session -> the desk that the chat works at.

One server serves all viewers, so what is opened here belongs to one viewer's browser session and is never cached beyond it.

Viewers come at the same moment, each on a thread. Two threads that import Snowpark's modules by different ways at once find them
half made (its package and its `session` import each other), so it is imported here, whole, while the others wait for this module.
"""

from snowflake.snowpark import Session

from app.chat.background import Job, Report
from app.chat.turn import LOGS, Desk, Trouble, kindly
from sql_tools.errors import CopilotError
from sql_tools.in_account.procedures import Deployment, choose_settings, open_in_account, recording
from sql_tools.llms import create_model
from sql_tools.settings import Settings


def settings_in_account(deployment: Deployment) -> Settings | Trouble:
    """What the administrator chose, as settings, or what is wrong with it."""
    try:
        return choose_settings(None, deployment)
    except CopilotError as error:
        return Trouble(error.message, error.hint)


def start_opening_in_account(session: Session, deployment: Deployment, settings: Settings) -> Job[Desk | Trouble]:
    """Read what the viewer may see, behind the page."""
    logs = settings.cache / LOGS
    return Job(lambda report: kindly(lambda: _open(session, deployment, settings, report), logs))


def _open(session: Session, deployment: Deployment, settings: Settings, report: Report) -> Desk:
    report("Opening the warehouse", "", None)
    warehouse = open_in_account(session, settings)
    report("Reading its tables", "", None)
    tables = warehouse.tables()
    model = create_model(settings, warehouse)
    return Desk(settings, warehouse, model, tables, recorded=recording(session, deployment, "CHAT"))
