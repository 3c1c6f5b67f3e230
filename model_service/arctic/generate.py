"""Ids -> the ids that follow: prefill each prompt, then decode all together, one token of each a step."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model_service.arctic.cache import KVCache
from model_service.arctic.config import ArcticConfig
from model_service.arctic.model import Arctic
from model_service.errors import RequestError

DEFAULT_NEW_TOKENS = 128


@dataclass(frozen=True)
class Sampling:
    """How a token is chosen. temperature 0: the most likely one. top_p: only among the likeliest whose sum reaches it."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise RequestError(f"A temperature of {self.temperature} makes no sense.", "Give 0 or more.")
        if not 0 < self.top_p <= 1:
            raise RequestError(f"top-p is {self.top_p}.", "Give more than 0 and at most 1.")


GREEDY = Sampling()


def require_ids(config: ArcticConfig, ids: Sequence[int], new_tokens: int = 0) -> None:
    """Nothing, if the model can take the ids and as many new ones. Raises RequestError."""
    if not ids:
        raise RequestError("There is no token to start from.", "Give a text or ids.")
    unknown = [token for token in ids if not 0 <= token < config.vocab_size]
    if unknown:
        raise RequestError(
            f"No token has the id {unknown[0]}: the vocabulary has {config.vocab_size:,}, counted from 0.",
            "Give ids of this model's tokenizer.",
        )
    room = config.max_position_embeddings - len(ids)
    if new_tokens > room:
        raise RequestError(
            f"{len(ids):,} tokens and {new_tokens:,} new ones are more than the context of "
            f"{config.max_position_embeddings:,} tokens.",
            f"Ask for at most {room:,} new tokens." if room > 0 else "Shorten the prompt.",
        )


def generate(
    model: Arctic,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int | None = None,
    sampling: Sampling = GREEDY,
    stop_ids: Collection[int] = (),
) -> list[list[int]]:
    """The new ids of each prompt, up to and with the first stop id.

    max_new_tokens None: 128, or what the context has room for. A prompt's sample depends on the seed and its place among
    the prompts, not on the others. Raises RequestError for ids out of the vocabulary or more tokens than the context.
    """
    limit = _limit(model.config, prompts, max_new_tokens)
    for prompt in prompts:
        require_ids(model.config, prompt, limit)
    return _decode(model, prompts, limit, sampling, frozenset(stop_ids))


def _limit(config: ArcticConfig, prompts: Sequence[Sequence[int]], max_new_tokens: int | None) -> int:
    if max_new_tokens is not None:
        if max_new_tokens < 1:
            raise RequestError(f"{max_new_tokens} new tokens are none.", "Ask for at least 1.")
        return max_new_tokens
    longest = max((len(prompt) for prompt in prompts), default=0)
    return max(1, min(DEFAULT_NEW_TOKENS, config.max_position_embeddings - longest))


@torch.inference_mode()
def _decode(
    model: Arctic, prompts: Sequence[Sequence[int]], limit: int, sampling: Sampling, stop_ids: frozenset[int]
) -> list[list[int]]:
    """A prompt that has ended leaves the batch, so the others go on without it."""
    new_ids: list[list[int]] = [[] for _ in prompts]
    draws = [random.Random(f"{sampling.seed} {row}") for row in range(len(prompts))]
    running = list(range(len(prompts)))
    cache, hidden = prefill(model, prompts, limit)  # [B, D]
    while running:
        chosen = [choose(row, sampling, draws[at]) for at, row in zip(running, model.head(hidden), strict=True)]
        for at, token in zip(running, chosen, strict=True):
            new_ids[at].append(token)
        going = [
            row for row, token in enumerate(chosen) if token not in stop_ids and len(new_ids[running[row]]) < limit
        ]
        if len(going) < len(running):
            cache.keep(going)
        running = [running[row] for row in going]
        if running:
            hidden = model(torch.tensor([[chosen[row]] for row in going], device=model.device), cache)[:, 0]  # [B, D]
    return new_ids


def prefill(model: Arctic, prompts: Sequence[Sequence[int]], room: int) -> tuple[KVCache, Tensor]:
    """A cache with every prompt in it and room for more tokens, and the last hidden state of each [B, D].

    One prompt at a time, so none is padded and no expert works on padding.
    """
    longest = max((len(prompt) for prompt in prompts), default=0)
    cache = model.new_cache(batch=len(prompts), capacity=longest + room)
    last = torch.empty(len(prompts), model.config.hidden_size, dtype=model.dtype, device=model.device)  # [B, D]
    for row, prompt in enumerate(prompts):
        alone = model.new_cache(batch=1, capacity=len(prompt))
        last[row] = model(torch.tensor([prompt], device=model.device), alone)[0, -1]
        cache.put(row, alone)
    return cache, last


def choose(logits: Tensor, sampling: Sampling, draw: random.Random) -> int:
    """One id, from logits [V] fp32."""
    if sampling.temperature == 0:
        return int(logits.argmax())
    likely = torch.softmax(logits.double() / sampling.temperature, dim=-1)  # [V]
    probabilities, ids = likely.sort(descending=True, stable=True)  # [V]
    before = probabilities.cumsum(-1) - probabilities  # [V]: of all likelier ones
    kept = probabilities[before < sampling.top_p].cumsum(-1)  # at least the first
    at = int(torch.searchsorted(kept, draw.random() * float(kept[-1]), right=True))
    return int(ids[min(at, len(kept) - 1)])
