"""What every architecture shares: token vectors below, pooling and one linear layer on top.

Nothing stands between the pooled vector and the logit but an optional LayerNorm and the linear
layer. That is deliberate: the logit is then an exact sum over positions (see ``head_onnx``).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from undertone.config import RunConfig
from undertone.networks import layers as parts
from undertone.networks.shapes import pooled_width, state_width


class Classifier(nn.Module):
    """Reads token ids and gives logits; an architecture adds :meth:`read`.

    Args:
        config: the network and dropout settings of a run.
        vocabulary: number of distinct tokens.
        outputs: K; 1 for two labels, else the number of labels.
        layers: from the lowest up. A generator is drawn from after the token vectors are made
            and before the output layer is, so that random starts come from bottom to top.
    """

    def __init__(
        self, config: RunConfig, vocabulary: int, outputs: int, layers: Iterable[nn.Module]
    ) -> None:
        super().__init__()
        network, train = config.network, config.train
        self.pooling = network.pooling
        self.ahead = network.hidden_dim  # features that read forwards; the others read backwards
        self.embedding = parts.TokenEmbedding(
            vocabulary, network.embedding_dim, train.word_dropout, train.embedding_dropout
        )
        self.input_dropout = parts.SequenceDropout(train.input_dropout, train.dropout_mask)
        self.layers = nn.ModuleList(layers)
        width, pooled = state_width(network), pooled_width(network)
        self.attention = parts.AttentionPooling(width) if self.pooling == "attention" else None
        self.output_dropout = nn.Dropout(train.output_dropout)
        self.norm = nn.LayerNorm(pooled) if network.layer_norm else None
        self.output = nn.Linear(pooled, outputs)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Logits of a batch.

        Args:
            ids: int64 (B, T), padded with 0 on the right; T >= max(lengths) >= 1.
            lengths: int64 (B,), true lengths.

        Returns:
            float32 (B, K).
        """
        return self.classify(self.embedding(ids), lengths)

    def classify(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Logits (B, K) from token vectors (B, T, embedding_dim)."""
        states = self.read(vectors, lengths)
        with torch.autocast(states.device.type, enabled=False):
            pooled = self.output_dropout(self.pool(states, lengths))
            if self.norm is not None:
                pooled = self.norm(pooled)
            logits: Tensor = self.output(pooled)
        return logits

    def read(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """States of the last layer, float32 (B, T, state width)."""
        raise NotImplementedError

    def pool(self, states: Tensor, lengths: Tensor) -> Tensor:
        """One float32 vector a review: (B, T, state width) -> (B, pooled width)."""
        if self.attention is not None:
            pooled: Tensor = self.attention(states, lengths)
            return pooled
        if self.pooling == "last":
            return self._last(states, lengths)
        if self.pooling == "mean":
            return parts.masked_mean(states, lengths)
        if self.pooling == "max":
            return parts.masked_max(states, lengths)
        both = parts.masked_mean(states, lengths), parts.masked_max(states, lengths)
        return torch.cat(both, dim=1)

    def _last(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Where each direction ends: forward at the last token, backward at the first."""
        rows = torch.arange(len(states), device=states.device)
        ahead = states[rows, (lengths - 1).clamp(min=0), : self.ahead]
        return torch.cat([ahead, states[:, 0, self.ahead :]], dim=1)
