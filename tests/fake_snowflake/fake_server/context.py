"""Functions that tell about the session, or that the server answers itself: CURRENT_ROLE(), SYSTEM$WAIT(), AI_COMPLETE()."""

import json
from collections.abc import Callable
from typing import Any

from fake_server import built_in, cortex, service_functions
from fake_server.account import Session
from fake_server.engine import Watch
from fake_server.errors import SnowflakeError
from fake_server.running import RUNNING, Running
from sqlglot import exp

VERSION = "9.40.1"
CONTEXT: dict[str, Callable[[Session], Any]] = {
    "CURRENTROLE": lambda s: s.role,
    "CURRENTUSER": lambda s: s.user,
    "CURRENTDATABASE": lambda s: s.database,
    "CURRENTSCHEMA": lambda s: s.schema,
    "CURRENTSCHEMAS": lambda s: json.dumps([f"{s.database}.{s.schema}"] if s.schema else []),
    "CURRENTWAREHOUSE": lambda s: s.warehouse,
    "CURRENTACCOUNT": lambda s: s.account.name,
    "CURRENTACCOUNTNAME": lambda s: s.account.name,
    "CURRENTORGANIZATIONNAME": lambda s: "FAKEORG",
    "CURRENTREGION": lambda s: "AWS_US_WEST_2",
    "CURRENTSESSION": lambda s: str(s.id),
    "CURRENTROLETYPE": lambda s: "ROLE",
    "CURRENTSECONDARYROLES": lambda s: json.dumps({"roles": ",".join(s.others), "value": "ALL" if s.secondary else ""}),
    "CURRENTAVAILABLEROLES": lambda s: json.dumps(sorted(s.account.grants.roles_of_user(s.user))),
    "CURRENTVERSION": lambda s: VERSION,
    "CURRENTCLIENT": lambda s: "PythonConnector",
    "CURRENTSTATEMENT": lambda s: "",
    "LASTQUERYID": lambda s: s.last_query_id,
}


def fill(tree: exp.Expression, session: Session, watch: Watch) -> None:
    """Put these functions' values in their places; the innermost first."""
    service_functions.fill(tree, session, watch)
    for node in reversed(list(tree.find_all(exp.Func))):
        name = function_name(node)
        if name.replace("_", "") in CONTEXT:
            node.replace(literal(CONTEXT[name.replace("_", "")](session)))
        elif name == "SYS_CONTEXT":
            node.replace(literal(session_property(session, [str(argument(a)) for a in node.expressions])))
        elif name.startswith("SYSTEM$"):
            node.replace(literal(system(name, [argument(a) for a in node.expressions], session, watch)))
        elif cortex.is_called(name, node):
            (node.parent if isinstance(node.parent, exp.Dot) else node).replace(
                literal(cortex.answer(name, node, session))
            )


def session_property(session: Session, named: list[str]) -> str | None:
    """`SYS_CONTEXT('SNOWFLAKE$SESSION', property)`: of the caller's session; with the owner's rights only where READ SESSION is granted."""
    if named[:1] != ["SNOWFLAKE$SESSION"] or named[1:] not in (["ROLE"], ["ID"]):
        raise SnowflakeError(2140, "42601", f"SQL compilation error:\nSYS_CONTEXT{tuple(named)} is not imitated.")
    if session.rights == "OWNER" and not session.access.may("READ SESSION", "ACCOUNT", ()):
        return None
    caller = session.caller or session
    return caller.role if named[1] == "ROLE" else str(caller.id)


def function_name(node: exp.Func) -> str:
    """As it is written in SQL."""
    return node.name.upper() if isinstance(node, exp.Anonymous) else node.sql_name().upper()


def system(name: str, arguments: list[Any], session: Session, watch: Watch) -> str:
    """A SYSTEM$ function's answer."""
    if name == "SYSTEM$WAIT":
        seconds = float(arguments[0])
        watch.wait(seconds * (60 if len(arguments) > 1 and str(arguments[1]).upper() == "MINUTES" else 1))
        return f"waited {arguments[0]} seconds"
    if name == "SYSTEM$CANCEL_ALL_QUERIES":
        return (
            f"{sum(cancel(session, r) for r in set(RUNNING.values()) if str(r.session.id) == arguments[0])} cancelled."
        )
    if name == "SYSTEM$CANCEL_QUERY":
        running = RUNNING.get(str(arguments[0]))
        done = running is not None and cancel(session, running)
        return f"query [{arguments[0]}] terminated." if done else "Identified SQL statement is not currently executing."
    if name == "SYSTEM$TYPEOF":
        return "VARCHAR(16777216)[LOB]"
    if name == "SYSTEM$BEHAVIOR_CHANGE_BUNDLE_STATUS":
        return "DISABLED"
    if name in ("SYSTEM$BOOTSTRAP_DATA_REQUEST", "SYSTEM$CLIENT_VERSION_INFO"):
        return "{}"
    if name == "SYSTEM$READ_YAML_FROM_SEMANTIC_VIEW":
        return built_in.read_semantic_view(session, str(arguments[0]))
    answers = session.account.faults.get("system_functions", {})
    if name in answers:
        return str(answers[name])
    raise SnowflakeError(2140, "42601", f"SQL compilation error:\nUnknown function {name}.")


def cancel(session: Session, running: Running) -> bool:
    """Stop another statement of the same user; was it still running?"""
    if (
        running.done.is_set()
        or running.session.user != session.user
        or running.ran.sql.upper().find("SYSTEM$CANCEL") >= 0
    ):
        return False
    running.watch.cancel()
    return True


def argument(node: exp.Expression) -> Any:
    """A literal argument's value."""
    return node.name if isinstance(node, exp.Literal) else node.sql(dialect="snowflake")


def literal(value: Any) -> exp.Expression:
    return exp.cast(exp.null(), "VARCHAR") if value is None else exp.Literal.string(str(value))
