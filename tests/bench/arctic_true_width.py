"""One layer of Arctic at its true width, in FP8 on a CPU: `python tests/bench/arctic_true_width.py [--experts 128]`

7168 wide, 56 heads, 128 experts of 4864: 13.7 GB of FP8 codes, made in place of random bytes, never wider. Prints its
bytes, and for 1, 8 and 64 tokens the time of a forward pass (median of --rounds), the bytes that had to be read, and
their rate against a plain read of memory in the same run.
"""

import argparse
import time
from statistics import median

import torch
from torch import Tensor, nn

from model_service.arctic.attention import causal_mask, rotations
from model_service.arctic.cache import KVCache
from model_service.arctic.config import ArcticConfig
from model_service.arctic.layers import Linear
from model_service.arctic.model import DecoderLayer
from model_service.arctic.moe import route
from model_service.bench.models import read_bandwidth

TRUE_WIDTH = {"vocab_size": 32, "hidden_size": 7168, "intermediate_size": 4864, "num_hidden_layers": 1}
TRUE_WIDTH |= {"num_attention_heads": 56, "num_key_value_heads": 8, "num_experts_per_tok": 2}


def random_layer(config: ArcticConfig) -> DecoderLayer:
    """A layer whose matrices are FP8 codes of random bytes, scaled to keep the size of their input."""
    layer = DecoderLayer(config, 0).eval()
    for module in layer.modules():
        if isinstance(module, Linear):
            out, width = module.weight.shape
            if module is layer.block_sparse_moe.gate:
                module.weight = nn.Parameter(torch.randn(out, width).bfloat16() / width**0.5, requires_grad=False)
                continue
            codes = torch.empty(out * width // 8, dtype=torch.int64).random_().view(torch.uint8).view(out, width)
            codes &= 0xEF  # no NaN, at most 288
            module.weight = nn.Parameter(codes.view(torch.float8_e4m3fn), requires_grad=False)
            module.weight_scale = torch.full((out, 1), 1 / (50 * width**0.5))
        elif isinstance(getattr(module, "weight", None), nn.Parameter):
            module.weight = nn.Parameter(torch.ones(module.weight.shape), requires_grad=False)
    return layer


def bytes_read(layer: DecoderLayer, x: Tensor) -> int:
    """Of the weights that these tokens need: all but the experts nobody chose."""
    chosen, _ = route(layer.post_attention_layernorm(x)[0], layer.block_sparse_moe.gate.weight, 2)
    idle = [
        expert for at, expert in enumerate(layer.block_sparse_moe.experts) if at not in set(chosen.flatten().tolist())
    ]
    return size(layer) - sum(size(expert) for expert in idle)


def size(module: nn.Module) -> int:
    """Bytes of its weights and scales."""
    return sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))


@torch.inference_mode()
def seconds(layer: DecoderLayer, config: ArcticConfig, x: Tensor) -> float:
    """One forward pass of the tokens x [1, T, D], as a prompt."""
    cache = KVCache(config, batch=1, capacity=x.shape[1], dtype=x.dtype)
    positions = cache.next_positions(x.shape[1])
    began = time.perf_counter()
    y = layer(x, positions, rotations(positions, config), causal_mask(positions, x.shape[1]), cache)
    assert bool(y.isfinite().all())
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experts", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    config = ArcticConfig(**TRUE_WIDTH, num_local_experts=args.experts)
    began = time.perf_counter()
    layer = random_layer(config)
    print(
        f"{size(layer) / 1e9:.2f} GB of weights, made in {time.perf_counter() - began:.0f} s; {args.threads} thread(s)"
    )
    probe = torch.ones(2**28)
    for tokens in (1, 8, 64):
        inputs = [torch.randn(1, tokens, config.hidden_size).bfloat16() for _ in range(args.rounds + 1)]
        taken = [(seconds(layer, config, x), bytes_read(layer, x)) for x in inputs][1:]
        rate, bandwidth = median(count / took for took, count in taken), read_bandwidth(probe)
        print(
            f"{tokens} tokens: {median(took for took, _ in taken) * 1e3:.0f} ms, {median(count for _, count in taken) / 1e9:.2f} GB, "
            f"{rate / 1e9:.2f} GB/s, {rate / bandwidth:.0%} of one thread's {bandwidth / 1e9:.1f} GB/s"
        )


if __name__ == "__main__":
    main()
