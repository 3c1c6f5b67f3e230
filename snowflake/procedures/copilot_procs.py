"""The handlers of the stored procedures: each hands its arguments to `sql_tools.in_account.procedures`, staged beside it as a zip.

Staged as one flat module; deploy/08_procedures.sql names the functions. `record` alone runs with its owner's rights, so it
needs nothing but the standard library: what it can do is all there is to read here.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

ROW = ("kind", "request", "status", "query_id", "row_count", "seconds", "model")
TEXTS = ("question", "sql", "message")
MAX_TEXT = 100_000
SESSION = (  # of the caller, also here where the owner's rights hold; NULL where the owner may not READ SESSION
    "SELECT CURRENT_USER(), SYS_CONTEXT('SNOWFLAKE$SESSION', 'ROLE'), SYS_CONTEXT('SNOWFLAKE$SESSION', 'ID')"
)


def ask(session: Any, question: str, options: dict | None = None) -> dict:
    """ASK: the answer to a question, with its rows."""
    from sql_tools.in_account import procedures as in_account

    return in_account.ask(session, question, options, _deployment())


def generate_sql(session: Any, question: str, options: dict | None = None) -> dict:
    """GENERATE_SQL: the answer with its SQL, not run."""
    from sql_tools.in_account import procedures as in_account

    return in_account.generate_sql(session, question, options, _deployment())


def check_sql(session: Any, sql_text: str, options: dict | None = None) -> dict:
    """CHECK_SQL: whether the SQL would be let through."""
    from sql_tools.in_account import procedures as in_account

    return in_account.check_sql(session, sql_text, options, _deployment())


def explain_sql(session: Any, sql_text: str, options: dict | None = None) -> dict:
    """EXPLAIN_SQL: what the SQL reads, in words."""
    from sql_tools.in_account import procedures as in_account

    return in_account.explain_sql(session, sql_text, options, _deployment())


def refresh_catalog(session: Any, options: dict | None = None) -> dict:
    """REFRESH_CATALOG: the tables that the caller may ask about, kept for the rest of the session."""
    from sql_tools.in_account import procedures as in_account

    return in_account.refresh_catalog(session, options, _deployment())


def feedback(session: Any, answer_id: str, verdict: str, remark: str | None = None) -> dict:
    """FEEDBACK: an answer was right or wrong."""
    from sql_tools.in_account import procedures as in_account

    return in_account.feedback(session, answer_id, verdict, remark, _deployment())


def record(session: Any, entry: str) -> dict:
    """RECORD: one audit row. User, role, session and time are the account's own; the rest is what it is told.

    Without COPILOT_AUDIT_TEXT only hashes of texts are kept.
    """
    deployed, told = _settings_file(), json.loads(entry)
    values = [told.get(name) for name in ROW] + [_hash(told.get("question")), _hash(told.get("sql"))]
    values += [str(told.get(name) or "")[:MAX_TEXT] or None if deployed["audit_text"] else None for name in TEXTS]
    caller = session.sql(SESSION).collect()[0]
    session.sql(
        f"INSERT INTO {deployed['audit']} (KIND, REQUEST, STATUS, QUERY_ID, ROW_COUNT, SECONDS, MODEL, "
        "QUESTION_HASH, SQL_HASH, QUESTION, SQL_TEXT, MESSAGE, AT, USER_NAME, ROLE_NAME, SESSION_ID) "
        f"SELECT {', '.join('?' * len(values))}, CURRENT_TIMESTAMP(), ?, ?, ?",
        params=[*values, *caller],
    ).collect()
    return {"version": 1, "status": "recorded"}


def _hash(text: str | None) -> str | None:
    return hashlib.sha256(text.encode()).hexdigest() if text else None


def _deployment() -> Any:
    from sql_tools.in_account.procedures import read_deployment

    return read_deployment(_settings_path())


def _settings_file() -> dict:
    return json.loads(_settings_path().read_text(encoding="utf-8"))


def _settings_path() -> Path:
    """What the administrator chose, staged beside this file. Source: Snowflake's `snowflake_import_directory`."""
    folder = sys._xoptions.get("snowflake_import_directory") or Path(__file__).parent
    return Path(str(folder)) / "copilot_settings.json"
