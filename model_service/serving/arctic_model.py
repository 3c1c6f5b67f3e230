"""What vLLM runs for Arctic: embedding, the layers of `arctic_layers.py`, head; which weights belong where, and which are refused."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from vllm.compilation.decorators import support_torch_compile
from vllm.config import VllmConfig
from vllm.distributed import get_pp_group
from vllm.model_executor.layers.layernorm import RMSNorm
from vllm.model_executor.layers.logits_processor import LogitsProcessor
from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead, VocabParallelEmbedding
from vllm.model_executor.models.interfaces import MixtureOfExperts, SupportsLoRA, SupportsPP, SupportsQuant
from vllm.model_executor.models.utils import (
    AutoWeightsLoader,
    PPMissingLayer,
    WeightsMapper,
    make_empty_intermediate_tensors_factory,
    make_layers,
    maybe_prefix,
)
from vllm.platforms import current_platform
from vllm.sequence import IntermediateTensors

from model_service.arctic import fp8
from model_service.arctic.config import parse_config
from model_service.arctic.tensors import tensor_specs
from model_service.checkpoints.load import is_finite
from model_service.serving.arctic_layers import ArcticDecoderLayer, ArcticMoE


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
            from model_service.serving import arctic_cpu

            arctic_cpu.make_pipeline_buffer_when_needed()
            arctic_cpu.leave_requests_without_adapter_alone()
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
