"""AI functions, answered from a script that the test gives: a list of {"match": part of the prompt, "answer": text}."""

import json
import re
from typing import Any

from fake_server.account import Session
from fake_server.errors import SnowflakeError
from sqlglot import exp

FUNCTIONS = {"AI_COMPLETE"}
OLD = ["SNOWFLAKE", "CORTEX", "COMPLETE"]  # without its schema, and in any other, the name is anybody's


def is_called(name: str, node: exp.Func) -> bool:
    """Is this one of Snowflake's own AI functions?"""
    places = [part.name.upper() for part in node.parent.this.flatten()] if isinstance(node.parent, exp.Dot) else []
    return [*places, name] == OLD or (name in FUNCTIONS and not places)


def answer(name: str, node: exp.Func, session: Session) -> str:
    """The scripted answer to the prompt in this call."""
    require_lent(session)
    said = arguments(node)
    model, prompt = str(said.get("model", "")), said.get("prompt", "")
    text = scripted(session.account, model, prompt, said, role=session.role)
    if str(said.get("show_details", "")).lower() == "true":
        return json.dumps(
            {"choices": [{"messages": text}], "model": model, "created": 0, "usage": usage(str(prompt), text)}
        )
    return text


def require_lent(session: Session) -> None:
    """A restricted caller needs caller grants on the database SNOWFLAKE, where the AI functions live."""
    if session.limit and not any(
        g.role == session.limit and g.caller and g.kind == "FUNCTION" and (g.within or g.name)[:1] == ("SNOWFLAKE",)
        for g in session.account.grants.given
    ):
        raise SnowflakeError(2140, "42601", "SQL compilation error:\nUnknown function AI_COMPLETE.")


def scripted(account: Any, model: str, prompt: Any, said: dict[str, Any], role: str) -> str:
    """The next answer whose `match` is found in the prompt; an error where the script has none."""
    account.prompts.append({"model": model, "prompt": prompt, "role": role, "said": said})
    words = prompt if isinstance(prompt, str) else json.dumps(prompt)
    for entry in list(account.completions):
        if re.search(entry.get("match", ""), words, re.DOTALL) and entry.get("model", model) == model:
            if entry.get("once"):
                account.completions.remove(entry)
            if "error" in entry:
                raise SnowflakeError(100351, "22023", str(entry["error"]))
            return str(entry["answer"])
    raise SnowflakeError(100351, "22023", f"Request failed for external function AI_COMPLETE: unknown model '{model}'")


def arguments(node: exp.Func) -> dict[str, Any]:
    """Positional and named arguments by name."""
    names = ("model", "prompt", "model_parameters", "response_format", "show_details")
    said: dict[str, Any] = {}
    given = [
        a for a in ([node.args.get("this")] if not isinstance(node, exp.Anonymous) else []) if a
    ] + node.expressions
    for index, one in enumerate(given):
        if isinstance(one, exp.Kwarg | exp.PropertyEQ):
            said[one.this.name.lower()] = value(one.expression)
        else:
            said[names[index]] = value(one)
    return said


def value(node: exp.Expression) -> Any:
    """A literal, array or object as Python."""
    if isinstance(node, exp.Literal):
        return node.name if node.is_string else json.loads(node.name)
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.Neg):
        return -value(node.this)
    if isinstance(node, exp.Array):
        return [value(one) for one in node.expressions]
    if isinstance(node, exp.Struct):
        return {one.this.name: value(one.expression) for one in node.expressions}
    if isinstance(node, exp.ParseJSON | exp.Cast):
        inner = value(node.this)
        return json.loads(inner) if isinstance(node, exp.ParseJSON) else inner
    if isinstance(node, exp.Paren):
        return value(node.this)
    if isinstance(node, exp.DPipe | exp.Concat):
        return "".join(str(value(one)) for one in node.flatten() if isinstance(one, exp.Expression))
    raise SnowflakeError(
        2, "0A000", f"Unsupported feature 'AI_COMPLETE of {type(node).__name__}' (by the tests' server)."
    )


def usage(prompt: str, text: str) -> dict[str, int]:
    told = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(text.split())}
    return told | {"total_tokens": sum(told.values())}
