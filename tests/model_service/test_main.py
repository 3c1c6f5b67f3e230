"""`python -m model_service`: results where they belong, foreseen failures as one line and exit code 1, wrong usage 2."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the Arctic model needs torch: `make venv-vllm` installs it")

from model_service.__main__ import main  # noqa: E402
from model_service.arctic.generate import generate  # noqa: E402
from model_service.arctic.tokenizer import Message, open_tokenizer  # noqa: E402
from model_service.checkpoints.load import load_model  # noqa: E402
from tests.model_service.arctic import plain_arctic  # noqa: E402
from tests.model_service.arctic.random_checkpoint import random_tensors, write_checkpoint  # noqa: E402
from tests.model_service.arctic.tiny_tokenizer import END, START, VOCAB, write_sentencepiece  # noqa: E402
from tests.model_service.conftest import MakeCheckpoint  # noqa: E402


def run(*args: object) -> int:
    return main([str(arg) for arg in args])


@pytest.fixture(scope="module")
def with_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with a tokenizer."""
    pytest.importorskip("sentencepiece", reason="it trains the tokenizer of these tests: `make venv-vllm` installs it")
    directory = tmp_path_factory.mktemp("text")
    write_checkpoint(directory, vocab_size=VOCAB, bos_token_id=START, eos_token_id=END)
    return write_sentencepiece(directory)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_logits_are_fp32_and_the_plain_models(make_checkpoint: MakeCheckpoint, tmp_path: Path, dtype: str) -> None:
    """Also for bf16 weights, since by default they are computed in fp32."""
    checkpoint, out = make_checkpoint(dtype=dtype), tmp_path / "logits.npy"
    assert run("logits", "--checkpoint", checkpoint, "--ids", "1,2,3,300", "--out", out) == 0
    config = json.loads((checkpoint / "config.json").read_text())
    stored = getattr(torch, dtype)
    tensors = {name: torch.from_numpy(t).to(stored).float().numpy() for name, t in random_tensors(config).items()}
    expected = plain_arctic.logits(tensors, config, [1, 2, 3, 300])
    found = np.load(out)
    assert (found.dtype, found.shape) == (np.float32, (4, 320))
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max() / 10


def test_generate_prints_new_ids(make_checkpoint: MakeCheckpoint, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = make_checkpoint()
    assert run("generate", "--checkpoint", checkpoint, "--ids", "1,2", "--ids", "9", "--max-new-tokens", 6) == 0
    expected = generate(load_model(checkpoint), [[1, 2], [9]], max_new_tokens=6, stop_ids=[319])
    assert capsys.readouterr().out.split() == [",".join(map(str, ids)) for ids in expected]


def test_generate_prints_text(with_text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--prompt", "SELECT", "--prompt", "how many orders", "--chat", "Hello", "--max-new-tokens", 5)
    assert run("generate", "--checkpoint", with_text, *arguments) == 0
    tokenizer = open_tokenizer(with_text)
    prompts = [tokenizer.encode("SELECT"), tokenizer.encode("how many orders")]
    prompts.append(tokenizer.encode_chat([Message("user", "Hello")]))
    new = generate(load_model(with_text), prompts, max_new_tokens=5, stop_ids=tokenizer.stop_ids)
    assert capsys.readouterr().out == "".join(tokenizer.decode(ids) + "\n" for ids in new)


def test_info_needs_only_config_json_and_believes_the_weights_where_they_are(
    make_checkpoint: MakeCheckpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(make_checkpoint(expanded_kv=True), tmp_path / "copy"))
    keys = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(keys | {"num_key_value_heads": 2}))
    assert run("info", "--checkpoint", copy) == 0
    assert "4 heads of 32, 4 for keys and values" in capsys.readouterr().out
    for file in copy.glob("*.safetensors*"):
        file.unlink()
    assert run("info", "--checkpoint", copy) == 0
    assert "4 heads of 32, 2 for keys and values" in capsys.readouterr().out


def test_a_sample_is_the_same_for_the_same_seed(
    make_checkpoint: MakeCheckpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("generate", "--checkpoint", make_checkpoint(), "--ids", "5,6", "--temperature", 1, "--top-p", 0.9)
    texts = []
    for seed in (1, 1, 2):
        assert run(*arguments, "--seed", seed) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("logits", "--ids", "1,320", "--out", "x.npy"), "No token has the id 320"),
        (("logits", "--ids", "1,-1", "--out", "x.npy"), "No token has the id -1"),
        (("logits", "--ids", ",".join(["1"] * 4097), "--out", "x.npy"), "more than the context of 4,096 tokens"),
        (("logits", "--ids", "1", "--out", "no/such/x.npy"), "Cannot write no/such/x.npy"),
        (("logits", "--ids", "1", "--out", "x.npy", "--device", "abacus"), "no device 'abacus'"),
        (("generate", "--ids", "1,2", "--max-new-tokens", "4095"), "Ask for at most 4,094"),
        (("generate", "--ids", "1", "--temperature", "-1"), "temperature"),
        (("generate",), "nothing to go on with"),
        (("generate", "--prompt", "x"), "neither tokenizer.json nor tokenizer.model"),
        (("info", "--gpu", "TPU"), "No GPU is known as 'TPU'"),
        (("tokenizer", "--out", "x"), "neither tokenizer.json nor tokenizer.model"),
    ],
)
def test_a_foreseen_failure_is_one_line_and_exit_code_1(
    make_checkpoint: MakeCheckpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    checkpoint = make_checkpoint()
    monkeypatch.chdir(tmp_path)
    assert run(arguments[0], "--checkpoint", checkpoint, *arguments[1:]) == 1
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("info",),
        ("info", "--checkpoint", ".", "--gpus", "0"),
        ("logits", "--checkpoint", ".", "--ids", "1,x", "--out", "x.npy"),
        ("logits", "--checkpoint", ".", "--ids", "1"),
        ("generate", "--checkpoint", ".", "--dtype", "int4"),
        ("generate", "--checkpoint", ".", "--max-new-tokens", "-3"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2
    assert "usage: python -m model_service" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_exit_code_1(
    make_checkpoint: MakeCheckpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(make_checkpoint(), tmp_path / "copy"))
    shard = copy / "model-00003-of-00003.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1])
    assert run("logits", "--checkpoint", copy, "--ids", "1", "--out", tmp_path / "x.npy") == 1
    assert shard.name in capsys.readouterr().err


def test_logits_run_where_only_the_weights_are(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    """No tokenizer, no generation_config, a lone file."""
    checkpoint = make_checkpoint(shards=1, index=False, seed=12)
    assert run("logits", "--checkpoint", checkpoint, "--ids", "1", "--out", tmp_path / "one.npy") == 0
    assert np.load(tmp_path / "one.npy").shape == (1, 320)
