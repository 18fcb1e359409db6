"""The softmax over a sample of the vocabulary, with its gradient from the same pass.

Logits of all positions against all drawn words would be the largest tensor of a language model by
far, and autograd would visit it a dozen times. Here a block of positions is carried from logits to
gradients while it lies in the cache.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_BLOCK = 512  # positions; their logits against 2,000 words are 4 MB


def sampled_softmax_loss(
    guesses: Tensor, right: tuple[Tensor, Tensor], wrong: tuple[Tensor, Tensor], hits: Tensor
) -> Tensor:
    """Mean cross-entropy of each target against itself and the drawn words.

    Args:
        guesses: (M, E), what the network expects at each position.
        right: vectors (M, E) of the targets and their offsets float32 (M,).
        wrong: vectors (N, E) of the drawn words and their offsets float32 (N,).
        hits: int64 (M,), where a target stands among the drawn words, or -1: there it is left out.

    Returns:
        float32 scalar, nats.
    """
    loss: Tensor = _Loss.apply(guesses, *right, *wrong, hits)  # type: ignore[no-untyped-call]
    return loss


class _Loss(torch.autograd.Function):
    """Products in the autocast format, sums in float32."""

    @staticmethod
    def forward(
        ctx: Any,
        guesses: Tensor,
        targets: Tensor,
        target_offsets: Tensor,
        drawn: Tensor,
        drawn_offsets: Tensor,
        hits: Tensor,
    ) -> Tensor:
        device = guesses.device.type
        half = torch.is_autocast_enabled(device)
        kind = torch.get_autocast_dtype(device) if half else torch.float32
        words = drawn.to(kind)
        total = guesses.new_zeros((), dtype=torch.float32)
        by_guess, by_target = torch.empty_like(guesses), torch.empty_like(guesses)
        by_target_offset = torch.empty_like(target_offsets)
        by_word = torch.zeros_like(drawn, dtype=torch.float32)
        by_word_offset = torch.zeros_like(drawn_offsets)
        for start in range(0, len(guesses), _BLOCK):
            rows = slice(start, start + _BLOCK)
            guess, target = guesses[rows].to(kind), targets[rows]
            logits = torch.mm(guess, words.T).float().add_(drawn_offsets)
            hit = (hits[rows] >= 0).nonzero()[:, 0]
            logits[hit, hits[rows][hit]] = -torch.inf
            right = (guess.float() * target).sum(1) + target_offsets[rows]
            top = torch.logaddexp(right, logits.logsumexp(1))
            total += (top - right).sum()
            share = logits.sub_(top[:, None]).exp_()  # of each drawn word in the softmax
            miss = (right - top).exp_().sub_(1.0)
            by_word_offset += share.sum(0)
            share = share.to(kind)
            by_guess[rows] = torch.mm(share, words).float().addcmul_(miss[:, None], target)
            by_target[rows] = miss[:, None] * guess
            by_word += torch.mm(share.T, guess)
            by_target_offset[rows] = miss
        ctx.gradients = (by_guess, by_target, by_target_offset, by_word, by_word_offset)
        ctx.count = len(guesses)
        return total / len(guesses)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        scale = gradient / ctx.count
        return (*(each * scale for each in ctx.gradients), None)
