"""The JSON contract: what `--json` prints is one object on one line of UTF-8, and nothing else goes to stdout."""

import json
import sys
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any

from pydantic import BaseModel

VERSION = 1


def print_json(record: BaseModel | Mapping[str, Any]) -> None:
    """Print the object, with the contract's `version` first."""
    line = json_line(record)
    sys.stdout.flush()
    sys.stdout.buffer.write(line)
    sys.stdout.flush()


def json_line(record: BaseModel | Mapping[str, Any]) -> bytes:
    """The object as `print_json` prints it."""
    fields = dict(record) if isinstance(record, Mapping) else {name: value for name, value in record}
    text = json.dumps(to_json({"version": VERSION, **fields}), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace") + b"\n"


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
