from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app import open_model as module
from app.open_model import open_model
from model_service.errors import LoadError, ServerError
from sql_tools.errors import ModelError, SettingsError
from sql_tools.models import Column, Table
from sql_tools.settings import Settings


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The embedded engine with nothing behind it; `warmed` holds what it read."""
    fake = SimpleNamespace(warmed=[])
    running = SimpleNamespace(url="http://127.0.0.1:1/v1", api_key="secret", model="local", weights_id="ab12")
    monkeypatch.setattr(
        module.weights, "fetch", lambda name, cache, on_progress, on_message: on_progress(5, 10) or Path("m")
    )
    monkeypatch.setattr(module.local, "ensure_running", lambda file, cache: running)
    monkeypatch.setattr(module.prefix, "warm", lambda running, messages, key: fake.warmed.append(messages))
    return fake


class Shop:
    """A warehouse with `count` columns."""

    name, dialect, remote = "shop", "duckdb", False

    def __init__(self, count: int = 1) -> None:
        columns = tuple(Column(name=f"c{i}", type="INTEGER") for i in range(count))
        self._tables = tuple(Table(schema_name="main", name=f"t{i}", columns=columns) for i in range(2))

    def tables(self) -> tuple[Table, ...]:
        return self._tables


def test_the_embedded_model_answers_at_its_own_address_with_its_own_key(engine: Any) -> None:
    model: Any = open_model(Settings(model="local"))
    assert model.openai_api_base == "http://127.0.0.1:1/v1"
    assert model.model_name == "local"
    assert model.openai_api_key.get_secret_value() == "secret"


def test_a_url_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.local, "ensure_running", lambda *_: pytest.fail("started"))
    model: Any = open_model(Settings(model="http://127.0.0.1:9/v1#other"))
    assert model.model_name == "other"


def test_progress_tells_what_and_how_far(engine: Any) -> None:
    told: list[tuple[str, float | None]] = []
    open_model(Settings(model="local"), on_progress=lambda what, fraction: told.append((what, fraction)))
    assert told == [("Fetching local", 0.5), ("Starting the model", None)]


def test_a_small_schema_is_read_before_the_first_question(engine: Any) -> None:
    open_model(Settings(model="local"), warehouse=Shop())  # type: ignore[arg-type]
    system, tables = engine.warmed[0]
    assert system["role"] == "system"
    assert "CREATE TABLE" in tables["content"]


def test_a_schema_too_large_to_pass_whole_is_not_read(engine: Any) -> None:
    open_model(Settings(model="local"), warehouse=Shop(200))  # type: ignore[arg-type]
    assert engine.warmed == []


def test_failing_to_read_ahead_is_no_failure(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ServerError("no slot")

    monkeypatch.setattr(module.prefix, "warm", fail)
    assert open_model(Settings(model="local"), warehouse=Shop())  # type: ignore[arg-type]


def test_the_engines_errors_become_ours_with_their_hint(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise LoadError("It ended.", "Read the log.")

    monkeypatch.setattr(module.local, "ensure_running", fail)
    with pytest.raises(ModelError, match=r"It ended\.") as caught:
        open_model(Settings(model="local"))
    assert caught.value.hint == "Read the log."


def test_a_name_that_is_no_model_says_what_is(tmp_path: Path) -> None:
    with pytest.raises((ModelError, SettingsError), match="local-small"):
        open_model(Settings(model="gpt-nowhere", cache_dir=tmp_path))


def test_the_models_weights_go_with_it_into_the_proof(engine: SimpleNamespace, tmp_path: Path) -> None:
    model = open_model(Settings(model="local", cache_dir=tmp_path))
    assert model.metadata is not None
    assert model.metadata["weights"] == "file:ab12"  # nobody vouches for that hash


def test_only_verified_weights_are_called_by_their_content() -> None:
    named = module.weights.MODELS["local"]
    assert module._vouched(named.sha256) == f"sha256:{named.sha256}"
