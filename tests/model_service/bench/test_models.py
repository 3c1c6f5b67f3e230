"""The bench on a very small model: the engines that are installed run, and the table's figures are what they say."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the Arctic model needs torch: `make venv-vllm` installs it")

from model_service.arctic.config import parse_config  # noqa: E402
from model_service.bench import models as bench_file  # noqa: E402
from model_service.bench.models import Contender, Figures, bench, bytes_per_token, read_bandwidth, report  # noqa: E402
from model_service.bench.random_weights import MIDDLE_SIZE  # noqa: E402
from tests.model_service.arctic.random_checkpoint import RELEASED  # noqa: E402

TINY = MIDDLE_SIZE | {"vocab_size": 512, "hidden_size": 128, "intermediate_size": 64, "num_hidden_layers": 2}
TINY |= {"num_attention_heads": 2, "num_key_value_heads": 1, "num_local_experts": 8}


def test_the_real_model_reads_seventeen_billion_weights_a_token() -> None:
    # 17.09B without the embedding; the head's 0.23B and the routers' 0.03B stay in bfloat16.
    config = parse_config(RELEASED)
    assert bytes_per_token(config, 2) / 2 == pytest.approx(17.09e9, rel=1e-3)
    assert bytes_per_token(config, 1) == pytest.approx(17.09e9 + 0.262e9, rel=1e-3)


def test_the_probe_reads_at_a_rate_memory_has() -> None:
    assert 0.5e9 < read_bandwidth(torch.ones(2**24)) < 1e12


def test_the_table_compares_medians() -> None:
    one, other = (Contender(label, "torch", Path(), 2) for label in ("torch bf16", "other"))
    figures = {"torch bf16": Figures([10, 20, 1000], [1, 1, 1], [5, 6, 7]), "other": Figures([40], [3], [5, 6, 8])}
    lines = report([one, other], figures, [1e9], parse_config(dict(TINY)))
    assert "| other | 40.0 (40.0 to 40.0) | 2.00 |" in lines[-1]
    assert "| 3.00 | 2 of 3 |" in lines[-1]


def test_torch_and_llama_cpp_take_turns_and_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # vLLM takes half a minute to start; its own tests run it.
    monkeypatch.setattr(bench_file, "find_spec", lambda name: name == "xllamacpp")
    pytest.importorskip("xllamacpp", reason="llama.cpp is not installed here")
    monkeypatch.setattr(bench_file, "PROBE_BYTES", 2**24)
    monkeypatch.setattr(bench_file, "LONG_PROMPT", 16)
    lines = bench(tmp_path, 1, TINY)
    assert capsys.readouterr().out.strip().splitlines() == lines
    assert [line.split("|")[1].strip() for line in lines[5:]] == ["torch bf16", "torch FP8", "llama.cpp bf16"]
    assert lines[5].endswith("| 33 of 33 |")
