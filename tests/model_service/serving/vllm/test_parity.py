"""vLLM with our plugin against our torch model: greedy tokens and full-vocabulary log-probabilities, fp32, one worker.

1e-4 is twenty times the largest difference seen (5e-6 to 8e-6: another order of additions), and a hundredth of what the
mildest mutant changes. 16 new tokens, since a wrong network often gets the first one right.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.model_service.arctic import plain_arctic
from tests.model_service.arctic.random_checkpoint import RELEASED, SMALL, random_tensors, write_checkpoint
from tests.model_service.serving.vllm.conftest import RunEngines, assert_same, prompts, torch_logprobs
from tests.model_service.serving.vllm.engines import Engine, Round, Text

MODELS: dict[str, dict[str, Any]] = {
    "small": {},
    "five layers, odd expert width": {"num_hidden_layers": 5, "num_local_experts": 16, "intermediate_size": 40},
    "128 experts": {"num_local_experts": 128, "intermediate_size": 32, "num_hidden_layers": 3},
    "seven queries share a KV head, as released": {
        "hidden_size": 224,
        "num_attention_heads": 7,
        "num_key_value_heads": 1,
    },
    "one expert a token, three heads": {
        "hidden_size": 96,
        "num_attention_heads": 3,
        "num_key_value_heads": 3,
        "num_experts_per_tok": 1,
    },
    "heads of 128, four experts a token": {
        "hidden_size": 256,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "num_experts_per_tok": 4,
        "rope_theta": 1e6,
    },
    "the older layout of K and V": {"expanded_kv": True, "seed": 6},
    "every other layer dense, head tied": {
        "moe_layer_frequency": 2,
        "num_hidden_layers": 4,
        "tie_word_embeddings": True,
    },
    "no residual MLP": {"parallel_attn_mlp_res": False, "use_residual": False},
}
ROUND = Round(prompts(7, 1, 40, 3))


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory, run_engines: RunEngines) -> dict[str, tuple[Path, list[Text]]]:
    """Each model's directory, and what vLLM wrote with it."""
    made = {
        name: write_checkpoint(tmp_path_factory.mktemp("arctic"), **{"seed": number} | keys)
        for number, (name, keys) in enumerate(MODELS.items())
    }
    results = run_engines([Engine(checkpoint, (ROUND,)) for checkpoint in made.values()])
    return {name: (made[name], result[0]) for name, result in zip(made, results, strict=True)}


@pytest.mark.parametrize("name", MODELS)
def test_tokens_and_distributions_are_those_of_our_torch_model(
    name: str, texts: dict[str, tuple[Path, list[Text]]]
) -> None:
    checkpoint, written = texts[name]
    assert [len(text.ids) for text in written] == [16] * 4
    assert_same(checkpoint, written)


@pytest.mark.parametrize("mutation", ["moe reads a", "norms swapped", "top-1", "no renormalisation", "no residual"])
def test_a_wrong_network_would_be_noticed(
    mutation: plain_arctic.Mutation, texts: dict[str, tuple[Path, list[Text]]]
) -> None:
    text = texts["small"][1][0]
    config = RELEASED | SMALL
    wrong = plain_arctic.logits(random_tensors(config, seed=0), config, text.prompt + text.ids, mutation)
    wrong_logprobs = plain_arctic.logprobs(wrong)[len(text.prompt) - 1 : -1]
    assert np.abs(wrong_logprobs - text.logprobs).max() > 1e-2


def test_bf16_is_no_further_from_fp32_than_our_own_bf16(tmp_path: Path, run_engines: RunEngines) -> None:
    """Medians over the steps: where two experts all but tie, rounding chooses another, and that one step differs by much."""
    checkpoint = write_checkpoint(tmp_path, dtype="bfloat16", num_hidden_layers=3)
    ((written,),) = run_engines([Engine(checkpoint, (ROUND,), {"dtype": "bfloat16"})])
    theirs, ours = [], []
    for text in written:
        exact = torch_logprobs(checkpoint, text, "float32")
        theirs += np.abs(text.logprobs - exact).max(-1).tolist()
        ours += np.abs(torch_logprobs(checkpoint, text) - exact).max(-1).tolist()
    assert np.median(theirs) < 1.5 * np.median(ours) < 0.3
