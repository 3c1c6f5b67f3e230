"""Decoding: greedy, sampled, in batches of unequal lengths; where it stops and what it refuses."""

import random

import pytest

torch = pytest.importorskip("torch", reason="the Arctic model needs torch: `make venv-vllm` installs it")

from model_service.arctic.generate import Sampling, choose, generate  # noqa: E402
from model_service.arctic.model import Arctic  # noqa: E402
from model_service.checkpoints.load import load_model  # noqa: E402
from model_service.errors import RequestError  # noqa: E402
from tests.model_service.conftest import MakeCheckpoint  # noqa: E402

PROMPTS = [[5, 9, 200], [7], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [300, 301]]


@pytest.fixture(scope="module")
def model(make_checkpoint: MakeCheckpoint) -> Arctic:
    return load_model(make_checkpoint(num_hidden_layers=3, seed=3))


def greedy_without_cache(model: Arctic, prompt: list[int], count: int) -> list[int]:
    ids = list(prompt)
    for _ in range(count):
        ids.append(int(model.logits(ids)[-1].argmax()))
    return ids[len(prompt) :]


def test_greedy_is_the_best_token_of_the_whole_sequence_each_time(model: Arctic) -> None:
    assert generate(model, [PROMPTS[0]], max_new_tokens=20) == [greedy_without_cache(model, PROMPTS[0], 20)]


def test_a_batch_of_unequal_lengths_is_each_prompt_alone(model: Arctic) -> None:
    alone = [generate(model, [prompt], max_new_tokens=16)[0] for prompt in PROMPTS]
    assert generate(model, PROMPTS, max_new_tokens=16) == alone


def test_a_large_batch_is_each_prompt_alone(model: Arctic) -> None:
    draws = random.Random(0)
    prompts = [[draws.randrange(320) for _ in range(draws.randrange(1, 30))] for _ in range(40)]
    expected = [generate(model, [prompt], max_new_tokens=3)[0] for prompt in prompts]
    assert generate(model, prompts, max_new_tokens=3) == expected


def test_a_prompt_that_ends_leaves_the_others_as_they_are(model: Arctic) -> None:
    free = generate(model, PROMPTS, max_new_tokens=12)
    stop = free[2][4]
    expected = [ids[: ids.index(stop) + 1] if stop in ids else ids for ids in free]
    assert generate(model, PROMPTS, max_new_tokens=12, stop_ids=[stop]) == expected
    assert len(expected[2]) <= 5 < len(max(expected, key=len))


def test_no_prompts_no_text(model: Arctic) -> None:
    assert generate(model, []) == []


def test_a_seed_gives_the_same_text_again_and_another_another(model: Arctic) -> None:
    texts = [generate(model, PROMPTS, max_new_tokens=10, sampling=Sampling(1.0, 0.9, seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_a_sample_does_not_depend_on_the_others(model: Arctic) -> None:
    sampling = Sampling(0.8, 0.95, 7)
    other = [PROMPTS[0], [44, 45, 46, 47]]
    first = generate(model, PROMPTS, max_new_tokens=10, sampling=sampling)[0]
    assert generate(model, other, max_new_tokens=10, sampling=sampling)[0] == first


def test_samples_come_as_often_as_they_should() -> None:
    logits = torch.tensor([0.5, 0.2, 0.3]).log()
    draw = random.Random(0)
    chosen = [choose(logits, Sampling(1.0), draw) for _ in range(20_000)]
    shares = [chosen.count(token) / 20_000 for token in range(3)]
    assert shares == pytest.approx([0.5, 0.2, 0.3], abs=0.015)


@pytest.mark.parametrize(("top_p", "kept"), [(0.4, {0}), (0.51, {0, 2}), (0.81, {0, 1, 2}), (1e-9, {0})])
def test_top_p_keeps_the_likeliest(top_p: float, kept: set[int]) -> None:
    draw = random.Random(0)
    logits = torch.tensor([0.5, 0.2, 0.3]).log()
    assert {choose(logits, Sampling(1.0, top_p), draw) for _ in range(500)} == kept


def test_a_low_temperature_is_nearly_greedy() -> None:
    draw = random.Random(0)
    logits = torch.tensor([0.5, 0.2, 0.3]).log()
    assert {choose(logits, Sampling(1e-4), draw) for _ in range(500)} == {0}


@pytest.mark.parametrize("options", [(-1.0, 1.0), (float("nan"), 1.0), (1.0, 0.0), (1.0, 1.1)])
def test_senseless_sampling_is_refused(options: tuple[float, float]) -> None:
    with pytest.raises(RequestError):
        Sampling(*options)


@pytest.mark.parametrize(
    ("prompt", "new_tokens", "message"),
    [
        ([320], 1, "No token has the id 320"),
        ([-1], 1, "No token has the id -1"),
        ([], 1, "no token to start from"),
        ([1] * 4090, 7, "more than the context of 4,096"),
        ([1] * 4097, None, "more than the context"),
        ([1], 0, "0 new tokens"),
    ],
)
def test_what_the_model_cannot_do_is_refused(
    model: Arctic, prompt: list[int], new_tokens: int | None, message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        generate(model, [[1, 2], prompt], max_new_tokens=new_tokens)


def test_the_context_may_be_filled_to_the_last_token(make_checkpoint: MakeCheckpoint) -> None:
    small = load_model(make_checkpoint(num_hidden_layers=1, max_position_embeddings=32))
    assert len(generate(small, [[1] * 30])[0]) == 2
    assert len(generate(small, [[1] * 20], max_new_tokens=12)[0]) == 12
