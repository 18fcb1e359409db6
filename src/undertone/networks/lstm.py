"""The LSTM classifier: token vectors, LSTM layers, pooling, one linear layer."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from undertone.config import RunConfig
from undertone.networks.classifier import Classifier
from undertone.networks.layers import LSTMLayer, SequenceDropout
from undertone.networks.shapes import state_width


class LSTMClassifier(Classifier):
    """``layers`` LSTM layers in one or two directions."""

    def __init__(self, config: RunConfig, vocabulary: int, outputs: int) -> None:
        super().__init__(config, vocabulary, outputs, _bottom_up(config))
        train = config.train
        self.layer_dropout = SequenceDropout(train.layer_dropout, train.dropout_mask)

    def read(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """States of the last layer, float32 (B, T, state width)."""
        states = self.input_dropout(vectors)
        for number, layer in enumerate(self.layers):
            states = layer(self.layer_dropout(states) if number else states, lengths)
        result: Tensor = states
        return result


def _bottom_up(config: RunConfig) -> Iterator[nn.Module]:
    network = config.network
    inputs = [network.embedding_dim] + [state_width(network)] * (network.layers - 1)
    for size in inputs:
        yield LSTMLayer(size, network.hidden_dim, network.bidirectional)
