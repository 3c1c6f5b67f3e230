"""What `--json` prints: one object on one line of UTF-8, and nothing else goes to stdout."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from sql_tools.json_contract import VERSION, json_object, to_json

__all__ = ["VERSION", "json_line", "print_json", "to_json"]


def print_json(record: BaseModel | Mapping[str, Any]) -> None:
    """Print the object, with the contract's `version` first."""
    line = json_line(record)
    sys.stdout.flush()
    sys.stdout.buffer.write(line)
    sys.stdout.flush()


def json_line(record: BaseModel | Mapping[str, Any]) -> bytes:
    """The object as `print_json` prints it."""
    text = json.dumps(json_object(record), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace") + b"\n"
