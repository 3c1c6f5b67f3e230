"""Run vLLM engines, one after the other, in a process of their own: `main JOB.pickle RESULTS.pickle`

vLLM sets up threads, distributed groups and environment once for a process, and
several workers (TP, PP, EP) start from it as they do for a user. A job is a list of `Engine`; a result a list of lists of `Text`.
"""

import gc
import pickle
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Round:
    """Prompts sent together, all continued greedily; with the adapter in `lora`, or in turn with and without it."""

    prompts: tuple[tuple[int, ...], ...]
    tokens: int = 16
    lora: str = ""
    mixed: bool = False


@dataclass(frozen=True)
class Engine:
    """A checkpoint, vLLM's arguments beside the ones every test gives, and what is asked."""

    checkpoint: Path
    rounds: tuple[Round, ...]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Text:
    """One prompt's continuation: ids, log-probabilities of the whole vocabulary at each, prompt tokens found in the cache."""

    prompt: tuple[int, ...]
    ids: tuple[int, ...]
    logprobs: np.ndarray  # [tokens, V]
    cached: int


COMMON: dict[str, Any] = {
    "skip_tokenizer_init": True,
    "enforce_eager": True,
    "dtype": "float32",
    "max_logprobs": -1,
    "max_model_len": 256,
    "max_num_seqs": 8,
    "seed": 0,
}


def run(engine: Engine) -> list[list[Text]]:
    """The texts of each asked."""
    from vllm import LLM

    llm = LLM(model=str(engine.checkpoint), **COMMON | engine.options)
    vocab = llm.llm_engine.model_config.get_vocab_size()
    texts = [_ask(llm, vocab, asked) for asked in engine.rounds]
    del llm
    gc.collect()
    return texts


def _ask(llm: Any, vocab: int, asked: Round) -> list[Text]:
    from vllm import SamplingParams

    parameters = SamplingParams(max_tokens=asked.tokens, temperature=0, logprobs=-1, detokenize=False, ignore_eos=True)
    requests = [{"prompt_token_ids": list(prompt)} for prompt in asked.prompts]
    outputs = llm.generate(requests, parameters, use_tqdm=False, lora_request=_adapters(asked))
    return [_text(output, vocab) for output in outputs]


def _adapters(asked: Round) -> Any:
    if not asked.lora:
        return None
    from vllm.lora.request import LoRARequest

    adapter = LoRARequest("adapter", 1, asked.lora)
    return [adapter if not asked.mixed or n % 2 == 0 else None for n in range(len(asked.prompts))]


def _text(output: Any, vocab: int) -> Text:
    done = output.outputs[0]
    logprobs = np.array([[step[token].logprob for token in range(vocab)] for step in done.logprobs])
    return Text(tuple(output.prompt_token_ids), tuple(done.token_ids), logprobs, output.num_cached_tokens or 0)


def main() -> None:
    job, results = (Path(argument) for argument in sys.argv[1:])
    results.write_bytes(pickle.dumps([run(engine) for engine in pickle.loads(job.read_bytes())]))
