"""The pytest fixture `fake_snowflake`: one server for the whole run, started when the first test asks for it."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _load(name: str) -> ModuleType:
    """A file beside this one; the folder is no package, so that nothing here can hide `snowflake.connector`."""
    full = f"fake_snowflake_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[full] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full])
    return sys.modules[full]


server = _load("server")


@pytest.fixture(scope="session")
def fake_snowflake_server() -> Iterator[Any]:
    """The server itself; tests want `fake_snowflake`, which is empty at their start."""
    if reason := server.why_not():
        pytest.skip(reason)
    running = server.FakeSnowflake()
    yield running
    running.stop()


@pytest.fixture
def fake_snowflake(fake_snowflake_server: Any) -> Any:
    """The tests' Snowflake, with a new and empty account."""
    fake_snowflake_server.reset()
    return fake_snowflake_server
