"""The transformer classifier: a pre-norm encoder that is trained from scratch.

Its settings under other names than the papers': ``hidden_dim`` is the width of the states
(d_model), ``feedforward_dim`` that inside a layer (d_ff), ``layers`` the number of layers.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from undertone.config import RunConfig
from undertone.networks.attention import EncoderLayer, sinusoids
from undertone.networks.classifier import Classifier


class Placement(nn.Module):
    """The lowest layer: token vectors brought to one width and size, with their positions added.

    Vectors are normalised first, so that positions neither drown in them nor drown them, whatever
    vectors a run starts from. Only padding stands beyond ``text.max_tokens``; it shares the last
    learned position.
    """

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        network = config.network
        inputs, width = network.embedding_dim, network.hidden_dim
        # Vectors narrower than the states save parameters: Lan et al., "ALBERT" (ICLR 2020), 3.1.
        self.widen = nn.Linear(inputs, width) if inputs != width else None
        self.norm = nn.LayerNorm(width)
        self.positions: nn.Parameter | None = None
        if network.positions == "learned":
            self.positions = nn.Parameter(torch.empty(config.text.max_tokens, width))
            nn.init.normal_(self.positions, std=0.1)

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:  # noqa: ARG002 (as any layer)
        """(B, T, embedding_dim) -> float32 (B, T, hidden_dim)."""
        states = vectors if self.widen is None else self.widen(vectors).float()
        states = self.norm(states)
        result: Tensor = states + self._positions(states.shape[1], states)
        return result

    def _positions(self, count: int, like: Tensor) -> Tensor:
        """Vectors float32 (T, hidden_dim) of the first ``count`` positions, where ``like`` is."""
        places = torch.arange(count, device=like.device)
        if self.positions is None:
            return sinusoids(places, like.shape[2])
        last = len(self.positions) - 1
        return nn.functional.embedding(places.clamp(max=last), self.positions)


class TransformerClassifier(Classifier):
    """Placement, encoder layers and a last LayerNorm; ``last`` pooling takes the last token."""

    def __init__(self, config: RunConfig, vocabulary: int, outputs: int) -> None:
        super().__init__(config, vocabulary, outputs, _bottom_up(config))
        self.final_norm = nn.LayerNorm(config.network.hidden_dim)

    def read(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """States of the last layer, float32 (B, T, hidden_dim)."""
        placement, *encoder = self.layers
        states = self.input_dropout(placement(vectors, lengths))
        for layer in encoder:
            states = layer(states, lengths)
        result: Tensor = self.final_norm(states)
        return result


def _bottom_up(config: RunConfig) -> Iterator[nn.Module]:
    yield Placement(config)
    for _ in range(config.network.layers):
        yield EncoderLayer(config.network, config.train)
