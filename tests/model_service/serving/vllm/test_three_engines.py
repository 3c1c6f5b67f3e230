"""The issue's bar in one place: on the same random models, our torch model, vLLM with our plugin and llama.cpp write the
same greedy tokens, and give every token of the vocabulary the same probability at each of them.

fp32, 16 new tokens after prompts of 1, 7 and 40. Three programs, three sets of kernels, of which two were written by others.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the Arctic model needs torch: `make venv-vllm` installs it")
pytest.importorskip("gguf", reason="the export needs gguf: `make venv-vllm` installs it")
pytest.importorskip("xllamacpp", reason="llama.cpp is not installed here")

from model_service.arctic.generate import generate  # noqa: E402
from model_service.checkpoints.gguf_export import export_gguf  # noqa: E402
from model_service.checkpoints.load import load_model  # noqa: E402
from tests.model_service.arctic.llama import Llama  # noqa: E402
from tests.model_service.arctic.random_checkpoint import write_checkpoint  # noqa: E402
from tests.model_service.serving.vllm.conftest import RunEngines, prompts  # noqa: E402
from tests.model_service.serving.vllm.engines import Engine, Round, Text  # noqa: E402

NEW_TOKENS, TOLERANCE = 16, 1e-4
PROMPTS = prompts(1, 7, 40, seed=7)
MODELS: dict[str, dict[str, Any]] = {
    "small": {},
    "five layers": {"num_hidden_layers": 5, "num_local_experts": 16, "intermediate_size": 64},
    "128 experts": {"num_local_experts": 128, "intermediate_size": 32, "num_hidden_layers": 3},
    "seven queries a KV head": {"hidden_size": 224, "num_attention_heads": 7, "num_key_value_heads": 1},
    "the older K and V, theta 1e6": {"expanded_kv": True, "rope_theta": 1e6, "rms_norm_eps": 1e-3},
    "heads of 128, four experts a token": {
        "hidden_size": 256,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "num_experts_per_tok": 4,
    },
}

Said = tuple[list[int], np.ndarray]  # greedy ids, log-probabilities [tokens, V] each was chosen from


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {
        name: write_checkpoint(tmp_path_factory.mktemp("arctic"), seed=30 + number, **keys)
        for number, (name, keys) in enumerate(MODELS.items())
    }


@pytest.fixture(scope="module")
def by_vllm(checkpoints: dict[str, Path], run_engines: RunEngines) -> dict[str, list[Text]]:
    results = run_engines([Engine(checkpoint, (Round(PROMPTS, NEW_TOKENS),)) for checkpoint in checkpoints.values()])
    return {name: result[0] for name, result in zip(checkpoints, results, strict=True)}


def by_torch(checkpoint: Path) -> list[Said]:
    model = load_model(checkpoint)
    texts = generate(model, PROMPTS, max_new_tokens=NEW_TOKENS)
    pairs = zip(PROMPTS, texts, strict=True)
    logits = [model.logits([*prompt, *text])[len(prompt) - 1 : -1] for prompt, text in pairs]
    return [(text, one.double().log_softmax(-1).numpy()) for text, one in zip(texts, logits, strict=True)]


def by_llama(checkpoint: Path, file: Path) -> list[Said]:
    llama = Llama(export_gguf(checkpoint, file, "f32", with_tokenizer=False))
    return [llama.complete(list(prompt), NEW_TOKENS, 320) for prompt in PROMPTS]


@pytest.mark.parametrize("name", MODELS)
def test_all_three_write_the_same(
    name: str, checkpoints: dict[str, Path], by_vllm: dict[str, list[Text]], tmp_path: Path
) -> None:
    ours = by_torch(checkpoints[name])
    others = {
        "vLLM": [(list(text.ids), text.logprobs) for text in by_vllm[name]],
        "llama.cpp": by_llama(checkpoints[name], tmp_path / "model.gguf"),
    }
    for engine, texts in others.items():
        assert [ids for ids, _ in texts] == [ids for ids, _ in ours], engine
        apart = max(np.abs(ours[at][1] - texts[at][1]).max() for at in range(len(PROMPTS)))
        print(f"{name}: torch and {engine} {apart:.1e} apart")
        assert apart < TOLERANCE, engine
    assert [len(ids) for ids, _ in ours] == [NEW_TOKENS] * len(PROMPTS)
