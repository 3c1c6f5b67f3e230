"""What the audit table is told: one row an answer and one a verdict, by a procedure that runs with its owner's rights.

The deployment names that procedure; user, role, session and time are the account's own. An answer that cannot be recorded is not given.
"""

import json
from typing import TYPE_CHECKING

from sql_tools.errors import SettingsError
from sql_tools.in_account.call import Call, Deployment, Json
from sql_tools.models import Answer

if TYPE_CHECKING:
    from snowflake.snowpark import Session

VERDICTS = ("right", "wrong")
NOT_RECORDED = "The answer could not be recorded, so it is not given."


def record_answer(call: Call, kind: str, answer: Answer) -> Answer:
    """The answer, once its audit row is written; else one that says so, without rows."""
    if not call.deployment.record:
        return answer
    try:
        _record(call.session, _row(call, kind, answer), call.deployment)
    except Exception:  # the driver has many
        return Answer(status="failed", question=answer.question, message=f"{NOT_RECORDED} Tell an administrator.")
    return answer


def record_verdict(
    session: "Session", answer_id: str, verdict: str, remark: str | None, deployment: Deployment
) -> None:
    """Keeps that an answer, by its request or query id, was `right` or `wrong`; SettingsError for another word."""
    if verdict not in VERDICTS:
        raise SettingsError(f"The verdict {verdict!r:.40} is none.", f"Say {' or '.join(VERDICTS)}.")
    row = {"kind": "FEEDBACK", "request": answer_id, "status": verdict, "message": remark or ""}
    _record(session, row, deployment)


def _row(call: Call, kind: str, answer: Answer) -> Json:
    """What the audit table is told of an answer; the procedure that writes it adds user, role, session and time."""
    return {
        "kind": kind,
        "request": call.request,
        "status": answer.status,
        "query_id": answer.proof.query_id if answer.proof else "",
        "row_count": answer.row_count,
        "seconds": round(sum(answer.timings.values()), 3),
        "model": answer.model,
        "question": answer.question,
        "sql": answer.sql,
        "message": answer.message,
    }


def _record(session: "Session", row: Json, deployment: Deployment) -> None:
    if not deployment.record:
        raise SettingsError("This deployment keeps no audit, so there is nothing to record it in.")
    session.sql(f"CALL {deployment.record}(?)", params=[json.dumps(row, ensure_ascii=False)]).collect()
