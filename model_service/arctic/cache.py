"""The KV cache: what every layer's attention has seen of each sequence, so that a token is computed once.

One rectangle for a batch: slot p of a row holds the sequence's position p. Rows may be of unequal length; what lies at or
beyond a row's length is never read, since attention looks only at positions up to its own.
"""

import torch
from torch import Tensor

from model_service.arctic.config import ArcticConfig
from model_service.errors import RequestError


class KVCache:
    """Keys and values [layers, B, capacity, KV heads, head_dim], and how many positions of each row are filled."""

    def __init__(
        self,
        config: ArcticConfig,
        *,
        batch: int,
        capacity: int,
        dtype: torch.dtype,
        device: torch.device | str = "cpu",
    ) -> None:
        shape = (config.num_hidden_layers, batch, capacity, config.num_key_value_heads, config.head_dim)
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)
        self.lengths = [0] * batch

    @property
    def capacity(self) -> int:
        """Positions a row can hold."""
        return self.keys.shape[2]

    def next_positions(self, tokens: int) -> Tensor:
        """The positions [B, tokens] that the next tokens of each row take. Raises RequestError if they don't fit."""
        if max(self.lengths) + tokens > self.capacity:
            raise RequestError(
                f"{max(self.lengths)} + {tokens} tokens are more than the {self.capacity} there is room for.",
                "Shorten the prompt or ask for fewer new tokens.",
            )
        starts = torch.tensor(self.lengths, device=self.keys.device)[:, None]  # [B, 1]
        return starts + torch.arange(tokens, device=self.keys.device)  # [B, tokens]

    def store(self, layer: int, positions: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Put k and v [B, T, KV heads, d] at positions [B, T]; all there is to attend to: twice [B, KV heads, S, d].

        S is the longest row with its new tokens; the lengths count them only after `advance`.
        """
        rows = torch.arange(len(self.lengths), device=positions.device)[:, None]  # [B, 1]
        self.keys[layer, rows, positions] = k
        self.values[layer, rows, positions] = v
        seen = max(self.lengths) + positions.shape[1]
        return self.keys[layer, :, :seen].transpose(1, 2), self.values[layer, :, :seen].transpose(1, 2)

    def advance(self, tokens: int) -> None:
        """Every layer has stored this many more tokens of each row."""
        self.lengths = [length + tokens for length in self.lengths]

    def keep(self, rows: list[int]) -> None:
        """Only these rows stay, in this order."""
        self.keys = self.keys[:, rows]
        self.values = self.values[:, rows]
        self.lengths = [self.lengths[row] for row in rows]

    def put(self, row: int, other: "KVCache") -> None:
        """Copy the one sequence of another cache into a row."""
        length = other.lengths[0]
        self.keys[:, row, :length] = other.keys[:, 0, :length]
        self.values[:, row, :length] = other.values[:, 0, :length]
        self.lengths[row] = length
