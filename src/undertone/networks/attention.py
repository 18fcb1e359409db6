"""Self-attention under a mask, and the pre-norm encoder layer that is built from it.

Vaswani et al., "Attention Is All You Need" (NeurIPS 2017), sections 3.1 to 3.3, with LayerNorm
before each half of a layer instead of after it: Xiong et al., "On Layer Normalization in the
Transformer Architecture" (ICML 2020), figure 1b, which trains from scratch without long warm-up.

Shapes: B reviews, T tokens, W features of a token's state, H heads of W / H features each.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from undertone.networks.layers import SequenceDropout, token_mask
from undertone.networks.shapes import sinusoid_frequencies, state_width
from undertone.settings import NetworkConfig, TrainConfig


class SelfAttention(nn.Module):
    """Every token looks at every true token of its own review; padding is never looked at.

    Args:
        width: W, divisible by ``heads``.
        heads: H.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inward = nn.Linear(width, 3 * width)  # queries, keys and values side by side
        self.outward = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.inward.weight)
        nn.init.xavier_uniform_(self.outward.weight)
        for linear in (self.inward, self.outward):
            nn.init.zeros_(linear.bias)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, W) -> (B, T, W); on padding it is junk. Every length must be 1 or more."""
        batch, width, features = states.shape
        split = self.inward(states).view(batch, width, 3, self.heads, features // self.heads)
        queries, keys, values = split.permute(2, 0, 3, 1, 4)
        visible = token_mask(lengths, width)[:, None, None, :]
        mixed = nn.functional.scaled_dot_product_attention(queries, keys, values, attn_mask=visible)
        result: Tensor = self.outward(mixed.transpose(1, 2).flatten(2))
        return result


class EncoderLayer(nn.Module):
    """x + Attention(Norm(x)), then x + FeedForward(Norm(x)); dropout on what each half adds.

    Args:
        network: W is its :func:`~undertone.networks.shapes.state_width`.
        train: ``layer_dropout`` and ``dropout_mask``.
    """

    def __init__(self, network: NetworkConfig, train: TrainConfig) -> None:
        super().__init__()
        width = state_width(network)
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, network.heads)
        self.feedforward_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, network.feedforward_dim)
        self.contract = nn.Linear(network.feedforward_dim, width)
        self.dropout = SequenceDropout(train.layer_dropout, train.dropout_mask)
        for linear in (self.expand, self.contract):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """float32 (B, T, W) -> float32 (B, T, W); on padding it is junk."""
        added: Tensor = self.attention(self.attention_norm(states), lengths)
        states = states + self.dropout(added.float())
        wide = nn.functional.gelu(self.expand(self.feedforward_norm(states)))
        result: Tensor = states + self.dropout(self.contract(wide).float())
        return result


def sinusoids(positions: Tensor, width: int) -> Tensor:
    """Position vectors of sines and cosines (Vaswani et al., 2017, section 3.5).

    The sines stand side by side before the cosines, where the paper alternates them: the linear
    layers that follow do not care.

    Args:
        positions: (T,), counted from 0.
        width: features of a vector, an even number.

    Returns:
        float32 (T, width). For positions [0, 1] and width 4::

            [[0, 0, 1, 1], [sin 1, sin 0.01, cos 1, cos 0.01]]
    """
    frequencies = torch.tensor(sinusoid_frequencies(width), device=positions.device)
    angles = positions[:, None].float() * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)
