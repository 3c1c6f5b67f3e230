"""A small shop as the default warehouse, and a model whose answers the test writes."""

from pathlib import Path

import duckdb
import pytest
from langchain_core.language_models import FakeListChatModel

from app import open_model


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A DuckDB file with one table, made the default warehouse."""
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE sales (id INTEGER, price DECIMAL(9, 2), sold DATE)")
        connection.execute("INSERT INTO sales VALUES (1, 9.50, '2024-02-29'), (2, 0.50, NULL)")
    monkeypatch.setenv("ARCTIC_COPILOT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ARCTIC_COPILOT_WAREHOUSE", str(path))
    return str(path)


@pytest.fixture
def drafts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the model will answer, in turn."""
    replies: list[str] = []
    monkeypatch.setattr(open_model, "open_model", lambda *_, **__: FakeListChatModel(responses=replies))
    return replies
