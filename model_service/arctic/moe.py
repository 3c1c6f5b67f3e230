"""Mixture of experts: each token goes to the two of 128 small MLPs that its router trusts most.

Nothing is dropped and there is no noise: capacity limits are a thing of training. Tokens are grouped by expert, so an
expert that any token chose is read once and one that none chose is not touched, which at one token is 2 of 128. An
expert's rows are computed together and put back to where their tokens are; each token then sums its own in the order
of its choice, so a token's result does not depend on what else is in the batch, beyond the rounding of the products.
"""

import torch
from torch import Tensor, nn

from model_service.arctic.config import ArcticConfig
from model_service.arctic.layers import MLP, Linear


class SparseMoE(nn.Module):
    """x [B, T, D] -> the weighted sum of each token's chosen experts [B, T, D]."""

    def __init__(self, config: ArcticConfig) -> None:
        super().__init__()
        self.top_k = config.num_experts_per_tok
        self.gate = Linear(config.hidden_size, config.num_local_experts)
        self.experts = nn.ModuleList(
            MLP(config.hidden_size, config.intermediate_size) for _ in range(config.num_local_experts)
        )

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])  # [T, D]
        chosen, trust = route(flat, self.gate.weight, self.top_k)  # [T, A]
        return dispatch(flat, chosen, trust, self.experts).view_as(x)  # [B, T, D]


class DenseMoE(nn.Module):
    """What a layer without experts has in their place: one MLP, under the name the checkpoint gives it."""

    def __init__(self, config: ArcticConfig) -> None:
        super().__init__()
        self.mlp = MLP(config.hidden_size, config.intermediate_size)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.mlp(x)
        return out


def route(x: Tensor, gate: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
    """Choose each token's experts and how much to trust them.

    x [T, D], gate [E, D] -> expert ids [T, A] int64, weights [T, A] fp32, the most trusted first; rows sum to 1 if A > 1.
    T tokens, D hidden size, E experts, A = top_k. Of experts trusted alike the one with the lower id comes first.
    Logits and softmax are fp32 whatever the dtypes, as the router was trained. Source: `modeling_arctic.py`, and
    TopKGate in DeepSpeed's `sharded_moe.py`.
    """
    probabilities = torch.softmax(x.float() @ gate.float().t(), dim=-1)  # [T, E]
    trust, chosen = torch.sort(probabilities, dim=-1, descending=True, stable=True)  # [T, E]
    trust, chosen = trust[:, :top_k], chosen[:, :top_k]  # [T, A]
    if top_k > 1:
        trust = trust / trust.sum(dim=-1, keepdim=True)  # [T, A]
    return chosen, trust


def dispatch(x: Tensor, chosen: Tensor, trust: Tensor, experts: nn.ModuleList) -> Tensor:
    """Run each active expert once on all its tokens and sum by trust, in fp32; the result has x's dtype.

    x [T, D], chosen [T, A] expert ids, trust [T, A] -> [T, D].
    """
    top_k = chosen.shape[1]
    order = torch.argsort(chosen.flatten(), stable=True)  # [T * A]: choices, grouped by expert
    counts = torch.bincount(chosen.flatten(), minlength=len(experts)).tolist()
    out = torch.empty(chosen.numel(), x.shape[1], dtype=torch.float32, device=x.device)  # [T * A, D]
    start = 0
    for expert, count in enumerate(counts):
        if count:
            choices = order[start : start + count]  # [count]
            out[choices] = experts[expert](x[choices // top_k]).float()  # [count, D]
            start += count
    return (out.view(*chosen.shape, -1) * trust[..., None]).sum(dim=1).to(x.dtype)  # [T, D]
