"""The file `export-gguf` writes: what it names, how it rounds, what it refuses, and the tokenizer in it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the Arctic model needs torch: `make venv-vllm` installs it")
gguf = pytest.importorskip("gguf", reason="the export needs gguf: `make venv-vllm` installs it")

from safetensors.torch import load_file  # noqa: E402

from model_service.checkpoints.gguf_export import export_gguf, permute  # noqa: E402
from model_service.errors import CheckpointError  # noqa: E402
from model_service.weights.gguf import check_complete  # noqa: E402
from tests.model_service.arctic.llama import Llama  # noqa: E402
from tests.model_service.arctic.random_checkpoint import write_checkpoint  # noqa: E402
from tests.model_service.arctic.tiny_tokenizer import VOCAB, write_sentencepiece  # noqa: E402

MakeCheckpoint = Callable[..., Path]


def tensors_of(path: Path) -> dict[str, Any]:
    return {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}


def test_the_file_is_whole_and_has_the_released_names(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    path = export_gguf(make_checkpoint(), tmp_path / "model.gguf", "f32", with_tokenizer=False)
    check_complete(path)
    in_layer = "attn_norm attn_q attn_k attn_v attn_output ffn_norm ffn_gate ffn_down ffn_up ffn_norm_exps ffn_gate_inp"
    in_layer += " ffn_gate_exps ffn_down_exps ffn_up_exps"
    expected = {f"blk.{layer}.{name}.weight" for layer in range(2) for name in in_layer.split()}
    assert set(tensors_of(path)) == expected | {"token_embd.weight", "output_norm.weight", "output.weight"}
    assert not list(tmp_path.glob("*.tmp"))


def test_experts_are_stacked_in_their_order(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "plain", shards=1, index=False)
    weights = load_file(checkpoint / "model.safetensors")
    exported = tensors_of(export_gguf(checkpoint, tmp_path / "model.gguf", "f32", with_tokenizer=False))
    stack = exported["blk.1.ffn_down_exps.weight"].data
    for expert in range(8):
        name = f"model.layers.1.block_sparse_moe.experts.{expert}.w2.weight"
        assert np.array_equal(stack[expert], weights[name].numpy())


def test_permute_interleaves_the_halves_of_each_head() -> None:
    weight = torch.arange(8.0)[:, None]
    assert permute(weight, 2).flatten().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


@pytest.mark.parametrize(("kind", "error"), [("f16", 5e-4), ("bf16", 4e-3), ("q8_0", 1e-2), ("q4_0", 0.15)])
def test_smaller_types_round_matrices_and_keep_router_and_norms(
    kind: str, error: float, make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    # Half a step of the type, relative to the weight as a whole: 2^-11, 2^-8, about 1/200 and about 1/9.
    exact = tensors_of(export_gguf(make_checkpoint(), tmp_path / "exact.gguf", "f32", with_tokenizer=False))
    rounded = tensors_of(export_gguf(make_checkpoint(), tmp_path / "rounded.gguf", kind, with_tokenizer=False))
    for name, tensor in rounded.items():
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        apart = np.linalg.norm(values - exact[name].data) / np.linalg.norm(exact[name].data)
        is_kept = "norm" in name or "gate_inp" in name
        assert apart == 0 if is_kept else 0 < apart < error, name


def test_rows_that_do_not_fit_a_block_are_kept_in_f16(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    path = export_gguf(make_checkpoint(intermediate_size=40), tmp_path / "model.gguf", "q8_0", with_tokenizer=False)
    assert tensors_of(path)["blk.0.ffn_down_exps.weight"].tensor_type == gguf.GGMLQuantizationType.F16
    assert tensors_of(path)["blk.0.ffn_up_exps.weight"].tensor_type == gguf.GGMLQuantizationType.Q8_0


def test_networks_llama_cpp_cannot_run_are_refused(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    for keys in ({"moe_layer_frequency": 2}, {"parallel_attn_mlp_res": False}):
        with pytest.raises(CheckpointError, match="experts and a residual MLP in every layer"):
            export_gguf(make_checkpoint(**keys), tmp_path / "model.gguf", with_tokenizer=False)
    with pytest.raises(CheckpointError, match="with one expert a token they differ"):
        export_gguf(make_checkpoint(num_experts_per_tok=1), tmp_path / "model.gguf", with_tokenizer=False)


def test_a_checkpoint_without_a_tokenizer_says_so(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"neither tokenizer\.json nor tokenizer\.model"):
        export_gguf(make_checkpoint(), tmp_path / "model.gguf")
    assert not (tmp_path / "model.gguf").exists()


def test_an_existing_file_and_a_shard_cut_short_are_refused(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "plain")
    (tmp_path / "model.gguf").touch()
    with pytest.raises(CheckpointError, match="exists already"):
        export_gguf(checkpoint, tmp_path / "model.gguf", with_tokenizer=False)
    shard = checkpoint / "model-00002-of-00003.safetensors"
    os.truncate(shard, shard.stat().st_size - 1)
    with pytest.raises(CheckpointError, match="cut short"):
        export_gguf(checkpoint, tmp_path / "other.gguf", with_tokenizer=False)


def with_tokenizer(directory: Path, form: str, *, base: bool) -> Path:
    """A random model with a tokenizer trained on the spot, in one of the two forms checkpoints come with."""
    pytest.importorskip("sentencepiece", reason="the test trains a tokenizer: `make venv-vllm` installs sentencepiece")
    pytest.importorskip("xllamacpp", reason="llama.cpp is not installed here")
    from model_service.arctic.tokenizer import open_tokenizer

    ids = (1, 2) if base else (VOCAB - 2, VOCAB - 1)
    keys = {"vocab_size": VOCAB, "bos_token_id": ids[0], "eos_token_id": ids[1]}
    write_sentencepiece(write_checkpoint(directory, **keys), base=base)
    if form == "tokenizer.json":
        open_tokenizer(directory).backend.save(str(directory / "tokenizer.json"))
        (directory / "tokenizer.model").unlink()
    return directory


@pytest.mark.parametrize("form", ["tokenizer.model", "tokenizer.json"])
def test_llama_cpp_cuts_text_as_our_tokenizer_does(form: str, tmp_path: Path) -> None:
    from model_service.arctic.tokenizer import open_tokenizer

    checkpoint = with_tokenizer(tmp_path / "base", form, base=True)
    server = Llama(export_gguf(checkpoint, tmp_path / "model.gguf", "f32")).server
    tokenizer = open_tokenizer(checkpoint)
    for text in (
        "SELECT name FROM customers",
        "日本 ORDER BY total",
        "two  spaces\n\tünïcode 12 orders",
        "bale kafo 7;",
    ):
        answer = server.handle_completions({"prompt": text, "max_tokens": 1, "temperature": 0})
        assert answer["usage"]["prompt_tokens"] == len(tokenizer.encode(text)), text


@pytest.mark.parametrize("form", ["tokenizer.model", "tokenizer.json"])
def test_llama_cpp_writes_a_chat_as_we_do(form: str, tmp_path: Path) -> None:
    from model_service.arctic.tokenizer import Message, open_tokenizer

    checkpoint = with_tokenizer(tmp_path / "instruct", form, base=False)
    server = Llama(export_gguf(checkpoint, tmp_path / "model.gguf", "f32")).server
    chat = {"messages": [{"role": "user", "content": "how many orders"}], "max_tokens": 1, "temperature": 0}
    count = server.handle_chat_completions(chat)["usage"]["prompt_tokens"]
    assert count == len(open_tokenizer(checkpoint).encode_chat([Message("user", "how many orders")]))


def test_a_tokenizer_of_another_kind_is_refused(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models

    checkpoint = write_checkpoint(tmp_path / "plain")
    Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]")).save(str(checkpoint / "tokenizer.json"))
    with pytest.raises(CheckpointError, match="not SentencePiece's"):
        export_gguf(checkpoint, tmp_path / "model.gguf")
