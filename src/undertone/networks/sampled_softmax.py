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
# A GPU waits for the launch of small kernels, so it takes what its memory allows: 0.5 GB.
_GPU_BLOCK = 32 * 1024


def sampled_softmax_loss(
    guesses: Tensor, right: tuple[Tensor, Tensor], wrong: tuple[Tensor, Tensor], hits: Tensor
) -> Tensor:
    """Mean cross-entropy of each target against itself and the drawn words.

    With logits ``guess . vector + offset`` of the target (s) and of the drawn words (s_j), the loss
    of a position is ``log(exp(s) + sum_j exp(s_j)) - s``; where the target is among the drawn
    words itself, that j is left out.

    Args:
        guesses: float (M, E), what the network expects at each position.
        right: vectors (M, E) of the targets and their offsets (M,), of the same dtype.
        wrong: vectors (N, E) of the drawn words and their offsets (N,), of the same dtype.
        hits: int64 (M,), where a target stands among the drawn words, or -1.

    Returns:
        Scalar of the same dtype, nats. It can be walked back, but not differentiated twice. Under
        autocast the large products are taken in its format.
    """
    loss: Tensor = _Loss.apply(guesses, *right, *wrong, hits)  # type: ignore[no-untyped-call]
    return loss


class _Loss(torch.autograd.Function):
    """Products in the autocast format; softmax and sums in the format of the guesses."""

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
        device, wide = guesses.device.type, guesses.dtype
        half = torch.is_autocast_enabled(device)
        narrow = torch.get_autocast_dtype(device) if half else wide
        words = drawn.to(narrow)
        total = guesses.new_zeros(())
        by_guess, by_target = torch.empty_like(guesses), torch.empty_like(guesses)
        by_target_offset = torch.empty_like(target_offsets)
        by_word, by_word_offset = torch.zeros_like(drawn), torch.zeros_like(drawn_offsets)
        block = _GPU_BLOCK if device == "cuda" else _BLOCK
        for start in range(0, len(guesses), block):
            rows = slice(start, start + block)
            guess, target = guesses[rows].to(narrow), targets[rows]
            logits = torch.mm(guess, words.T).to(wide).add_(drawn_offsets)
            hit = (hits[rows] >= 0).nonzero()[:, 0]
            logits[hit, hits[rows][hit]] = -torch.inf
            right = (guess.to(wide) * target).sum(1) + target_offsets[rows]
            top = torch.logaddexp(right, logits.logsumexp(1))
            total += (top - right).sum()
            share = logits.sub_(top[:, None]).exp_()  # of each drawn word in the softmax
            miss = (right - top).exp_().sub_(1.0)
            by_word_offset += share.sum(0)
            share = share.to(narrow)
            by_guess[rows] = torch.mm(share, words).to(wide).addcmul_(miss[:, None], target)
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
