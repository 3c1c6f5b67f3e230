"""The JSON contract of answers and reports: what `--json` prints, and what the stored procedures return."""

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any

from pydantic import BaseModel

VERSION = 2


def json_object(record: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
    """The object in JSON's types, with the contract's `version` first."""
    fields = dict(record) if isinstance(record, Mapping) else {name: value for name, value in record}
    return {name: to_json(value) for name, value in {"version": VERSION, **fields}.items()}


def to_json(value: Any) -> Any:
    """An engine's or a model's value in JSON's types.

    Dates are ISO text, decimals text (as exact as they were), NaN and infinities null, bytes hex, what is left its str.
    """
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Decimal):
        return str(value) if value.is_finite() else None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, BaseModel):
        return {name: to_json(field) for name, field in value}
    if isinstance(value, Mapping):
        return {str(name): to_json(field) for name, field in value.items()}
    return [to_json(item) for item in value] if isinstance(value, list | tuple) else str(value)
