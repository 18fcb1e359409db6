"""Adversarial and virtual adversarial training on token vectors.

Miyato, Dai and Goodfellow, "Adversarial Training Methods for Semi-Supervised Text Classification"
(ICLR 2017): the network learns to stand by its answer when the token vectors move a little in the
direction that changes the answer most. Two things differ from the paper:

* Vectors are not normalised. The length of a perturbation is instead given relative to the root
  mean square of the vectors, which has the same purpose: the network cannot make it negligible by
  growing its vectors.
* The finite difference that finds the virtual direction is as long as the perturbation (paper's
  code: 0.1). Spread over all tokens of a review, a shorter one would vanish in bfloat16.

Dropout: all passes of a step share its masks, those of the token vectors because these are looked
up once, as in the authors' code, and those behind them because every pass starts from the same
random state. With masks of its own, a pass would differ from the clean one by its dropout first of
all, and the gradient of that difference says nothing about the vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn

from undertone.networks.layers import token_mask
from undertone.settings import TrainConfig

Read = Callable[[Tensor], Tensor]  # token vectors to logits
Loss = Callable[[Tensor], Tensor]  # logits to a scalar


@dataclass(frozen=True)
class Attack:
    """How token vectors are perturbed.

    Attributes:
        kind: ``adversarial``: along the gradient of the loss, which needs labels; ``virtual``:
            where the answer itself changes most (both in section 3 of the paper).
        norm: L2 norm of the perturbation of one review, taken over all its true tokens together,
            as a multiple of the root mean square of the elements of these tokens' vectors as they
            enter the network. 5 is the paper's epsilon = 5 on vectors of variance 1.
        weight: of the perturbed pass's loss beside the clean one.
    """

    kind: Literal["adversarial", "virtual"]
    norm: float
    weight: float

    def backward(
        self, vectors: Tensor, lengths: Tensor, read: Read, loss: Loss
    ) -> tuple[Tensor, Tensor]:
        """Add the gradients of the clean and the perturbed loss to those of the parameters.

        Every graph is walked back once, as ``networks.concurrent`` demands, and is free before the
        next one grows: two passes there and back, or three if the attack is virtual.

        Args:
            vectors: token vectors float32 (B, T, D) with the graph that they come from.
            lengths: int64 (B,), at least 1.
            read: token vectors to logits float32 (B, K), with the same dropout at every call.
            loss: logits to a scalar.

        Returns:
            Clean logits float32 (B, K) and the clean loss, both detached.
        """
        leaf = vectors.detach().requires_grad_()
        logits = read(leaf)
        clean = loss(logits)
        clean.backward()  # type: ignore[no-untyped-call]
        logits, clean = logits.detach(), clean.detach()
        if self.kind == "adversarial":
            uphill = cast("Tensor", leaf.grad)
            perturbed = loss(read(leaf + scaled(uphill, vectors, lengths, self.norm)))
        else:
            shift = virtual_shift(vectors, lengths, read, logits, self.norm)
            perturbed = divergence(logits, read(leaf + shift))
        (self.weight * perturbed).backward()  # type: ignore[no-untyped-call]
        if vectors.requires_grad:  # the token vectors may be frozen
            vectors.backward(leaf.grad)  # type: ignore[no-untyped-call]
        return logits, clean


def attack(config: TrainConfig, done: float) -> Attack | None:
    """The attack of the settings, or None where there is none or it has not begun.

    Args:
        config: training settings.
        done: share of all steps that were made, in [0, 1].
    """
    if config.adversarial == "none" or done < config.adversarial_start:
        return None
    return Attack(config.adversarial, config.adversarial_norm, config.adversarial_weight)


def scaled(direction: Tensor, vectors: Tensor, lengths: Tensor, norm: float) -> Tensor:
    """A perturbation along a direction, with the length that :class:`Attack` describes.

    Args:
        direction: float32 (B, T, D); what it holds on padding does not count.
        vectors: token vectors float32 (B, T, D).
        lengths: int64 (B,), at least 1.
        norm: L2 norm of each review's perturbation, in root mean squares of its vectors.

    Returns:
        float32 (B, T, D) without a graph, zero on padding, and zero for a review whose direction
        is zero.
    """
    mask = token_mask(lengths, vectors.shape[1])[:, :, None]
    inside = direction.detach().masked_fill(~mask, 0.0)
    tiny = torch.finfo(inside.dtype).tiny
    # The largest element first: squares of gradients can be too small for float32.
    inside = inside / inside.abs().amax(dim=(1, 2), keepdim=True).clamp(min=tiny)
    length = inside.square().sum(dim=(1, 2), keepdim=True).sqrt().clamp(min=1.0)  # less: zero
    squares = vectors.detach().masked_fill(~mask, 0.0).square().sum(dim=(1, 2))
    rms = (squares / (lengths * vectors.shape[2])).sqrt()[:, None, None]
    return inside * (norm * rms / length)


def virtual_shift(
    vectors: Tensor, lengths: Tensor, read: Read, logits: Tensor, norm: float
) -> Tensor:
    """The perturbation that moves the answer most, by one power iteration; no label is needed.

    Near its minimum the divergence is quadratic in the perturbation, and its gradient at a random
    place is the random direction times its Hessian (Miyato et al., 2017, section 3). With
    one logit the Hessian has rank one, so one iteration finds its direction.

    Args:
        vectors: token vectors float32 (B, T, D).
        lengths: int64 (B,), at least 1.
        read: token vectors to logits float32 (B, K).
        logits: what it gives for ``vectors``, float32 (B, K).
        norm: as in :func:`scaled`, of the perturbation and of the random place.

    Returns:
        float32 (B, T, D) without a graph, zero on padding.
    """
    place = scaled(torch.randn_like(vectors), vectors, lengths, norm).requires_grad_()
    moved = divergence(logits.detach(), read(vectors.detach() + place))
    (gradient,) = torch.autograd.grad(moved, place)
    return scaled(gradient, vectors, lengths, norm)


def divergence(clean: Tensor, perturbed: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence KL(clean || perturbed) in nats of logits float32 (B, K).

    One logit (K = 1) is the log-odds of label 1.
    """
    return nn.functional.kl_div(
        _log_chances(perturbed), _log_chances(clean), reduction="batchmean", log_target=True
    )


def _log_chances(logits: Tensor) -> Tensor:
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    return logits.log_softmax(dim=1)
