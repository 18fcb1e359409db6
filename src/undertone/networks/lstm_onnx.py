"""The LSTM classifier as an ONNX graph, built by hand from its weights.

:mod:`undertone.networks.graph` describes inputs and outputs. The contributions of all tokens and
the base sum to the logits.
"""

from __future__ import annotations

from typing import Any

from undertone.extras import require
from undertone.networks.graph import Graph, Weights, token_mask, token_vectors
from undertone.networks.head_onnx import finish
from undertone.networks.recurrent_onnx import lstm_layers
from undertone.settings import NetworkConfig


def build(network: NetworkConfig, weights: Weights) -> Any:
    """The graph of a trained classifier.

    Args:
        network: its shape.
        weights: float32 arrays under the names of the torch module's ``state_dict``.

    Returns:
        An ``onnx.ModelProto`` that passes the ONNX checker.
    """
    graph = Graph(require("onnx", "train"))
    states = lstm_layers(graph, network, weights, token_vectors(graph, weights))
    finish(graph, network, weights, states, token_mask(graph))
    return graph.model()
