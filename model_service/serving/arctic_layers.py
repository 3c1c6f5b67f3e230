"""Arctic's layer in vLLM's layers: the network of `model.py`, sharded over GPUs, with vLLM's cache, batching and kernels.

    a = x + Attention(input_layernorm(x))
    y = a + ResidualMLP(residual_layernorm(a)) + MoE(post_attention_layernorm(x))

The MoE reads the layer's input, so vLLM may run it beside the residual MLP: this is handed to the experts as "shared
experts" with an input of its own. Under tensor parallelism both give partial sums, and one all-reduce serves both.
`x` is needed again after attention, so norms and residual additions are not fused as in other models, and one tensor
goes from a pipeline stage to the next.
"""

from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from vllm.config import VllmConfig
from vllm.distributed import get_ep_group, get_tensor_model_parallel_world_size
from vllm.model_executor.layers.activation import SiluAndMul
from vllm.model_executor.layers.attention import Attention
from vllm.model_executor.layers.fused_moe import FusedMoEFactory, GateLinear
from vllm.model_executor.layers.layernorm import RMSNorm
from vllm.model_executor.layers.linear import MergedColumnParallelLinear, QKVParallelLinear, RowParallelLinear
from vllm.model_executor.layers.rotary_embedding import get_rope
from vllm.model_executor.models.utils import extract_layer_index
from vllm.platforms import current_platform

from model_service.arctic.config import ArcticConfig


class ArcticMLP(nn.Module):
    """w2(silu(w1 x) * w3 x): the residual MLP, or that of a layer without experts.

    reduce: add the ranks' partial sums up here; the residual MLP leaves that to the experts' all-reduce.
    """

    def __init__(self, vllm_config: VllmConfig, hidden: int, inner: int, *, reduce: bool, prefix: str) -> None:
        super().__init__()
        quant = {"bias": False, "quant_config": vllm_config.quant_config}
        self.w13 = MergedColumnParallelLinear(hidden, [inner, inner], prefix=f"{prefix}.w13", **quant)
        self.w2 = RowParallelLinear(inner, hidden, reduce_results=reduce, prefix=f"{prefix}.w2", **quant)
        self.silu_and_mul = SiluAndMul()

    def forward(self, x: Tensor) -> Tensor:
        """x [T, D] -> [T, D]."""
        gate_up, _ = self.w13(x)  # [T, 2I]
        out, _ = self.w2(self.silu_and_mul(gate_up))  # [T, D]
        return out


class ArcticDense(nn.Module):
    """What stands in for the experts in a layer without any; the released checkpoint has none such."""

    def __init__(self, vllm_config: VllmConfig, config: ArcticConfig, prefix: str) -> None:
        super().__init__()
        self.mlp = ArcticMLP(
            vllm_config, config.hidden_size, config.intermediate_size, reduce=True, prefix=f"{prefix}.mlp"
        )

    def forward(self, x: Tensor) -> Tensor:
        """x [T, D] -> [T, D]."""
        return self.mlp(x)


class ArcticMoE(nn.Module):
    """Router and experts; with `residual_mlp`, its output is added before the ranks' sums are."""

    def __init__(
        self, vllm_config: VllmConfig, config: ArcticConfig, residual_mlp: ArcticMLP | None, prefix: str
    ) -> None:
        super().__init__()
        parallel = vllm_config.parallel_config
        self.n_redundant_experts = parallel.eplb_config.num_redundant_experts
        self.n_physical_experts = config.num_local_experts + self.n_redundant_experts
        self.n_local_physical_experts = self.n_physical_experts // get_ep_group().device_group.size()
        self.has_residual = residual_mlp is not None
        # Never quantized, and fp32 out of it: near ties decide which expert a token gets.
        self.gate = GateLinear(
            config.hidden_size,
            config.num_local_experts,
            out_dtype=torch.float32,
            force_fp32_compute=True,
            prefix=f"{prefix}.gate",
        )
        with _cpu_experts(vllm_config) as cpu_arguments:
            self.experts = FusedMoEFactory(
                num_experts=config.num_local_experts,
                top_k=config.num_experts_per_tok,
                hidden_size=config.hidden_size,
                intermediate_size=config.intermediate_size,
                renormalize=config.num_experts_per_tok > 1,
                quant_config=vllm_config.quant_config,
                enable_eplb=parallel.enable_eplb,
                num_redundant_experts=self.n_redundant_experts,
                shared_experts=residual_mlp,
                router_logits_dtype=torch.float32,
                ckpt_names=("w1", "w2", "w3"),
                prefix=f"{prefix}.experts",
                **cpu_arguments,
            )

    def forward(self, x: Tensor, residual_input: Tensor | None = None) -> Tensor:
        """x [T, D], residual_input [T, D] for the residual MLP -> [T, D], the sum of both."""
        router_logits, _ = self.gate(x)  # [T, E] fp32
        return self.experts(x, router_logits, shared_experts_input=residual_input)


class ArcticAttention(nn.Module):
    """Causal attention; several query heads share a key/value head; RoPE over the whole head."""

    def __init__(self, vllm_config: VllmConfig, config: ArcticConfig, prefix: str) -> None:
        super().__init__()
        ranks = get_tensor_model_parallel_world_size()
        heads, kv_heads, size = config.num_attention_heads, config.num_key_value_heads, config.head_dim
        quant = vllm_config.quant_config
        self.qkv_proj = QKVParallelLinear(
            config.hidden_size, size, heads, kv_heads, bias=False, quant_config=quant, prefix=f"{prefix}.qkv_proj"
        )
        self.o_proj = RowParallelLinear(
            heads * size, config.hidden_size, bias=False, quant_config=quant, prefix=f"{prefix}.o_proj"
        )
        local_heads, local_kv_heads = heads // ranks, max(1, kv_heads // ranks)
        self.split_sizes = [local_heads * size, local_kv_heads * size, local_kv_heads * size]
        self.rotary_emb = get_rope(
            size,
            max_position=config.max_position_embeddings,
            rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
            is_neox_style=True,
        )
        self.attn = Attention(
            local_heads,
            size,
            size**-0.5,
            num_kv_heads=local_kv_heads,
            cache_config=vllm_config.cache_config,
            quant_config=quant,
            prefix=f"{prefix}.attn",
        )

    def forward(self, positions: Tensor, x: Tensor) -> Tensor:
        """positions [T], x [T, D] -> [T, D]."""
        qkv, _ = self.qkv_proj(x)  # [T, (H + 2 K) * size]
        q, k, v = qkv.split(self.split_sizes, dim=-1)
        q, k = self.rotary_emb(positions, q, k)
        out, _ = self.o_proj(self.attn(q, k, v))  # [T, D]
        return out


class ArcticDecoderLayer(nn.Module):
    """One of the 35."""

    def __init__(self, vllm_config: VllmConfig, config: ArcticConfig, prefix: str) -> None:
        super().__init__()
        number, hidden = extract_layer_index(prefix), config.hidden_size
        self.self_attn = ArcticAttention(vllm_config, config, f"{prefix}.self_attn")
        self.input_layernorm = RMSNorm(hidden, eps=config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(hidden, eps=config.rms_norm_eps)
        self.residual_mlp: ArcticMLP | None = None
        if config.has_residual_mlp(number):  # before the experts, which hold it too: the first name is the loader's
            self.residual_layernorm = RMSNorm(hidden, eps=config.rms_norm_eps)
            self.residual_mlp = ArcticMLP(vllm_config, hidden, hidden, reduce=False, prefix=f"{prefix}.residual_mlp")
        self.block_sparse_moe = (
            ArcticMoE(vllm_config, config, self.residual_mlp, f"{prefix}.block_sparse_moe")
            if config.is_moe_layer(number)
            else ArcticDense(vllm_config, config, f"{prefix}.block_sparse_moe")
        )

    def forward(self, positions: Tensor, x: Tensor) -> Tensor:
        """positions [T], x [T, D] -> [T, D]."""
        a = x + self.self_attn(positions, self.input_layernorm(x))  # [T, D]
        if self.residual_mlp is None:
            return a + self.block_sparse_moe(self.post_attention_layernorm(a))
        return a + self.block_sparse_moe(self.post_attention_layernorm(x), self.residual_layernorm(a))


def _cpu_experts(vllm_config: VllmConfig) -> Any:
    """A context with the further arguments that experts need on the CPU; none elsewhere."""
    if not current_platform.is_cpu():
        return nullcontext({})
    from model_service.serving.arctic_cpu import cpu_experts

    return cpu_experts(vllm_config)
