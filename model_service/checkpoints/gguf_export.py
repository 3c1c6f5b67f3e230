"""export_gguf(): a checkpoint as one GGUF file of llama.cpp's own architecture `arctic`, written as it is read.

Three things differ from the checkpoint. llama.cpp turns neighbouring pairs of a head where Arctic turns its two halves,
so the rows of q and k are put in that order. The experts of a layer are stacked in one tensor a matrix. And the name
ffn_norm is taken by the residual MLP's norm; the experts' norm is ffn_norm_exps. Router and norms stay fp32: they are
small and llama.cpp wants them so. Source: llama.cpp conversion/arctic.py and src/models/arctic.cpp.
"""

import contextlib
import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import torch
from torch import Tensor

from model_service.arctic.config import ArcticConfig
from model_service.checkpoints.gguf_vocabulary import Vocabulary, read_vocabulary
from model_service.checkpoints.progress import Progress
from model_service.checkpoints.quantize import checked_config, finite_blocks
from model_service.checkpoints.tensor_stream import TensorStream, open_checkpoint
from model_service.errors import CheckpointError, NoSpaceError

TYPES = {
    "f32": gguf.GGMLQuantizationType.F32,
    "f16": gguf.GGMLQuantizationType.F16,
    "bf16": gguf.GGMLQuantizationType.BF16,
    "q8_0": gguf.GGMLQuantizationType.Q8_0,
    "q4_0": gguf.GGMLQuantizationType.Q4_0,
}
FILE_TYPES = {
    "f32": gguf.LlamaFileType.ALL_F32,
    "f16": gguf.LlamaFileType.MOSTLY_F16,
    "bf16": gguf.LlamaFileType.MOSTLY_BF16,
    "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
    "q4_0": gguf.LlamaFileType.MOSTLY_Q4_0,
}
PLAIN = {TYPES["f32"]: torch.float32, TYPES["f16"]: torch.float16, TYPES["bf16"]: torch.bfloat16}
SPARE_BYTES = 64 * 1024**2


@dataclass(frozen=True)
class Export:
    """One tensor of the GGUF: the streams that follow each other in it, and heads whose rows are to be reordered."""

    name: str
    parts: tuple[TensorStream, ...]
    type: gguf.GGMLQuantizationType
    heads: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Slowest index first; several parts are stacked."""
        one = self.parts[0].spec.shape
        return (len(self.parts), *one) if len(self.parts) > 1 else one

    @property
    def nbytes(self) -> int:
        """As stored."""
        per_block, block_bytes = gguf.GGML_QUANT_SIZES[self.type]
        return math.prod(self.shape) // per_block * block_bytes

    def blocks(self) -> Iterator[Tensor]:
        """All rows in order, fp32. Raises CheckpointError naming a tensor with a value that is no finite number."""
        for part in self.parts:
            if self.heads:
                yield permute(torch.cat(list(finite_blocks(part))), self.heads).float()
            else:
                yield from (block.float() for block in finite_blocks(part))


def export_gguf(directory: Path, out: Path, kind: str = "bf16", *, with_tokenizer: bool = True) -> Path:
    """The file out. kind: a key of TYPES. Without its tokenizer the model takes and gives ids only.

    Raises CheckpointError (a network llama.cpp cannot run, a tokenizer it does not have, damaged weights) or NoSpaceError.
    """
    source = open_checkpoint(directory, torch.float32)  # codes are decoded to this
    config = checked_config(source)
    require_runnable(config)
    vocabulary = read_vocabulary(directory, config) if with_tokenizer else Vocabulary.placeholder(config.vocab_size)
    exports = list(_exports(config, source.by_name, TYPES[kind]))
    if out.exists():
        raise CheckpointError(f"{out} exists already.", "Give a new file, or remove this one.")
    try:
        _check_space(out, sum(export.nbytes for export in exports))
        with _working_file(out) as working:
            _write(working, config, vocabulary, exports, kind)
    except OSError as error:
        raise NoSpaceError(
            f"Cannot write {out}: {error.strerror or error}.", "Free some space, or give another --out."
        ) from error
    return out


def require_runnable(config: ArcticConfig) -> None:
    """Nothing, if llama.cpp's graph is this network. Raises CheckpointError."""
    if config.moe_layer_frequency != 1 or not config.parallel_attn_mlp_res:
        raise CheckpointError(
            "llama.cpp runs only Arctic networks with experts and a residual MLP in every layer.", "Use another engine."
        )
    if config.num_experts_per_tok == 1:
        raise CheckpointError(
            "llama.cpp gives a lone expert the weight 1, Arctic its probability: with one expert a token they differ.",
            "Use another engine.",
        )


def permute(weight: Tensor, heads: int) -> Tensor:
    """Rows [heads * d, in] with each head's halves interleaved: 0, d/2, 1, d/2 + 1, ..."""
    pairs = weight.view(heads, 2, weight.shape[0] // heads // 2, -1)
    return pairs.transpose(1, 2).reshape(weight.shape)


def _exports(
    config: ArcticConfig, by_name: dict[str, TensorStream], kind: gguf.GGMLQuantizationType
) -> Iterator[Export]:
    """In the order llama.cpp reads them."""
    yield _export("token_embd.weight", [by_name["model.embed_tokens.weight"]], kind)
    for layer in range(config.num_hidden_layers):
        yield from _layer(config, by_name, kind, layer)
    yield _export("output_norm.weight", [by_name["model.norm.weight"]], TYPES["f32"])
    if not config.tie_word_embeddings:
        yield _export("output.weight", [by_name["lm_head.weight"]], kind)


def _layer(
    config: ArcticConfig, by_name: dict[str, TensorStream], kind: gguf.GGMLQuantizationType, layer: int
) -> Iterator[Export]:
    at, to = f"model.layers.{layer}", f"blk.{layer}"
    norms = {
        "attn_norm": "input_layernorm",
        "ffn_norm": "residual_layernorm",
        "ffn_norm_exps": "post_attention_layernorm",
    }
    for name, source in norms.items():
        yield _export(f"{to}.{name}.weight", [by_name[f"{at}.{source}.weight"]], TYPES["f32"])
    heads = {"q": config.num_attention_heads, "k": config.num_key_value_heads, "v": 0}
    for name, count in heads.items():
        yield _export(f"{to}.attn_{name}.weight", [by_name[f"{at}.self_attn.{name}_proj.weight"]], kind, count)
    yield _export(f"{to}.attn_output.weight", [by_name[f"{at}.self_attn.o_proj.weight"]], kind)
    moe, experts = f"{at}.block_sparse_moe", range(config.num_local_experts)
    yield _export(f"{to}.ffn_gate_inp.weight", [by_name[f"{moe}.gate.weight"]], TYPES["f32"])
    for name, source in {"ffn_gate": "w1", "ffn_down": "w2", "ffn_up": "w3"}.items():
        yield _export(f"{to}.{name}.weight", [by_name[f"{at}.residual_mlp.{source}.weight"]], kind)
        stack = [by_name[f"{moe}.experts.{expert}.{source}.weight"] for expert in experts]
        yield _export(f"{to}.{name}_exps.weight", stack, kind)


def _export(name: str, parts: list[TensorStream], kind: gguf.GGMLQuantizationType, heads: int = 0) -> Export:
    """Rows that are no multiple of a quantized type's block are kept in f16."""
    fits = parts[0].spec.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0
    return Export(name, tuple(parts), kind if fits else TYPES["f16"], heads)


def _write(path: Path, config: ArcticConfig, vocabulary: Vocabulary, exports: list[Export], kind: str) -> None:
    writer = gguf.GGUFWriter(path, "arctic")
    _add_shape(writer, config)
    writer.add_file_type(FILE_TYPES[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    vocabulary.add_to(writer)
    for export in exports:
        writer.add_tensor_info(export.name, export.shape, torch.empty(0).numpy().dtype, export.nbytes, export.type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    assert writer.fout is not None
    file, progress = writer.fout[0], Progress(f"export-gguf {kind}", sum(export.nbytes for export in exports))
    writer.write_padding(file, file.tell())
    for export in exports:
        for block in export.blocks():
            data = _encoded(block, export.type)
            file.write(data)
            progress.advance(data.nbytes)
        writer.write_padding(file, export.nbytes)
    writer.close()
    progress.finish()


def _encoded(block: Tensor, kind: gguf.GGMLQuantizationType) -> memoryview:
    """The bytes of fp32 rows in a type of GGUF's."""
    if kind in PLAIN:
        return memoryview(block.to(PLAIN[kind]).reshape(-1).view(torch.uint8).numpy())
    return memoryview(gguf.quants.quantize(block.numpy(), kind).reshape(-1)).cast("B")


def _add_shape(writer: gguf.GGUFWriter, config: ArcticConfig) -> None:
    writer.add_name("Snowflake Arctic")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_expert_count(config.num_local_experts)
    writer.add_expert_used_count(config.num_experts_per_tok)
    writer.add_vocab_size(config.vocab_size)


def _check_space(out: Path, need: int) -> None:
    free = shutil.disk_usage(out.parent).free
    if need + SPARE_BYTES > free:
        raise NoSpaceError(
            f"{out.parent} has {free / 1e9:,.1f} GB free; {need / 1e9:,.1f} GB are needed.", "Give --out another disk."
        )


@contextlib.contextmanager
def _working_file(out: Path) -> Iterator[Path]:
    """A file that becomes out if nothing fails."""
    working = out.with_name(out.name + ".tmp")
    try:
        yield working
        os.replace(working, out)
    finally:
        working.unlink(missing_ok=True)
