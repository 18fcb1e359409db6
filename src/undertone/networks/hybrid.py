"""The hybrid classifier: LSTM layers that read in order, and self-attention over their states.

The LSTM tells the order of the words, so there are no position vectors; attention then compares
distant parts of a review directly, which an LSTM must carry through every step between them.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from undertone.config import RunConfig
from undertone.networks.attention import EncoderLayer
from undertone.networks.classifier import Classifier
from undertone.networks.layers import LSTMLayer, SequenceDropout
from undertone.networks.shapes import state_width


class HybridClassifier(Classifier):
    """``layers`` LSTM layers, ``attention_layers`` encoder layers, and a last LayerNorm.

    All stand in one list, and the LSTM layers come first under the names they have in the LSTM
    classifier, so that a run can start from the same language model.
    """

    def __init__(self, config: RunConfig, vocabulary: int, outputs: int) -> None:
        network, train = config.network, config.train
        super().__init__(config, vocabulary, outputs, _bottom_up(config))
        self.layer_dropout = SequenceDropout(train.layer_dropout, train.dropout_mask)
        self.recurrent = network.layers
        self.final_norm = nn.LayerNorm(state_width(network))

    def read(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """States of the last layer, float32 (B, T, state width)."""
        states = self.input_dropout(vectors)
        for number, layer in enumerate(self.layers):
            between = 0 < number < self.recurrent  # encoder layers have dropout of their own
            states = layer(self.layer_dropout(states) if between else states, lengths)
        result: Tensor = self.final_norm(states)
        return result


def _bottom_up(config: RunConfig) -> Iterator[nn.Module]:
    network = config.network
    inputs = [network.embedding_dim] + [state_width(network)] * (network.layers - 1)
    for size in inputs:
        yield LSTMLayer(size, network.hidden_dim, network.bidirectional)
    for _ in range(network.attention_layers):
        yield EncoderLayer(network, config.train)
