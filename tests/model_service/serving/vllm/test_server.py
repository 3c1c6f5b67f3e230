"""`arctic-copilot serve --model arctic` for real: a tiny random Arctic behind vLLM's OpenAI API, on the CPU."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.model_service.arctic.random_checkpoint import write_checkpoint
from tests.model_service.arctic.tiny_tokenizer import END, START, VOCAB, write_sentencepiece
from tests.model_service.serving.vllm.conftest import ROOT, environment

READY_SECONDS = 240.0
KEY = "the-key-of-this-test"
COMMAND = ROOT / ".venv" / "bin" / "arctic-copilot"
WITHOUT_COMMAND = """
import sys
from pathlib import Path
from model_service.serving.serve import find_hardware, serve
from model_service.serving.plan import Wish
wish = Wish(Path(sys.argv[1]), port=int(sys.argv[2]), max_model_len=256)
serve(wish, find_hardware(None, None, None), python=Path(sys.executable), dry_run=False, on_line=print)
"""
GRAMMAR = """%llguidance {}
start: "SELECT " column (", " column)? " FROM " table
column: "name" | "total"
table: "customers" | "orders"
"""
GRAMMATICAL = re.compile(r"SELECT (name|total)(, (name|total))? FROM (customers|orders)")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from model_service.checkpoints.tokenizer_export import export_tokenizer

    special = {"vocab_size": VOCAB, "bos_token_id": START, "eos_token_id": END}
    directory = write_checkpoint(tmp_path_factory.mktemp("arctic"), num_hidden_layers=3, seed=8, **special)
    write_sentencepiece(directory)
    export_tokenizer(directory, directory)
    return directory


@pytest.fixture(scope="module")
def url(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, log = _free_port(), tmp_path_factory.mktemp("log") / "server.log"
    given = ["serve", "--model", "arctic", "--checkpoint", str(checkpoint), "--max-model-len", "256"]
    command = [str(COMMAND), *given, "--port", str(port), "--python", sys.executable]
    if not COMMAND.exists():
        command = [sys.executable, "-c", WITHOUT_COMMAND, str(checkpoint), str(port)]
    with log.open("w") as out:
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment() | {"VLLM_API_KEY": KEY}, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        _wait(f"http://127.0.0.1:{port}/health", server, log)
        assert "Layout    one process, eager mode" in log.read_text()  # the plan comes first
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    raise AssertionError(log.read_text()[-6000:])


def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    data = json.dumps({"model": "arctic", "temperature": 0} | body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def test_its_greedy_tokens_are_those_of_our_torch_model(url: str, checkpoint: Path) -> None:
    from model_service.checkpoints.load import load_model

    ids = [START, 40, 77, 300, 12]
    body = {"prompt": ids, "max_tokens": 12, "ignore_eos": True, "return_token_ids": True}
    written = post(f"{url}/completions", body)["choices"][0]["token_ids"]
    assert len(written) == 12
    logits = load_model(checkpoint).logits(ids + written)  # [T, V]
    assert logits.argmax(-1)[len(ids) - 1 : -1].tolist() == written


def test_who_has_no_key_is_refused(url: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{url}/models", timeout=30)
    assert caught.value.code == 401


def test_a_chat_starts_with_one_first_token(url: str) -> None:
    body = {"messages": [{"role": "user", "content": "how many orders"}], "max_tokens": 4, "return_token_ids": True}
    ids = post(f"{url}/chat/completions", body)["prompt_token_ids"]
    assert ids[0] == START
    assert ids[1] != START
    assert ids.count(START) == 2  # the user's turn, and the assistant's


@pytest.mark.parametrize(
    ("ids", "words"), [([5] * 300, "256"), ([5, VOCAB], "out of vocabulary"), ([5, 10**6], "out of vocabulary")]
)
def test_a_prompt_the_model_cannot_take_is_refused_in_words_and_the_next_is_answered(
    url: str, ids: list[int], words: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(f"{url}/completions", {"prompt": ids, "max_tokens": 1})
    assert caught.value.code == 400
    assert words in json.load(caught.value)["error"]["message"]
    assert post(f"{url}/completions", {"prompt": [START, 40], "max_tokens": 1})["choices"]


@pytest.mark.parametrize("temperature", [0, 1])
def test_a_grammar_binds_it(url: str, temperature: float) -> None:
    asked = {
        "messages": [{"role": "user", "content": "SELECT"}],
        "max_tokens": 80,
        "temperature": temperature,
        "seed": 1,
        "structured_outputs": {"grammar": GRAMMAR},
    }
    text = post(f"{url}/chat/completions", asked)["choices"][0]["message"]["content"]
    assert GRAMMATICAL.fullmatch(text)


def test_without_the_grammar_it_writes_something_else(url: str) -> None:
    body = {"messages": [{"role": "user", "content": "SELECT"}], "max_tokens": 40}
    text = post(f"{url}/chat/completions", body)["choices"][0]["message"]["content"]
    assert not GRAMMATICAL.fullmatch(text or "")
