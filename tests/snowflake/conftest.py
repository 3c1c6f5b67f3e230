"""The fixture `shop`: the fake with a shop in it. `shop.py`, `firm.py` and the other nouns beside this can be imported by the tests."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

# Loaded by path and under these names, since no folder here may be a package (it would hide `snowflake.connector`).
for _name in ("shop", "firm", "page", "served", "container", "viewer"):
    _spec = importlib.util.spec_from_file_location(_name, Path(__file__).with_name(f"{_name}.py"))
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules[_name] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules[_name])
_shop = sys.modules["shop"]


@pytest.fixture
def shop(fake_snowflake: Any) -> Any:
    """The fake with the shop in it, and a model that knows three questions by heart."""
    fake_snowflake.run(*_shop.SHOP)
    fake_snowflake.completions(_shop.ANSWERS)
    return fake_snowflake
