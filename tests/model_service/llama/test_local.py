"""The embedded model's process: what can go wrong is told, and the real one answers, is found again and leaves."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_service.errors import LoadError, NoSpaceError, PortInUseError, ServerError, UnknownModelError
from model_service.llama import local
from model_service.llama import prefix_cache as prefix
from model_service.llama.client import LocalModel
from model_service.weights import store as weights
from tests.model_service.llama.tiny_llama import write_tiny_llama
from tests.model_service.weights.test_gguf import tiny_gguf

CACHE = Path(os.environ.get("ARCTIC_COPILOT_CACHE_DIR", "~/.cache/arctic-copilot")).expanduser()
SCHEMA = "You write SQL. " + " ".join(f"table t{i}(id{i}, name{i}, day{i});" for i in range(20))
SERVE = """
import sys
from pathlib import Path
from model_service.llama import local
local.serve(Path(sys.argv[1]), Path(sys.argv[2]), on_ready=lambda model: print(model.pid, flush=True))
print("left cleanly")
"""
LOADING = """
import sys, time
from pathlib import Path
from model_service.llama import local
local._wait_until_ready = lambda process, *rest: (print(process.pid, flush=True), time.sleep(60))
local.start(Path(sys.argv[1]), Path(sys.argv[2]))
"""
SHARED = """
import sys, time
from pathlib import Path
from model_service.llama import local
print(local.ensure_running(Path(sys.argv[1]), Path(sys.argv[2])).pid, flush=True)
time.sleep(60)
"""


def ask(model: LocalModel, question: str = "Say hi.", **parameters: Any) -> Any:
    messages = [{"role": "system", "content": SCHEMA}, {"role": "user", "content": question}]
    body = {"messages": messages, "max_tokens": 8, "temperature": 0, **parameters}
    return model.call("/v1/chat/completions", body, timeout_seconds=120)


def is_gone(pid: int, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        [child.poll() for child in local._children]  # an unreaped child still has its pid
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_a_model_that_is_no_model_is_told_with_llama_cpps_reason(tmp_path: Path) -> None:
    file = tmp_path / "odd.gguf"
    file.write_bytes(tiny_gguf())
    with pytest.raises(LoadError, match=r"could not be loaded: .*architecture") as caught:
        local.ensure_running(file, tmp_path / "cache")
    assert "log" in caught.value.hint
    assert list((tmp_path / "cache" / "server").glob("*.json")) == []


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    file = tmp_path / "any.gguf"
    file.write_bytes(tiny_gguf())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"Port {port} on this machine cannot be used: Address already in use"):
            local.serve(file, tmp_path, port)
    with pytest.raises(PortInUseError, match="Port 99999"):
        local.start(file, tmp_path, 99999)


def test_missing_weights_and_a_cache_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match="Cannot read"):
        local.ensure_running(tmp_path / "none.gguf", tmp_path)
    file = tmp_path / "any.gguf"
    file.write_bytes(tiny_gguf())
    with pytest.raises(NoSpaceError, match="Cannot write to"):
        local.ensure_running(file, file)


def test_a_lease_that_leads_nowhere_is_removed(tmp_path: Path) -> None:
    lease = tmp_path / "dead.json"
    for text in ("", "{}", "[1]", '{"url": "http://127.0.0.1:9/v1", "api_key": "k", "model": "m", "pid": 1, '):
        lease.write_text(text)
        assert local._running(lease) is None
        assert not lease.exists()


@pytest.mark.parametrize(("free_gib", "tokens"), [(None, 32_768), (16, 32_768), (5, 16_384)])
def test_little_memory_means_a_smaller_context(
    monkeypatch: pytest.MonkeyPatch, free_gib: int | None, tokens: int
) -> None:
    monkeypatch.setattr(local, "available_bytes", lambda: free_gib and free_gib * 1024**3)
    assert local._context_tokens(1024**3) == tokens


def test_the_key_is_not_shown_by_repr(tmp_path: Path) -> None:
    model = LocalModel("http://127.0.0.1:9/v1", "secret-key", "m", 1, "w", "v", tmp_path / "l.json")
    assert "secret" not in repr(model)
    with pytest.raises(ServerError, match="stopped answering"):
        model.call("/props", timeout_seconds=1)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


def killed_parent(script: str, weights: Path, cache: Path) -> int:
    """The pid that the script printed, once the script's process was killed without a chance to tidy up."""
    command = [sys.executable, "-c", script, str(weights), str(cache)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    return pid


def test_a_parent_killed_while_the_model_loads_takes_the_server_along(tiny: Path, tmp_path: Path) -> None:
    """llama.cpp holds Python's lock while it loads; half a minute and gigabytes for nobody, with a large model."""
    assert is_gone(killed_parent(LOADING, tiny, tmp_path))
    assert list((tmp_path / "server").glob("*.json")) == []


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_served_model_ends_with_its_command(tiny: Path, tmp_path: Path, how: signal.Signals, code: int) -> None:
    command = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(tiny), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert command.stdout is not None
    server_pid = int(command.stdout.readline())
    command.send_signal(how)
    assert command.wait(timeout=30) == code
    assert command.stdout.read().strip() == ("left cleanly" if how == signal.SIGINT else "")
    assert is_gone(server_pid)
    assert list((tmp_path / "server").glob("*.json")) == []


def test_a_server_that_is_shared_outlives_a_command_that_is_killed(tiny: Path, tmp_path: Path) -> None:
    """The next `ask` finds it; it leaves when idle, or, as here, when stopped."""
    pid = killed_parent(SHARED, tiny, tmp_path)
    time.sleep(1)
    found = local.ensure_running(tiny, tmp_path)
    assert found.pid == pid
    local.stop(found)
    assert is_gone(pid)


def test_an_idle_server_leaves(tiny: Path, tmp_path: Path) -> None:
    model = local.start(tiny, tmp_path, idle_seconds=0.5)
    assert is_gone(model.pid)
    assert not model.lease.exists()


@pytest.fixture(scope="module")
def small() -> Path:
    return weights.fetch("local-small", CACHE)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def model(small: Path, cache: Path) -> LocalModel:
    """The running model; one server for all of these tests unless a test ends it."""
    return local.ensure_running(small, cache)


@pytest.fixture(scope="module", autouse=True)
def no_server_stays(cache: Path) -> Iterator[None]:
    yield
    for lease in (cache / "server").glob("*.json"):
        if running := local._read(lease):
            local.stop(running)


@pytest.mark.model
def test_the_model_answers_and_is_found_again(model: LocalModel, small: Path, cache: Path) -> None:
    assert ask(model)["choices"][0]["message"]["content"]
    assert local.ensure_running(small, cache) == model
    assert model.model == "local-small"
    assert model.url.startswith("http://127.0.0.1:")
    assert model.lease.stat().st_mode & 0o777 == 0o600


@pytest.mark.model
def test_without_the_key_nothing_is_answered(model: LocalModel) -> None:
    stranger = LocalModel(model.url, "guess", model.model, model.pid, "w", "v", model.lease)
    with pytest.raises(ServerError, match="refused"):
        ask(stranger)


@pytest.mark.model
def test_several_samples_read_the_prompt_once(model: LocalModel) -> None:
    ask(model)
    answer = ask(model, "Which table has name7?", n=4, temperature=0.9, seed=1)
    assert len(answer["choices"]) == 4
    assert answer["timings"]["prompt_n"] < 30


@pytest.mark.model
def test_a_grammar_is_obeyed(model: LocalModel) -> None:
    grammar = '%llguidance {}\nstart: "SELECT " /[0-9]+/ " FROM dual"\n'
    assert ask(model, grammar=grammar, max_tokens=20)["choices"][0]["message"]["content"].endswith(" FROM dual")


@pytest.mark.model
def test_a_prefix_survives_a_restart_and_a_damaged_one_is_read_anew(
    model: LocalModel, small: Path, cache: Path
) -> None:
    messages = [{"role": "system", "content": SCHEMA}]
    first = prefix.warm(model, messages, "schema")
    local.stop(model)
    again = local.ensure_running(small, cache)
    assert prefix.warm(again, messages, "schema", slots=2).restored
    timings = ask(again, "Which table has day3?")["timings"]
    assert timings["cache_n"] > first.tokens - 8
    (state,) = (cache / "prefix").glob("*.bin")
    os.truncate(state, state.stat().st_size // 2)  # llama.cpp itself would abort on this
    assert not prefix.warm(again, messages, "schema").restored
    assert prefix.warm(again, messages, "schema").restored


@pytest.mark.model
def test_a_killed_server_is_replaced(model: LocalModel, small: Path, cache: Path) -> None:
    os.kill(model.pid, signal.SIGKILL)
    assert is_gone(model.pid)
    assert local.ensure_running(small, cache).pid != model.pid


@pytest.mark.model
def test_a_server_leaves_when_idle_and_when_stopped(small: Path, tmp_path: Path) -> None:
    idle = local.start(small, tmp_path, idle_seconds=1)
    assert is_gone(idle.pid)
    assert not idle.lease.exists()
    stopped = local.start(small, tmp_path)
    local.stop(stopped)
    assert is_gone(stopped.pid)
