"""LSTM layers as ONNX nodes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undertone.networks.graph import Graph, Weights
from undertone.networks.shapes import state_width
from undertone.settings import NetworkConfig


def lstm_layers(graph: Graph, network: NetworkConfig, weights: Weights, values: str) -> str:
    """All LSTM layers: (T, B, E) -> float32 (T, B, state width), zero on padding."""
    for layer in range(network.layers):
        values = _lstm(graph, network, weights, layer, values)
    return values


def _lstm(graph: Graph, network: NetworkConfig, weights: Weights, layer: int, values: str) -> str:
    names = ["forward_lstm"] + (["backward_lstm"] if network.bidirectional else [])
    arrays = [_onnx_weights(weights, f"layers.{layer}.{name}") for name in names]
    inputs = [
        graph.constant(f"lstm{layer}.{kind}", np.stack([array[kind] for array in arrays]))
        for kind in ("W", "R", "B")
    ]
    states = graph.add(
        "LSTM",
        values,
        *inputs,
        "lengths",
        name=f"lstm{layer}",
        hidden_size=network.hidden_dim,
        direction="bidirectional" if network.bidirectional else "forward",
    )
    together = graph.add("Transpose", states, perm=[0, 2, 1, 3])
    return graph.add("Reshape", together, graph.integers(0, 0, state_width(network)))


def _onnx_weights(weights: Weights, prefix: str) -> dict[str, NDArray[np.float32]]:
    """Torch orders the gates i, f, g, o; ONNX orders them i, o, f, c."""

    def reorder(array: NDArray[np.float32]) -> NDArray[np.float32]:
        entry, forget, cell, out = np.split(array, 4)
        return np.concatenate([entry, out, forget, cell])

    biases = [reorder(weights[f"{prefix}.bias_{kind}_l0"]) for kind in ("ih", "hh")]
    return {
        "W": reorder(weights[f"{prefix}.weight_ih_l0"]),
        "R": reorder(weights[f"{prefix}.weight_hh_l0"]),
        "B": np.concatenate(biases),
    }
