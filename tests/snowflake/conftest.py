"""The fixture `shop`: the fake with a shop in it."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

# Loaded by path and under this name, since no folder here may be a package (it would hide `snowflake.connector`).
_spec = importlib.util.spec_from_file_location("shop", Path(__file__).with_name("shop.py"))
assert _spec is not None
assert _spec.loader is not None
_shop = importlib.util.module_from_spec(_spec)
sys.modules["shop"] = _shop
_spec.loader.exec_module(_shop)


@pytest.fixture
def shop(fake_snowflake: Any) -> Any:
    """The fake with the shop in it, and a model that knows three questions by heart."""
    fake_snowflake.run(*_shop.SHOP)
    fake_snowflake.completions(_shop.ANSWERS)
    return fake_snowflake
