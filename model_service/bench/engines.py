"""One engine in a process of its own, that runs a prompt when told to: `python -m model_service.bench.engines NAME PATH`.

Each line on stdin is {"prompt": [ids], "new_tokens": N}; each on stdout the seconds it took and the ids. One thread, on
one core, so that engines that take turns have the same machine and a busy neighbour costs each the same.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[[list[int], int], list[int]]
ENGINES = ("torch", "vllm", "llama.cpp")


def open_torch(path: Path) -> Run:
    """Our model, mapped."""
    import torch

    from model_service.arctic.generate import generate
    from model_service.checkpoints.load import load_model

    torch.set_num_threads(1)
    model = load_model(path)
    return lambda prompt, count: generate(model, [prompt], max_new_tokens=count)[0]


def open_vllm(path: Path) -> Run:
    """The plugin in vLLM's own loop, eager, without its prefix cache."""
    from vllm import LLM, SamplingParams

    options: dict[str, Any] = {"skip_tokenizer_init": True, "enforce_eager": True, "enable_prefix_caching": False}
    llm = LLM(model=str(path), dtype="bfloat16", max_model_len=1024, max_num_seqs=1, **options)

    def run(prompt: list[int], count: int) -> list[int]:
        parameters = SamplingParams(max_tokens=count, temperature=0, detokenize=False, ignore_eos=True)
        outputs = llm.generate([{"prompt_token_ids": prompt}], parameters, use_tqdm=False)
        return list(outputs[0].outputs[0].token_ids)

    return run


def open_llama(path: Path) -> Run:
    """llama.cpp in this process."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx, params.n_parallel = 1024, 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.hostnames, params.port, params.warmup, params.verbosity = ["127.0.0.1"], 0, False, 0
    server = xllamacpp.Server(params)
    fixed = {"temperature": 0, "ignore_eos": True, "cache_prompt": False, "logprobs": 1, "n_probs": 1}

    def run(prompt: list[int], count: int) -> list[int]:
        answer = server.handle_completions({"prompt": prompt, "max_tokens": count, **fixed})
        fields = answer if isinstance(answer, dict) else json.loads(answer)
        return [entry["id"] for entry in fields["choices"][0]["logprobs"]["content"]]

    return run


def environment() -> dict[str, str]:
    """One thread on the last core, and none of vLLM's helpers."""
    core = str(max(os.sched_getaffinity(0)))
    return os.environ | {
        "OMP_NUM_THREADS": "1",
        "VLLM_CPU_OMP_THREADS_BIND": core,
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_HOST_IP": "127.0.0.1",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }


def main() -> None:
    """Answer each line until stdin ends. The answers have a descriptor of their own: engines print to stdout."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    run = {"torch": open_torch, "vllm": open_vllm, "llama.cpp": open_llama}[sys.argv[1]](Path(sys.argv[2]))
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        began = time.perf_counter()
        ids = run(asked["prompt"], asked["new_tokens"])
        print(json.dumps({"seconds": time.perf_counter() - began, "ids": ids}), file=answers, flush=True)


if __name__ == "__main__":
    main()
