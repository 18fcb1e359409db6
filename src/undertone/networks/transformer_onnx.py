"""The transformer classifier as an ONNX graph, built by hand from its weights.

:mod:`undertone.networks.graph` describes inputs and outputs. The contributions of all positions
and the base sum to the logits exactly; as an explanation they are an approximation, because
self-attention has mixed the other tokens into a position's state.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from undertone.extras import require
from undertone.networks.attention_onnx import encoder_layers, layer_norm, linear
from undertone.networks.graph import Graph, Weights, token_mask, token_vectors
from undertone.networks.head_onnx import finish
from undertone.networks.shapes import sinusoid_frequencies
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
    states = _placement(graph, network, weights, token_vectors(graph, weights))
    layers = range(1, network.layers + 1)
    states = encoder_layers(graph, network, weights, layers, states)
    finish(graph, network, weights, states, mask)
    return graph.model()


def _placement(graph: Graph, network: NetworkConfig, weights: Weights, vectors: str) -> str:
    if network.embedding_dim != network.hidden_dim:
        vectors = linear(graph, weights, "layers.0.widen", vectors)
    states = layer_norm(graph, weights, "layers.0.norm", vectors)
    learned = network.positions == "learned"
    places = _learned(graph, weights) if learned else _sinusoids(graph, network)
    return graph.add("Add", states, graph.add("Unsqueeze", places, graph.integers(1)))


def _learned(graph: Graph, weights: Weights) -> str:
    table = weights["layers.0.positions"]
    last = graph.constant("last", np.array(len(table) - 1, dtype=np.int64))
    places = graph.add("Min", "count", last)
    return graph.add("Gather", graph.constant("layers.0.positions", table), places, axis=0)


def _sinusoids(graph: Graph, network: NetworkConfig) -> str:
    frequencies = np.array(sinusoid_frequencies(network.hidden_dim), dtype=np.float32)
    row = graph.constant("frequencies", frequencies)
    column = graph.add("Unsqueeze", graph.as_float("count"), graph.integers(1))
    angles = graph.add("Mul", column, row)
    return graph.add("Concat", graph.add("Sin", angles), graph.add("Cos", angles), axis=1)
