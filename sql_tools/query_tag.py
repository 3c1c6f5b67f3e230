"""What an engine's query history should say of the statements we send: a compact JSON text, gathered on the way.

`ask` adds the request and the model, each stage its name; whoever calls `ask` may add more (a user, a team). A context
variable, so threads that answer at once do not mix. Source: Snowflake's QUERY_TAG, at most 2000 characters.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MAX_TAG_CHARS = 2000
MAX_VALUE_CHARS = 200

_fields: ContextVar[dict[str, str]] = ContextVar("query_tag", default={})  # noqa: B039  never changed in place


@contextmanager
def tagged(**fields: str) -> Iterator[None]:
    """Statements sent inside carry these fields beside those around; an empty value is left out."""
    kept = {name: value[:MAX_VALUE_CHARS] for name, value in fields.items() if value}
    token = _fields.set({**_fields.get(), **kept})
    try:
        yield
    finally:
        _fields.reset(token)


def query_tag() -> str:
    """The tag as it is now; fields that came last are dropped where it would be too long.

    >>> with tagged(request="r1", stage="execute"):
    ...     print(query_tag())
    {"app":"arctic-copilot","request":"r1","stage":"execute"}
    """
    fields = {"app": "arctic-copilot", **_fields.get()}
    while len(text := json.dumps(fields, ensure_ascii=False, separators=(",", ":"))) > MAX_TAG_CHARS:
        fields.popitem()
    return text


def tag_field(name: str) -> str:
    """What the tag says under this name; empty if nothing."""
    return _fields.get().get(name, "")
