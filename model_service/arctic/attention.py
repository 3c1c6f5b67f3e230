"""Grouped-query attention with rotary positions: 56 query heads read 8 key/value heads in the released checkpoint.

Positions are rotations: dimension i of a head and dimension i + d/2 are the two coordinates of a point that turns by
theta^(-2i/d) radians a position ("rotate half", as the checkpoint stores it; llama.cpp pairs 2i with 2i + 1 instead).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model_service.arctic.cache import KVCache
from model_service.arctic.config import ArcticConfig
from model_service.arctic.layers import Linear


class Attention(nn.Module):
    """Each token's look at itself and what came before: x [B, T, D] -> [B, T, D]."""

    def __init__(self, config: ArcticConfig, layer: int) -> None:
        super().__init__()
        hidden, kv = config.hidden_size, config.num_key_value_heads * config.head_dim
        self.layer, self.head_dim = layer, config.head_dim
        self.q_proj = Linear(hidden, hidden)
        self.k_proj = Linear(hidden, kv)
        self.v_proj = Linear(hidden, kv)
        self.o_proj = Linear(hidden, hidden)

    def forward(self, x: Tensor, positions: Tensor, turns: Tensor, mask: Tensor, cache: KVCache) -> Tensor:
        """positions [B, T] of the tokens, turns of `rotations`, mask of `causal_mask`."""
        by_head = (*x.shape[:2], -1, self.head_dim)
        q = rotate(self.q_proj(x).view(by_head), turns)  # [B, T, H, d]
        k = rotate(self.k_proj(x).view(by_head), turns)  # [B, T, K, d]
        v = self.v_proj(x).view(by_head)  # [B, T, K, d]
        k, v = cache.store(self.layer, positions, k, v)  # [B, K, S, d]
        y = F.scaled_dot_product_attention(q.transpose(1, 2), k, v, attn_mask=mask, enable_gqa=True)  # [B, H, T, d]
        out: Tensor = self.o_proj(y.transpose(1, 2).reshape(x.shape))  # [B, T, D]
        return out


def causal_mask(positions: Tensor, cached: int) -> Tensor:
    """Which of `cached` slots each token at positions [B, T] may see, those up to its own: [B, 1, T, cached] bool."""
    slots = torch.arange(cached, device=positions.device)  # [S]
    return (slots <= positions[..., None])[:, None]  # [B, 1, T, S]


def rotations(positions: Tensor, config: ArcticConfig) -> Tensor:
    """Cosine and sine of every angle at positions [B, T], fp32: [2, B, T, 1, d / 2]."""
    exponents = torch.arange(0, config.head_dim, 2, device=positions.device).float() / config.head_dim  # [d / 2]
    angles = positions[..., None, None].float() * config.rope_theta**-exponents  # [B, T, 1, d / 2]
    return torch.stack((angles.cos(), angles.sin()))  # [2, B, T, 1, d / 2]


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """x [B, T, heads, d] with each pair (i, i + d / 2) turned; computed in fp32, returned in x's dtype."""
    cos, sin = turns  # [B, T, 1, d / 2]
    one, other = x.float().chunk(2, dim=-1)  # [B, T, heads, d / 2]
    return torch.cat((one * cos - other * sin, other * cos + one * sin), dim=-1).to(x.dtype)
