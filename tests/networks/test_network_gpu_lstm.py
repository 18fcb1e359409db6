"""The hand-made change of number format: the same LSTM, and nothing new on a CPU."""

from __future__ import annotations

import torch
from torch import nn

from undertone.networks import gpu_lstm


def parts() -> tuple[nn.LSTM, torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
    torch.manual_seed(3)
    lstm = nn.LSTM(5, 4, batch_first=True)
    return lstm, torch.randn(3, 6, 5), (torch.randn(1, 3, 4), torch.randn(1, 3, 4))


def test_equals_the_module_in_double_precision() -> None:
    lstm, values, state = parts()
    values.requires_grad_()
    weights = list(lstm.parameters())
    states, end = gpu_lstm.read_in(torch.float64, weights, values, state, train=True)
    assert states.dtype == end[0].dtype == torch.float64
    found = torch.autograd.grad(states.square().sum() + end[1].sum(), [values, *weights])
    assert {each.dtype for each in found} == {torch.float32}

    double = nn.LSTM(5, 4, batch_first=True).double()
    double.load_state_dict(lstm.state_dict())
    wide = values.detach().double().requires_grad_()
    right, right_end = double(wide, (state[0].double(), state[1].double()))
    torch.testing.assert_close(states, right)
    torch.testing.assert_close(end, right_end)
    wanted = torch.autograd.grad(
        right.square().sum() + right_end[1].sum(), [wide, *double.parameters()]
    )
    for each, known in zip(found, wanted, strict=True):
        torch.testing.assert_close(each, known.float())


def test_starts_at_zero_without_a_state() -> None:
    lstm, values, _ = parts()
    states, _ = gpu_lstm.read_in(torch.float32, list(lstm.parameters()), values, train=False)
    torch.testing.assert_close(states, lstm(values)[0])


def test_leaves_a_cpu_alone() -> None:
    lstm, values, state = parts()
    states, end = gpu_lstm.read(lstm, values, state)
    right, right_end = lstm(values, state)
    assert torch.equal(states, right)
    assert torch.equal(end[0], right_end[0])
    assert torch.equal(end[1], right_end[1])
