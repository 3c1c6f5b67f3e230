"""Snowflake's files by rank (`snowflake-arctic-instruct-vllm`) joined to Hugging Face names and layout.

vLLM's `sharded_state`: model-rank-R-part-P.safetensors holds what rank R of 8 had, under vLLM's names. q, k
and v are one tensor, so are w1 and w3, and all experts of a layer are `ws` [E, 2 * I/8, H] and `w2s` [E, H, I/8]. Which
tensors are quantized shows in the files: those are int8 [groups, group size + 4], the others have their own shape.

Not checked: the real files (460 GB) were never seen here. The layout follows vLLM's arctic.py and deepspeedfp.py of
May 2024; if a name or shape differs, the error says which.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from model_service.arctic.config import ArcticConfig
from model_service.checkpoints.deepspeed_fp8 import BYTES, SCALE_BYTES, RankMatrix, flat, part
from model_service.checkpoints.safetensors_file import Spec, StoredTensor, read_header, row_ranges
from model_service.errors import CheckpointError

FILE = re.compile(r"model-rank-(\d+)-part-(\d+)\.safetensors")

Blocks = Callable[[], Iterator[Tensor]]
Rank = Mapping[str, StoredTensor]


def is_sharded(directory: Path) -> bool:
    """Whether the directory holds files by rank."""
    return bool(rank_files(directory))


def rank_files(directory: Path) -> tuple[Path, ...]:
    """The files by rank and part."""
    named = [(FILE.fullmatch(path.name), path) for path in directory.glob("model-rank-*.safetensors")]
    return tuple(path for _, path in sorted(((int(m[1]), int(m[2])), path) for m, path in named if m))


def open_ranks(directory: Path) -> tuple[Rank, ...]:
    """Each rank's tensors by vLLM's name. Raises CheckpointError if a rank or part is missing or the ranks differ."""
    ranks: dict[int, dict[str, StoredTensor]] = {}
    parts: dict[int, list[int]] = {}
    for path in rank_files(directory):
        match = FILE.fullmatch(path.name)
        assert match is not None
        rank, part = int(match[1]), int(match[2])
        parts.setdefault(rank, []).append(part)
        ranks.setdefault(rank, {}).update({tensor.spec.name: tensor for tensor in read_header(path)})
    _check_ranks(directory, ranks, parts)
    return tuple(ranks[rank] for rank in sorted(ranks))


def _check_ranks(directory: Path, ranks: Mapping[int, Rank], parts: Mapping[int, list[int]]) -> None:
    for rank in range(max(ranks) + 1):
        if parts.get(rank, []) != list(range(len(parts.get(rank, [])))) or rank not in ranks:
            raise CheckpointError(
                f"{directory} lacks files of rank {rank} or a part of it.", "Fetch the missing files."
            )
        odd = sorted(set(ranks[rank]) ^ set(ranks[0]))
        if odd:
            raise CheckpointError(
                f"{directory}: rank {rank} and rank 0 differ in {', '.join(odd[:5])}.", "Fetch them again."
            )


def merged(ranks: tuple[Rank, ...], config: ArcticConfig, dtype: torch.dtype) -> Iterator[tuple[Spec, Blocks]]:
    """Every tensor of the Hugging Face layout with its rows, joined over the ranks, in layer order."""
    return _Merger(ranks, config, dtype).everything()


class _Merger:
    """Knows where vLLM put what. Raises CheckpointError at a tensor that is absent or has not the expected size."""

    def __init__(self, ranks: tuple[Rank, ...], config: ArcticConfig, dtype: torch.dtype) -> None:
        self.ranks, self.config, self.dtype, self.size = ranks, config, dtype, len(ranks)
        self.hidden = config.hidden_size
        if config.num_attention_heads % self.size or config.intermediate_size % self.size:
            raise CheckpointError(
                f"{self.size} ranks cannot share {config.num_attention_heads} heads.", "Fetch all files."
            )

    def everything(self) -> Iterator[tuple[Spec, Blocks]]:
        yield self.by_rows(
            "model.embed_tokens.weight", self.vocabulary("model.embed_tokens.weight"), self.config.vocab_size
        )
        for layer in range(self.config.num_hidden_layers):
            yield from self.layer(f"model.layers.{layer}", layer)
        yield self.whole("model.norm.weight", "model.norm.weight")
        if not self.config.tie_word_embeddings:
            yield self.by_rows("lm_head.weight", self.vocabulary("lm_head.weight"), self.config.vocab_size)

    def layer(self, at: str, number: int) -> Iterator[tuple[Spec, Blocks]]:
        yield from self.attention(at)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            yield self.whole(f"{at}.{norm}.weight", f"{at}.{norm}.weight")
        if self.config.has_residual_mlp(number):
            yield self.whole(f"{at}.residual_layernorm.weight", f"{at}.residual_layernorm.weight")
            yield from self.mlp(f"{at}.residual_mlp", self.hidden)
        if self.config.is_moe_layer(number):
            yield from self.experts(f"{at}.block_sparse_moe")
        else:
            yield from self.mlp(f"{at}.block_sparse_moe.mlp", self.config.intermediate_size)

    def attention(self, at: str) -> Iterator[tuple[Spec, Blocks]]:
        width = self.config.head_dim
        heads = self.config.num_attention_heads // self.size
        kv_heads = max(1, self.config.num_key_value_heads // self.size)
        copies = max(1, self.size // self.config.num_key_value_heads)  # ranks that hold the same KV head
        rows = (heads + 2 * kv_heads) * width
        fused = [self.matrix(rank, f"{at}.self_attn.qkv_proj.weight", rows, self.hidden) for rank in self.ranks]
        yield self.by_rows(f"{at}.self_attn.q_proj.weight", [part(one, 0, heads * width) for one in fused])
        for number, name in enumerate(("k_proj", "v_proj")):
            start = (heads + number * kv_heads) * width
            yield self.by_rows(
                f"{at}.self_attn.{name}.weight", [part(one, start, kv_heads * width) for one in fused[::copies]]
            )
        yield self.by_columns(f"{at}.self_attn.o_proj.weight", f"{at}.self_attn.o_proj.weight", heads * width)

    def mlp(self, at: str, inner: int) -> Iterator[tuple[Spec, Blocks]]:
        share = inner // self.size
        fused = [self.matrix(rank, f"{at}.w13.weight", 2 * share, self.hidden) for rank in self.ranks]
        yield self.by_rows(f"{at}.w1.weight", [part(one, 0, share) for one in fused])
        yield self.by_columns(f"{at}.w2.weight", f"{at}.w2.weight", share)
        yield self.by_rows(f"{at}.w3.weight", [part(one, share, share) for one in fused])

    def experts(self, at: str) -> Iterator[tuple[Spec, Blocks]]:
        count, share = self.config.num_local_experts, self.config.intermediate_size // self.size
        gate = self.matrix(self.ranks[0], f"{at}.gate.weight", count, self.hidden)
        yield self.by_rows(f"{at}.gate.weight", [gate])
        up = [self.matrix(rank, f"{at}.ws", count * 2 * share, self.hidden) for rank in self.ranks]
        down = [self.matrix(rank, f"{at}.w2s", count * self.hidden, share) for rank in self.ranks]
        for expert in range(count):
            name, row = f"{at}.experts.{expert}", expert * 2 * share
            yield self.by_rows(f"{name}.w1.weight", [part(one, row, share) for one in up])
            yield self.beside(f"{name}.w2.weight", [part(one, expert * self.hidden, self.hidden) for one in down])
            yield self.by_rows(f"{name}.w3.weight", [part(one, row + share, share) for one in up])

    def vocabulary(self, name: str) -> list[RankMatrix]:
        """The rows of each rank; the last ones may be padding."""
        padded = sum(self.stored(rank, name).spec.shape[0] for rank in self.ranks)
        return [self.matrix(rank, name, padded // self.size, self.hidden) for rank in self.ranks]

    def stored(self, rank: Rank, name: str) -> StoredTensor:
        if name not in rank:
            raise CheckpointError(f"The files by rank lack {name}.", "Only Snowflake's released layout can be read.")
        return rank[name]

    def matrix(self, rank: Rank, name: str, rows: int, columns: int) -> RankMatrix:
        spec = self.stored(rank, name).spec
        groups = spec.dtype in BYTES
        values = spec.shape[0] * (spec.shape[1] - SCALE_BYTES) if groups else spec.nbytes // spec.dtype.itemsize
        if values != rows * columns or (not groups and spec.shape[-1] != columns):
            found = f"{list(spec.shape)} {spec.dtype}"
            raise CheckpointError(
                f"{rank[name].path.name}: {name} is {found}, which is no {rows} x {columns}.",
                "Does config.json belong to these files?",
            )
        return RankMatrix(flat(rank[name]), rows, columns)

    def whole(self, name: str, source: str) -> tuple[Spec, Blocks]:
        """A vector that every rank has alike."""
        stored = self.stored(self.ranks[0], source)
        spec = Spec(name, stored.spec.dtype, (self.hidden,))
        if stored.spec.shape != spec.shape:
            raise CheckpointError(
                f"{stored.path.name}: {source} has shape {list(stored.spec.shape)}.", "Fetch it again."
            )
        return spec, stored.blocks

    def by_rows(self, name: str, pieces: list[RankMatrix], limit: int | None = None) -> tuple[Spec, Blocks]:
        """The pieces one below the other, at most `limit` rows of them."""
        total = sum(piece.rows for piece in pieces)
        spec = Spec(name, self.kept(pieces), (min(total, limit or total), pieces[0].columns))

        def blocks() -> Iterator[Tensor]:
            left = spec.shape[0]
            for piece in pieces:
                for first, last in row_ranges(Spec(name, spec.dtype, (min(piece.rows, left), piece.columns))):
                    yield piece.read(first, last).to(spec.dtype)
                left -= min(piece.rows, left)

        return spec, blocks

    def by_columns(self, name: str, source: str, share: int) -> tuple[Spec, Blocks]:
        return self.beside(name, [self.matrix(rank, source, self.hidden, share) for rank in self.ranks])

    def beside(self, name: str, pieces: list[RankMatrix]) -> tuple[Spec, Blocks]:
        """The pieces side by side."""
        spec = Spec(name, self.kept(pieces), (pieces[0].rows, sum(piece.columns for piece in pieces)))

        def blocks() -> Iterator[Tensor]:
            for first, last in row_ranges(spec):
                yield torch.cat([piece.read(first, last).to(spec.dtype) for piece in pieces], dim=1)

        return spec, blocks

    def kept(self, pieces: list[RankMatrix]) -> torch.dtype:
        """What was not quantized keeps its dtype."""
        stored = pieces[0].stored.spec.dtype
        return self.dtype if stored in BYTES else stored
