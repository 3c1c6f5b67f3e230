"""The whole network, top to bottom. Shapes: B sequences, T new tokens each, S cached, D hidden size, V vocabulary.

One layer, of input x:

    a = x + attention(input_layernorm(x))
    y = a + residual_mlp(residual_layernorm(a)) + experts(post_attention_layernorm(x))

The experts read the layer's input x, not a, whatever the name of their norm says: in training and serving they can so
run beside attention and the residual MLP. The module tree has the names of the checkpoint's tensors.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model_service.arctic.attention import Attention, causal_mask, rotations
from model_service.arctic.cache import KVCache
from model_service.arctic.config import ArcticConfig
from model_service.arctic.layers import MLP, Embedding, Linear, RMSNorm
from model_service.arctic.moe import DenseMoE, SparseMoE


class DecoderLayer(nn.Module):
    """x [B, T, D] -> y [B, T, D]."""

    def __init__(self, config: ArcticConfig, layer: int) -> None:
        super().__init__()
        self.self_attn = Attention(config, layer)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.block_sparse_moe = SparseMoE(config) if config.is_moe_layer(layer) else DenseMoE(config)
        self.has_residual_mlp = config.has_residual_mlp(layer)
        if self.has_residual_mlp:
            self.residual_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
            self.residual_mlp = MLP(config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor, positions: Tensor, turns: Tensor, mask: Tensor, cache: KVCache) -> Tensor:
        a: Tensor = x + self.self_attn(self.input_layernorm(x), positions, turns, mask, cache)  # [B, T, D]
        if not self.has_residual_mlp:
            plain: Tensor = a + self.block_sparse_moe(self.post_attention_layernorm(a))  # [B, T, D]
            return plain
        r = self.residual_mlp(self.residual_layernorm(a))  # [B, T, D]
        m = self.block_sparse_moe(self.post_attention_layernorm(x))  # [B, T, D]
        return a + r + m


class Decoder(nn.Module):
    """ids [B, T] -> hidden states [B, T, D]; what the checkpoint calls `model`."""

    def __init__(self, config: ArcticConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(DecoderLayer(config, layer) for layer in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, ids: Tensor, cache: KVCache) -> Tensor:
        positions = cache.next_positions(ids.shape[1])  # [B, T]
        turns = rotations(positions, self.config)  # [2, B, T, 1, d / 2]
        mask = causal_mask(positions, max(cache.lengths) + ids.shape[1])  # [B, 1, T, S]
        x = self.embed_tokens(ids).to(cache.keys.dtype)  # [B, T, D]
        for layer in self.layers:
            x = layer(x, positions, turns, mask, cache)  # [B, T, D]
        cache.advance(ids.shape[1])
        out: Tensor = self.norm(x)  # [B, T, D]
        return out


class Arctic(nn.Module):
    """The network with its head. Made of unset weights: `checkpoint.load_model` fills it.

    dtype is what it computes in, which need not be what its weights are stored in.
    """

    def __init__(self, config: ArcticConfig, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config, self.dtype = config, dtype
        self.model = Decoder(config)
        if not config.tie_word_embeddings:
            self.lm_head = Linear(config.hidden_size, config.vocab_size)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.norm.weight.device

    def forward(self, ids: Tensor, cache: KVCache) -> Tensor:
        """The hidden states [B, T, D] of the next tokens ids [B, T] of the cache's sequences, which it then holds too."""
        out: Tensor = self.model(ids, cache)
        return out

    def head(self, hidden: Tensor) -> Tensor:
        """The logits [..., V] fp32 of hidden states [..., D]."""
        if not self.config.tie_word_embeddings:
            logits: Tensor = self.lm_head(hidden).float()
            return logits
        return F.linear(hidden, self.model.embed_tokens.weight.to(hidden.dtype)).float()

    def new_cache(self, *, batch: int, capacity: int) -> KVCache:
        """An empty cache for this model."""
        return KVCache(self.config, batch=batch, capacity=capacity, dtype=self.dtype, device=self.device)

    @torch.inference_mode()
    def logits(self, ids: Sequence[int]) -> Tensor:
        """The logits [T, V] fp32 that follow each of one sequence's ids."""
        cache = self.new_cache(batch=1, capacity=len(ids))
        hidden = self(torch.tensor([ids], device=self.device), cache)  # [1, T, D]
        return self.head(hidden[0])
