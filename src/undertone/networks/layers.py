"""Tensor functions that respect the true length of each review.

Shapes: B reviews, T tokens of the longest one (shorter ones are padded on the right), D features.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from undertone.networks import gpu_lstm
from undertone.networks.concurrent import run_both

# Below any LSTM state, which lies in (-1, 1), and still exact in bfloat16.
_LOWEST = -65536.0


def token_mask(lengths: Tensor, width: int) -> Tensor:
    """True where a token stands and False on padding.

    Args:
        lengths: int64 (B,).
        width: T.

    Returns:
        bool (B, T). For lengths [1, 3, 2] and width 3::

            [[True, False, False], [True, True, True], [True, True, False]]
    """
    return torch.arange(width, device=lengths.device)[None, :] < lengths[:, None]


def reversal_index(lengths: Tensor, width: int) -> Tensor:
    """Positions that turn each review round inside its own length and leave padding in place.

    The same index undoes the turn.

    Returns:
        int64 (B, T). For lengths [1, 3, 2] and width 3::

            [[0, 1, 2], [2, 1, 0], [1, 0, 2]]
    """
    positions = torch.arange(width, device=lengths.device)[None, :]
    return torch.where(positions < lengths[:, None], lengths[:, None] - 1 - positions, positions)


def turn(values: Tensor, lengths: Tensor) -> Tensor:
    """Reverse each review inside its own length: (B, T, D) -> (B, T, D). Twice is the identity."""
    batch, width, _ = values.shape
    first = torch.arange(batch, device=values.device)[:, None] * width
    rows = (reversal_index(lengths, width) + first).flatten()
    turned: Tensor = _Turn.apply(values, rows)  # type: ignore[no-untyped-call]
    return turned


class _Turn(torch.autograd.Function):
    """Rows picked by an index that is its own inverse, so gradients are picked the same way.

    autograd would add them up instead, which is slower by half.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        return values.flatten(0, 1).index_select(0, rows).view_as(values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (rows,) = ctx.saved_tensors
        return gradient.flatten(0, 1).index_select(0, rows).view_as(gradient), None


def masked_mean(states: Tensor, lengths: Tensor) -> Tensor:
    """Mean over the true tokens: (B, T, D) -> (B, D)."""
    mask = token_mask(lengths, states.shape[1])[:, :, None]
    return (states * mask).sum(dim=1) / lengths[:, None].clamp(min=1)


def masked_max(states: Tensor, lengths: Tensor) -> Tensor:
    """Largest value of each feature over the true tokens: (B, T, D) -> (B, D)."""
    mask = token_mask(lengths, states.shape[1])[:, :, None]
    return states.masked_fill(~mask, _LOWEST).amax(dim=1)


class SequenceDropout(nn.Module):
    """Dropout over (B, T, D) with one mask a review, or a fresh one for every token.

    One mask a review drops the same features at all its tokens, as in Gal and Ghahramani, "A
    Theoretically Grounded Application of Dropout in Recurrent Neural Networks" (NeurIPS 2016).
    """

    def __init__(self, rate: float, mask: Literal["review", "element"]) -> None:
        super().__init__()
        self.rate = rate
        self.mask = mask

    def forward(self, values: Tensor) -> Tensor:
        """Drop and rescale in training; the identity otherwise."""
        if not self.training or self.rate == 0.0:
            return values
        if self.mask == "element" and values.device.type == "cpu":
            return values * _element_mask(values.shape, self.rate)
        time = 1 if self.mask == "review" else values.shape[1]
        keep = values.new_empty(values.shape[0], time, values.shape[2])
        keep.bernoulli_(1.0 - self.rate).div_(1.0 - self.rate)
        return values * keep


def _element_mask(shape: torch.Size, rate: float) -> Tensor:
    """Dropout's factors for every element: 0 with probability ``rate``, else 1 / (1 - rate).

    torch draws on a CPU one element after the other, which costs a quarter of a deep network's
    step. numpy's SFC64 is an order of magnitude faster; 16 bits fix the rate to 0.001%. Its seed
    comes from torch's generator, so a seeded step stays repeatable.
    """
    seed = int(torch.randint(2**62, ()))
    drawn = np.random.Generator(np.random.SFC64(seed)).integers(
        0, 2**16, size=tuple(shape), dtype=np.uint16
    )
    kept = torch.from_numpy(drawn >= round(rate * 2**16))
    return kept.float().div_(1.0 - rate)


class TokenEmbedding(nn.Module):
    """Token vectors, with words hidden and whole vocabulary entries dropped in training.

    Args:
        vocabulary: number of distinct tokens; 0 is padding, 1 the unknown token.
        width: size of a vector.
        word_dropout: share of tokens that become the unknown token.
        entry_dropout: share of vocabulary entries whose vector is zero for one step (Merity et
            al., "Regularizing and Optimizing LSTM Language Models", 2017, section 4.3).
    """

    def __init__(
        self, vocabulary: int, width: int, word_dropout: float = 0.0, entry_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocabulary, width))
        self.word_dropout = word_dropout
        self.entry_dropout = entry_dropout
        nn.init.normal_(self.weight, std=0.1)
        with torch.no_grad():
            self.weight[0].zero_()

    def forward(self, ids: Tensor) -> Tensor:
        """Int64 (B, T) -> (B, T, width)."""
        if self.training and self.word_dropout > 0.0:
            hidden = torch.rand(ids.shape, device=ids.device) < self.word_dropout
            ids = torch.where(hidden & (ids > 0), 1, ids)
        vectors = nn.functional.embedding(ids, self.weight, padding_idx=0)
        if self.training and self.entry_dropout > 0.0:
            keep = self.weight.new_empty(len(self.weight), 1)
            keep.bernoulli_(1.0 - self.entry_dropout).div_(1.0 - self.entry_dropout)
            vectors = vectors * nn.functional.embedding(ids, keep)
        return vectors


class LSTMLayer(nn.Module):
    """One LSTM layer in one or two directions over padded reviews.

    The backward direction reads each review reversed inside its own length, so it never meets
    padding, and both directions are plain ``nn.LSTM`` calls: unlike packed sequences these run on
    oneDNN, in bfloat16 too. Padding lies behind the last token of either direction and cannot
    reach an earlier state.
    """

    def __init__(self, inputs: int, hidden: int, bidirectional: bool) -> None:
        super().__init__()
        self.forward_lstm = nn.LSTM(inputs, hidden, batch_first=True)
        self.backward_lstm = nn.LSTM(inputs, hidden, batch_first=True) if bidirectional else None
        for lstm in (self.forward_lstm, self.backward_lstm):
            if lstm is not None:
                _initialise(lstm)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, inputs) -> float32 (B, T, 1 or 2 * hidden); on padding it is junk."""
        if self.backward_lstm is None:
            return gpu_lstm.read(self.forward_lstm, values)[0].float()
        ahead, back = run_both(
            self.forward_lstm, self.backward_lstm, (values, turn(values, lengths))
        )
        return torch.cat([ahead, turn(back, lengths)], dim=2).float()


def _initialise(lstm: nn.LSTM) -> None:
    """Orthogonal recurrence, Glorot input weights, forget bias 1 (Jozefowicz et al., 2015)."""
    hidden = lstm.hidden_size
    for name, weight in lstm.named_parameters():
        if "weight_hh" in name:
            for gate in torch.split(weight.data, hidden):
                nn.init.orthogonal_(gate)
        elif "weight_ih" in name:
            nn.init.xavier_uniform_(weight)
        else:
            nn.init.zeros_(weight)
            if "bias_ih" in name:
                weight.data[hidden : 2 * hidden].fill_(1.0)


class AttentionPooling(nn.Module):
    """Weighted mean of the states; a learned linear score, softmax over true tokens, weighs them.

    The weights sum to one, so the pooled vector stays an exact sum over tokens.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, D) -> (B, D)."""
        scores = self.score(states).squeeze(2)
        scores = scores.masked_fill(~token_mask(lengths, states.shape[1]), _LOWEST)
        pooled: Tensor = (scores.softmax(dim=1)[:, :, None] * states).sum(dim=1)
        return pooled
