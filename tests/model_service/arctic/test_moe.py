"""Routing and dispatch against a plain loop over experts, and where either could go wrong."""

import pytest

torch = pytest.importorskip("torch", reason="the Arctic model needs torch: `make venv-vllm` installs it")

from torch import Tensor, nn  # noqa: E402

from model_service.arctic.layers import MLP  # noqa: E402
from model_service.arctic.moe import dispatch, route  # noqa: E402

D, INNER = 16, 12


def make_experts(count: int, seed: int = 0) -> nn.ModuleList:
    random = torch.Generator().manual_seed(seed)
    experts = nn.ModuleList(MLP(D, INNER) for _ in range(count))
    for expert in experts:
        for linear in (expert.w1, expert.w2, expert.w3):
            shape = linear.weight.shape
            linear.weight = nn.Parameter(torch.randn(shape, generator=random) / 4, requires_grad=False)
    return experts


def loop_over_experts(x: Tensor, chosen: Tensor, trust: Tensor, experts: nn.ModuleList) -> Tensor:
    """The oracle: each expert on each token, counted where it was chosen."""
    total = torch.zeros_like(x)
    for number, expert in enumerate(experts):
        gate, up = x @ expert.w1.weight.T, x @ expert.w3.weight.T
        out = (gate * torch.sigmoid(gate) * up) @ expert.w2.weight.T
        for choice in range(chosen.shape[1]):
            is_chosen = chosen[:, choice] == number
            total += torch.where(is_chosen, trust[:, choice], 0.0)[:, None] * out
    return total


def random_tokens(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, D, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("tokens", [1, 2, 7, 300])
@pytest.mark.parametrize(("experts", "top_k"), [(1, 1), (2, 2), (8, 1), (8, 2), (128, 2), (8, 8)])
def test_dispatch_is_the_loop(tokens: int, experts: int, top_k: int) -> None:
    x, gate = random_tokens(tokens), random_tokens(experts, seed=1)
    chosen, trust = route(x, gate, top_k)
    mlps = make_experts(experts)
    torch.testing.assert_close(dispatch(x, chosen, trust, mlps), loop_over_experts(x, chosen, trust, mlps))


def test_the_weights_are_a_softmax_over_the_chosen() -> None:
    x, gate = random_tokens(50), random_tokens(8, seed=1)
    chosen, trust = route(x, gate, 2)
    best, expected_ids = (x @ gate.T).topk(2)
    assert torch.equal(chosen, expected_ids)
    torch.testing.assert_close(trust, best.softmax(-1))


def test_a_single_choice_keeps_its_probability() -> None:
    x, gate = random_tokens(50), random_tokens(8, seed=1)
    _, trust = route(x, gate, 1)
    torch.testing.assert_close(trust[:, 0], (x @ gate.T).softmax(-1).amax(-1))
    assert trust.max() < 1


def test_ties_go_to_the_lower_ids() -> None:
    chosen, trust = route(random_tokens(5), torch.zeros(8, D), 2)
    assert chosen.tolist() == [[0, 1]] * 5
    assert trust.tolist() == [[0.5, 0.5]] * 5


def test_a_tie_for_the_second_place_goes_to_the_lower_id() -> None:
    gate = torch.zeros(8, D)
    gate[5] = 1
    chosen, _ = route(torch.ones(3, D), gate, 2)
    assert chosen.tolist() == [[5, 0]] * 3


def test_one_expert_may_take_all_tokens() -> None:
    """Three hundred tokens on one expert are no reason to drop any."""
    x, experts = random_tokens(300), make_experts(8)
    chosen = torch.tensor([[3, 6]]).expand(300, 2)
    trust = torch.tensor([[0.9, 0.1]]).expand(300, 2)
    torch.testing.assert_close(dispatch(x, chosen, trust, experts), loop_over_experts(x, chosen, trust, experts))


def test_experts_without_tokens_are_not_touched() -> None:
    x, experts, ran = random_tokens(4), make_experts(8), []
    for number, expert in enumerate(experts):
        expert.register_forward_pre_hook(lambda _, inputs, number=number: ran.append((number, len(inputs[0]))))
    dispatch(x, torch.tensor([[1, 7], [7, 1], [1, 2], [1, 7]]), torch.full((4, 2), 0.5), experts)
    assert ran == [(1, 4), (2, 1), (7, 3)]


def test_an_unused_expert_may_hold_anything() -> None:
    """Not even NaN times zero."""
    x, experts = random_tokens(4), make_experts(4)
    experts[3].w1.weight.fill_(float("nan"))
    out = dispatch(x, torch.tensor([[0, 1]]).expand(4, 2), torch.full((4, 2), 0.5), experts)
    assert out.isfinite().all()


def test_a_token_does_not_depend_on_its_batch() -> None:
    x, gate, experts = random_tokens(200), random_tokens(8, seed=1), make_experts(8)
    together = dispatch(x, *route(x, gate, 2), experts)
    alone = torch.cat([dispatch(one, *route(one, gate, 2), experts) for one in x.split(1)])
    torch.testing.assert_close(together, alone)


def test_large_logits_do_not_overflow() -> None:
    chosen, trust = route(1e4 * random_tokens(20), random_tokens(8, seed=1), 2)
    assert trust.isfinite().all()
    assert trust.sum(-1).allclose(torch.ones(20))
    assert (chosen[:, 0] != chosen[:, 1]).all()


def test_routing_is_in_single_precision_whatever_the_dtypes() -> None:
    x, gate = random_tokens(2000).bfloat16(), random_tokens(128, seed=1).bfloat16()
    chosen, trust = route(x, gate, 2)
    exact, _ = route(x.float(), gate.float(), 2)
    assert torch.equal(chosen, exact)
    assert trust.dtype == torch.float32
