"""register(): what vLLM calls in each of its processes, so that it knows Arctic again. Entry point `vllm.general_plugins`.

vLLM had Arctic until 0.28. Here only names are registered: the network is imported by vLLM when a checkpoint asks for it,
and nothing of CUDA is touched before. On a vLLM we have not read, Arctic stays unknown and the log says why; other models
that the same server offers are not disturbed.
"""

import logging

SUPPORTED_VERSIONS = (
    "0.32",
    "0.33",
)  # the same API: FusedMoEFactory with shared_experts, WeightsMapper.orig_to_new_stacked
ARCHITECTURE = "ArcticForCausalLM"

logger = logging.getLogger("vllm.plugins.arctic")


def register() -> None:
    """Nothing comes out; may be called more than once in a process."""
    import vllm

    if not is_supported(vllm.__version__):
        logger.error(unsupported_message(vllm.__version__))
        return
    from transformers import AutoConfig
    from vllm.model_executor.models.config import MODELS_CONFIG_MAP
    from vllm.model_executor.models.registry import ModelRegistry

    from model_service.serving.arctic_config import ArcticChecks, ArcticHFConfig

    AutoConfig.register(ArcticHFConfig.model_type, ArcticHFConfig, exist_ok=True)
    MODELS_CONFIG_MAP[ARCHITECTURE] = ArcticChecks
    if ARCHITECTURE not in ModelRegistry.get_supported_archs():
        ModelRegistry.register_model(ARCHITECTURE, f"model_service.serving.arctic_model:{ARCHITECTURE}")


def is_supported(version: str) -> bool:
    """Is it a vLLM whose layers our Arctic is written against? "0.32.1+cu129" is."""
    return ".".join(version.split(".")[:2]) in SUPPORTED_VERSIONS


def unsupported_message(version: str) -> str:
    """What to do about another vLLM."""
    known = " or ".join(SUPPORTED_VERSIONS)
    return (
        f"Arctic Copilot's plugin knows vLLM {known}, and this is {version}: Arctic is not registered. "
        f"Install vllm=={SUPPORTED_VERSIONS[0]}.*, or leave the plugin out with VLLM_PLUGINS=''."
    )
