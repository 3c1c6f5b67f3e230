"""config.json as vLLM wants to see it, and what must hold before vLLM builds the network. Imports no CUDA, no vLLM layer."""

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from model_service.arctic.config import parse_config
from model_service.errors import CheckpointError

LORA_MODULES = "qkv_proj o_proj w13 w2"  # as vLLM calls attention and residual MLP


@strict
class ArcticHFConfig(PreTrainedConfig):
    """The released config.json for transformers' AutoConfig, which no longer runs Arctic's own remote code.

    Keys that are not named here (`use_residual`, `enc_index`, the DeepSpeed ones) become attributes and are not read.
    """

    model_type = "arctic"
    keys_to_ignore_at_inference = ("past_key_values",)
    default_theta = 10000.0
    attribute_map = {"num_experts": "num_local_experts"}  # noqa: RUF012  # transformers' own way

    vocab_size: int = 32000
    hidden_size: int = 7168
    intermediate_size: int = 4864
    num_hidden_layers: int = 35
    num_attention_heads: int = 56
    num_key_value_heads: int | None = None
    num_local_experts: int = 128
    num_experts_per_tok: int = 2
    moe_layer_frequency: int = 1
    hidden_act: str = "silu"
    max_position_embeddings: int = 4096
    rms_norm_eps: float = 1e-5
    rope_parameters: dict[str, Any] | None = None
    sliding_window: int | None = None
    tie_word_embeddings: bool = False
    bos_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2
    pad_token_id: int | None = None

    def __post_init__(self, **keys: Any) -> None:
        if self.num_key_value_heads is None:
            self.num_key_value_heads = self.num_attention_heads
        super().__post_init__(**keys)


class ArcticChecks:
    """What vLLM calls with its settings before any weight is read; a ValueError here reaches the user as it is."""

    @staticmethod
    def verify_and_update_model_config(model_config: Any) -> None:
        """Refuse a config.json that is no Arctic's."""
        try:
            parse_config(model_config.hf_config.to_dict())
        except CheckpointError as error:
            raise ValueError(f"{error.message} {error.hint}") from error

    @staticmethod
    def verify_and_update_config(vllm_config: Any) -> None:
        """Refuse what gives wrong numbers or dies later in a worker."""
        from vllm.platforms import current_platform

        if not current_platform.is_cpu():
            return
        if not vllm_config.model_config.enforce_eager:
            raise ValueError(
                "Arctic on the CPU runs in eager mode only: compiled by Inductor for the CPU, its logits are silently "
                "wrong from three layers up. Pass --enforce-eager (or enforce_eager=True)."
            )
        if vllm_config.lora_config and not vllm_config.lora_config.target_modules:
            raise ValueError(
                "vLLM's CPU kernels have no LoRA on experts. Name what an adapter may change: "
                f"--lora-target-modules {LORA_MODULES} (or lora_target_modules={LORA_MODULES.split()})."
            )
