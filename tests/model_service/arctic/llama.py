"""llama.cpp as the other opinion: a GGUF in, greedy ids and the whole distribution at each of them out."""

import json
from pathlib import Path
from typing import Any

import numpy as np


class Llama:
    """One model in llama.cpp, in this process, one thread, with nothing rounded that need not be."""

    def __init__(self, path: Path, context: int = 256) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx, params.n_parallel = context, 1
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED  # it works in fp16
        params.hostnames, params.port = ["127.0.0.1"], 0
        params.warmup, params.verbosity = False, 0
        self.server: Any = xllamacpp.Server(params)

    def complete(self, prompt: list[int] | str, count: int, vocab: int) -> tuple[list[int], np.ndarray]:
        """`count` greedy ids after the prompt, and the log-probabilities [count, vocab] each was chosen from."""
        request = {"prompt": prompt, "max_tokens": count, "temperature": 0, "logprobs": vocab, "n_probs": vocab}
        answer = self.server.handle_completions(request | {"ignore_eos": False, "cache_prompt": False})
        entries = (answer if isinstance(answer, dict) else json.loads(answer))["choices"][0]["logprobs"]["content"]
        values = np.full((len(entries), vocab), -np.inf)
        for row, entry in enumerate(entries):
            for top in entry["top_logprobs"]:
                values[row, top["id"]] = top["logprob"]
        return [entry["id"] for entry in entries], values
