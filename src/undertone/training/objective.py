"""The training loss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from undertone.settings import TrainConfig


class Objective:
    """Cross-entropy with label smoothing and label weights.

    Args:
        config: smoothing and weighting.
        targets: label indices of all training reviews, which the balanced weights come from.
        labels: number of labels.
        device: where logits will live.
    """

    def __init__(
        self, config: TrainConfig, targets: Sequence[int], labels: int, device: torch.device
    ) -> None:
        self.smoothing = config.label_smoothing
        self.weights = torch.ones(labels, device=device)
        if config.class_weights == "balanced":
            counts = Counter(targets)
            balanced = [len(targets) / (labels * max(1, counts[n])) for n in range(labels)]
            self.weights = torch.tensor(balanced, device=device)

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean loss in nats.

        Weighted losses are summed and divided once, by the sum of the weights; the weight of a
        distribution is the mean of the labels' weights under it. Smoothing mixes every target
        with the uniform distribution.

        Args:
            logits: float32 (B, K). One logit (K = 1) is the log-odds of label 1 and the loss is
                binary cross-entropy.
            targets: label indices int64 (B,), or distributions over the C labels float32 (B, C)
                as a teacher gives them (Hinton, Vinyals and Dean, "Distilling the Knowledge in a
                Neural Network", 2015).

        Returns:
            float32 scalar.
        """
        weights = self.weight(targets)
        return (self._each(logits, targets) * weights).sum() / weights.sum()

    def weight(self, targets: Tensor) -> Tensor:
        """How much each review counts, float32 (B,); ``targets`` as in a call."""
        return self.weights[targets] if targets.dim() == 1 else targets @ self.weights

    def _each(self, logits: Tensor, targets: Tensor) -> Tensor:
        if logits.shape[1] == 1:
            chance = targets.float() if targets.dim() == 1 else targets[:, 1]
            soft = chance * (1.0 - self.smoothing) + self.smoothing / 2.0
            return nn.functional.binary_cross_entropy_with_logits(
                logits[:, 0], soft, reduction="none"
            )
        return nn.functional.cross_entropy(
            logits, targets, reduction="none", label_smoothing=self.smoothing
        )


def correct(logits: Tensor, targets: Tensor) -> Tensor:
    """Number of right decisions of logits (B, K) against label indices int64 (B,).

    Returns:
        int64 scalar on the logits' device.
    """
    if logits.shape[1] == 1:
        return ((logits[:, 0] > 0).long() == targets).sum()
    return (logits.argmax(dim=1) == targets).sum()
