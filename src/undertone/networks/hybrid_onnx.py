"""The hybrid classifier as an ONNX graph, built by hand from its weights.

:mod:`undertone.networks.graph` describes inputs and outputs. The contributions of all positions
and the base sum to the logits exactly; as an explanation they are an approximation, because
self-attention has mixed the other tokens into a position's state.
"""

from __future__ import annotations

from typing import Any

from undertone.extras import require
from undertone.networks.attention_onnx import encoder_layers
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
    mask = token_mask(graph)
    states = lstm_layers(graph, network, weights, token_vectors(graph, weights))
    layers = range(network.layers, network.layers + network.attention_layers)
    states = encoder_layers(graph, network, weights, layers, states)
    finish(graph, network, weights, states, mask)
    return graph.model()
