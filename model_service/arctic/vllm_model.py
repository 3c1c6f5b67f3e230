"""Arctic in vLLM's layers: the network of `model.py`, sharded over GPUs, with vLLM's cache, batching and kernels.

    a = x + Attention(input_layernorm(x))
    y = a + ResidualMLP(residual_layernorm(a)) + MoE(post_attention_layernorm(x))

The MoE reads the layer's input, so vLLM may run it beside the residual MLP: this is handed to the experts as "shared
experts" with an input of its own. Under tensor parallelism both give partial sums, and one all-reduce serves both.
`x` is needed again after attention, so norms and residual additions are not fused as in other models, and one tensor
goes from a pipeline stage to the next.
"""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from vllm.compilation.decorators import support_torch_compile
from vllm.config import VllmConfig
from vllm.distributed import get_ep_group, get_pp_group, get_tensor_model_parallel_world_size
from vllm.model_executor.layers.activation import SiluAndMul
from vllm.model_executor.layers.attention import Attention
from vllm.model_executor.layers.fused_moe import FusedMoEFactory, GateLinear
from vllm.model_executor.layers.layernorm import RMSNorm
from vllm.model_executor.layers.linear import MergedColumnParallelLinear, QKVParallelLinear, RowParallelLinear
from vllm.model_executor.layers.logits_processor import LogitsProcessor
from vllm.model_executor.layers.rotary_embedding import get_rope
from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead, VocabParallelEmbedding
from vllm.model_executor.models.interfaces import MixtureOfExperts, SupportsLoRA, SupportsPP, SupportsQuant
from vllm.model_executor.models.utils import (
    AutoWeightsLoader,
    PPMissingLayer,
    WeightsMapper,
    extract_layer_index,
    make_empty_intermediate_tensors_factory,
    make_layers,
    maybe_prefix,
)
from vllm.platforms import current_platform
from vllm.sequence import IntermediateTensors

from model_service.arctic import fp8
from model_service.arctic.checkpoint import is_finite
from model_service.arctic.config import ArcticConfig, parse_config
from model_service.arctic.tensors import tensor_specs


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


@support_torch_compile
class ArcticModel(nn.Module):
    """Embedding, layers, last norm: this pipeline stage's part of it."""

    # With the trailing dot: a bare ".w1" would also rename the experts' tensors.
    hf_to_vllm_mapper = WeightsMapper(
        orig_to_new_stacked={
            ".q_proj": (".qkv_proj", "q"),
            ".k_proj": (".qkv_proj", "k"),
            ".v_proj": (".qkv_proj", "v"),
            **{f".{mlp}.w1.": (f".{mlp}.w13.", 0) for mlp in ("residual_mlp", "mlp")},
            **{f".{mlp}.w3.": (f".{mlp}.w13.", 1) for mlp in ("residual_mlp", "mlp")},
        },
    )

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        super().__init__()
        config = parse_config(vllm_config.model_config.hf_config.to_dict())
        self.embed_tokens = VocabParallelEmbedding(config.vocab_size, config.hidden_size)
        self.start_layer, self.end_layer, self.layers = make_layers(
            config.num_hidden_layers,
            lambda prefix: ArcticDecoderLayer(vllm_config, config, prefix),
            prefix=f"{prefix}.layers",
        )
        self.norm = RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.make_empty_intermediate_tensors = make_empty_intermediate_tensors_factory(
            ["hidden_states"], config.hidden_size
        )

    def embed_input_ids(self, input_ids: Tensor) -> Tensor:
        """input_ids [T] -> [T, D]."""
        return self.embed_tokens(input_ids)

    def forward(
        self,
        input_ids: torch.Tensor | None,
        positions: torch.Tensor,
        intermediate_tensors: IntermediateTensors | None,
        inputs_embeds: torch.Tensor | None = None,
    ) -> torch.Tensor | IntermediateTensors:
        """input_ids, positions [T] -> [T, D], normed in the last stage. The annotations tell the compiler what varies."""
        if not get_pp_group().is_first_rank:
            assert intermediate_tensors is not None
            x = intermediate_tensors["hidden_states"]  # [T, D]
        else:
            x = self.embed_input_ids(input_ids) if inputs_embeds is None else inputs_embeds  # [T, D]
        for layer in islice(self.layers, self.start_layer, self.end_layer):
            x = layer(positions, x)  # [T, D]
        if not get_pp_group().is_last_rank:
            return IntermediateTensors({"hidden_states": x})
        return self.norm(x)

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> set[str]:
        """The names of the parameters that were loaded; called once for each run of tensors with the same first name."""
        return AutoWeightsLoader(self).load_weights(weights, mapper=self.hf_to_vllm_mapper)


class ArcticForCausalLM(nn.Module, SupportsPP, SupportsLoRA, SupportsQuant, MixtureOfExperts):
    """What vLLM runs for `architectures: ["ArcticForCausalLM"]`."""

    hf_to_vllm_mapper = ArcticModel.hf_to_vllm_mapper
    packed_modules_mapping = {"qkv_proj": ["q_proj", "k_proj", "v_proj"], "w13": ["w1", "w3"]}  # noqa: RUF012
    embedding_modules = {"embed_tokens": "input_embeddings", "lm_head": "output_embeddings"}  # noqa: RUF012

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        super().__init__()
        if current_platform.is_cpu():
            from model_service.arctic import vllm_cpu

            vllm_cpu.make_pipeline_buffer_when_needed()
            vllm_cpu.leave_requests_without_adapter_alone()
        self.config = vllm_config.model_config.hf_config
        self.model = ArcticModel(vllm_config=vllm_config, prefix=maybe_prefix(prefix, "model"))
        self.lm_head = ParallelLMHead(
            self.config.vocab_size,
            self.config.hidden_size,
            quant_config=vllm_config.quant_config,
            prefix=maybe_prefix(prefix, "lm_head"),
        )
        if self.config.tie_word_embeddings:
            self.lm_head = self.lm_head.tie_weights(self.model.embed_tokens)
        self.logits_processor = LogitsProcessor(self.config.vocab_size)
        self.make_empty_intermediate_tensors = self.model.make_empty_intermediate_tensors
        self._describe_experts()

    def _describe_experts(self) -> None:
        """The attributes by which vLLM balances experts over ranks."""
        moes = [moe for _, moe in moe_layers(self.model)]
        self.moe_layers = [moe.experts for moe in moes]
        self.num_moe_layers = len(moes)
        self.num_logical_experts = self.num_routed_experts = self.config.num_local_experts
        self.num_redundant_experts = moes[0].n_redundant_experts if moes else 0
        self.num_physical_experts = self.num_logical_experts + self.num_redundant_experts
        self.num_local_physical_experts = moes[0].n_local_physical_experts if moes else 0
        self.num_expert_groups = 1
        self.num_shared_experts = 0  # of the experts' width; the residual MLP is none of them

    def update_physical_experts_metadata(self, num_physical_experts: int, num_local_physical_experts: int) -> None:
        """Note how many copies of experts there are now; vLLM calls it when ranks come or go."""
        assert self.num_local_physical_experts == num_local_physical_experts
        self.num_physical_experts = num_physical_experts
        self.num_redundant_experts = num_physical_experts - self.num_logical_experts
        for _, moe in moe_layers(self.model):
            moe.n_physical_experts = num_physical_experts
            moe.n_local_physical_experts = num_local_physical_experts
            moe.n_redundant_experts = self.num_redundant_experts
            moe.experts.update_expert_map()

    def embed_input_ids(self, input_ids: Tensor) -> Tensor:
        """input_ids [T] -> [T, D]."""
        return self.model.embed_input_ids(input_ids)

    def forward(
        self,
        input_ids: torch.Tensor | None,
        positions: torch.Tensor,
        intermediate_tensors: IntermediateTensors | None = None,
        inputs_embeds: torch.Tensor | None = None,
    ) -> torch.Tensor | IntermediateTensors:
        """input_ids, positions [T] -> [T, D]."""
        return self.model(input_ids, positions, intermediate_tensors, inputs_embeds)

    def compute_logits(self, hidden_states: Tensor) -> Tensor | None:
        """hidden_states [T, D] -> [T, V]; None on ranks that don't sample."""
        return self.logits_processor(self.lm_head, hidden_states)

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> set[str]:
        """The names of the parameters that were loaded. Raises ValueError for an expert that is not there, a wrong shape."""
        seen: set[str] = set()
        loaded = AutoWeightsLoader(self).load_weights(_checked(weights, self.config.to_dict(), seen))
        self._require_experts(seen)
        _require_numbers((name, held) for name, held in self.named_parameters() if name in loaded)
        return loaded

    def _require_experts(self, seen: set[str]) -> None:
        """vLLM counts a stack of experts as loaded when one of them is; we want all of this rank's."""
        missing = []
        for number, moe in moe_layers(self.model):
            local = moe.experts.routed_experts.expert_map_manager.map_global_to_local
            for expert in range(moe.n_physical_experts - moe.n_redundant_experts):
                at = f"model.layers.{number}.block_sparse_moe.experts.{expert}"
                names = [f"{at}.{part}.weight" for part in ("w1", "w2", "w3")] if local(expert) >= 0 else []
                missing += [name for name in names if name not in seen]
        if missing:
            raise ValueError(f"The checkpoint lacks {len(missing)} experts' tensors, such as {missing[0]}.")


def moe_layers(model: ArcticModel) -> Iterator[tuple[int, ArcticMoE]]:
    """The number and the MoE of each layer that has experts and is this stage's."""
    for number, layer in enumerate(model.layers):
        if not isinstance(layer, PPMissingLayer) and isinstance(layer.block_sparse_moe, ArcticMoE):
            yield number, layer.block_sparse_moe


def _require_numbers(held: Iterable[tuple[str, Tensor]]) -> None:
    """Raises ValueError for a weight with NaN or infinity. Each rank looks at its own part, where it is: on its GPU."""
    for name, weight in held:
        if weight.is_meta or not weight.is_floating_point() or weight.numel() == 0:
            continue
        if not (fp8.is_finite(weight) if weight.dtype == fp8.DTYPE else is_finite(weight)):
            raise ValueError(
                f"{name} holds values that are not finite numbers (NaN or infinity). Fetch the file again."
            )


def _checked(
    weights: Iterable[tuple[str, Tensor]], keys: dict[str, Any], seen: set[str]
) -> Iterator[tuple[str, Tensor]]:
    """The weights as they come, noted in `seen`. vLLM cuts one that has too many rows to those it wants and says nothing."""
    shapes = {spec.name: spec.shape for spec in tensor_specs(parse_config(keys))}
    for name, tensor in weights:
        if (shape := shapes.get(name, tuple(tensor.shape))) != tuple(tensor.shape):
            raise ValueError(
                f"{name} is {list(tensor.shape)}, where config.json makes it {list(shape)}. If only the KV heads differ, "
                "`arctic-copilot serve --model arctic` tells vLLM how many are stored."
            )
        seen.add(name)
        yield name, tensor


def _cpu_experts(vllm_config: VllmConfig) -> Any:
    """A context with the further arguments that experts need on the CPU; none elsewhere."""
    if not current_platform.is_cpu():
        return nullcontext({})
    from model_service.arctic.vllm_cpu import cpu_experts

    return cpu_experts(vllm_config)
