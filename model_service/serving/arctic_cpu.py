"""What vLLM's CPU backend lacks for Arctic: four small pieces, for the CPU only. On a GPU nothing here is called.

1. Pipeline parallel: a later stage's input buffer is made only in the dummy run, which the CPU runner skips in eager mode.
2. Expert parallel: `cpu_fused_moe` ignores the expert map, takes global ids for local weights and reads beyond them.
3. LoRA: with any LoRA config, vLLM picks a Triton kernel for the experts, also where there is no Triton.
4. LoRA: a request without adapter has number -1, by which Python finds the last adapter; it silently gets that one.
All are faults of vLLM 0.32, not of Arctic: an in-tree Mixtral meets 1 and 2 in the same way.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from vllm.config import VllmConfig
from vllm.lora.ops.torch_ops import lora_ops
from vllm.lora.punica_wrapper import punica_cpu
from vllm.model_executor.layers.fused_moe.routed_experts import RoutedExperts
from vllm.v1.worker.gpu_model_runner import GPUModelRunner


def make_pipeline_buffer_when_needed() -> None:
    """Give a later pipeline stage its input buffer on first use. May be called more than once."""
    original = GPUModelRunner.sync_and_gather_intermediate_tensors
    if hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def with_buffer(runner: Any, *args: Any, **keys: Any) -> Any:
        if runner.intermediate_tensors is None:
            runner.intermediate_tensors = runner.model.make_empty_intermediate_tensors(
                batch_size=runner.max_num_tokens, dtype=runner.model_config.dtype, device=runner.device
            )
        return original(runner, *args, **keys)

    GPUModelRunner.sync_and_gather_intermediate_tensors = with_buffer


def leave_requests_without_adapter_alone() -> None:
    """Make nothing of what an adapter would add to tokens that have none. May be called more than once."""
    original = lora_ops.bgmv_shrink
    if hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def masked(x: Tensor, a: Tensor, out: Tensor, adapter: Tensor, *args: Any, **keys: Any) -> None:
        """x [T, D], a [adapters, 1, R, D], adapter [T] -> out [T, R]."""
        original(x, a, out, adapter, *args, **keys)
        out[adapter < 0] = 0  # [T, R]

    lora_ops.bgmv_shrink = punica_cpu.bgmv_shrink = masked


class MappedRoutedExperts(RoutedExperts):
    """RoutedExperts whose kernel sees this rank's own numbers for the experts."""

    def forward_modular(self, x: Tensor, topk_weights: Tensor, topk_ids: Tensor, **keys: Any) -> Any:
        """x [T, D], topk_weights [T, A] fp32, topk_ids [T, A] int32, of all ranks' experts -> [T, D], this rank's share.

        An expert of another rank becomes expert 0 with weight 0: computed, and added as nothing.
        """
        if self.expert_map is not None:
            local = self.expert_map[topk_ids.long()]  # [T, A], -1 where the expert is another rank's
            topk_weights = torch.where(local < 0, 0.0, topk_weights).contiguous()  # [T, A]
            topk_ids = local.clamp(min=0).to(topk_ids.dtype).contiguous()  # [T, A]
        return super().forward_modular(x, topk_weights, topk_ids, **keys)


@contextmanager
def cpu_experts(vllm_config: VllmConfig) -> Iterator[dict[str, Any]]:
    """FusedMoEFactory's further arguments. Inside, experts are built as if there were no LoRA; the rest still has it."""
    lora, vllm_config.lora_config = vllm_config.lora_config, None
    try:
        yield {"routed_experts_cls": MappedRoutedExperts}
    finally:
        vllm_config.lora_config = lora
