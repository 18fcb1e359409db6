"""A running average of the weights, which is what gets evaluated and saved."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential moving average of all parameters (Polyak and Juditsky, 1992, in its EMA form).

    Early on the decay is (1 + step) / (10 + step), so the random start is soon forgotten.
    With decay 0 the average is the current weights.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {
            name: parameter.detach().clone() for name, parameter in network.named_parameters()
        }

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards the current weights after step ``step`` (counted from 0)."""
        decay = min(self.decay, (1.0 + step) / (10.0 + step))
        current = [parameter.detach() for parameter in network.parameters()]
        torch._foreach_lerp_(list(self.weights.values()), current, 1.0 - decay)

    def snapshot(self) -> dict[str, Tensor]:
        """A copy of the averaged weights on the CPU, by parameter name."""
        return {name: weight.to("cpu", copy=True) for name, weight in self.weights.items()}

    @torch.no_grad()
    def load(self, weights: dict[str, Tensor]) -> None:
        """Take over a snapshot."""
        for name, weight in self.weights.items():
            weight.copy_(weights[name])
