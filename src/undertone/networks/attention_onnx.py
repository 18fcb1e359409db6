"""Encoder layers as ONNX nodes; :mod:`undertone.networks.attention` is what they compute."""

from __future__ import annotations

from undertone.networks.graph import Graph, Weights
from undertone.networks.head_onnx import EPSILON, LOWEST
from undertone.networks.shapes import state_width
from undertone.settings import NetworkConfig


def encoder_layers(
    graph: Graph, network: NetworkConfig, weights: Weights, layers: range, states: str
) -> str:
    """The encoder layers of these numbers and the last LayerNorm: (T, B, W) -> (T, B, W).

    The value ``mask`` must exist. The result is zero on padding.
    """
    for layer in layers:
        states = _encoder_layer(graph, network, weights, f"layers.{layer}", states)
    states = layer_norm(graph, weights, "final_norm", states)
    return graph.add("Mul", states, graph.as_float("mask"))


def linear(graph: Graph, weights: Weights, name: str, values: str) -> str:
    """``nn.Linear`` on the last axis."""
    matrix = graph.constant(f"{name}.weight", weights[f"{name}.weight"].T)
    offset = graph.constant(f"{name}.bias", weights[f"{name}.bias"])
    return graph.add("Add", graph.add("MatMul", values, matrix, name=name), offset)


def layer_norm(graph: Graph, weights: Weights, name: str, values: str) -> str:
    """``nn.LayerNorm`` on the last axis."""
    inputs = [graph.constant(f"{name}.{kind}", weights[f"{name}.{kind}"]) for kind in _AFFINE]
    return graph.add("LayerNormalization", values, *inputs, axis=-1, epsilon=EPSILON)


_AFFINE = ("weight", "bias")


def _encoder_layer(
    graph: Graph, network: NetworkConfig, weights: Weights, layer: str, states: str
) -> str:
    normed = layer_norm(graph, weights, f"{layer}.attention_norm", states)
    states = graph.add("Add", states, _attention(graph, network, weights, layer, normed))
    normed = layer_norm(graph, weights, f"{layer}.feedforward_norm", states)
    wide = _gelu(graph, linear(graph, weights, f"{layer}.expand", normed))
    return graph.add("Add", states, linear(graph, weights, f"{layer}.contract", wide))


def _attention(
    graph: Graph, network: NetworkConfig, weights: Weights, layer: str, values: str
) -> str:
    width = state_width(network)
    each = width // network.heads
    inward = linear(graph, weights, f"{layer}.attention.inward", values)
    parts = graph.split(inward, [width] * 3, [f"{layer}.{kind}" for kind in "qkv"])
    by_head = graph.integers(0, 0, network.heads, each)
    queries, keys, contents = (graph.add("Reshape", part, by_head) for part in parts)
    queries = graph.add("Transpose", queries, perm=[1, 2, 0, 3])  # (B, H, T, each)
    keys = graph.add("Transpose", keys, perm=[1, 2, 3, 0])  # (B, H, each, T)
    contents = graph.add("Transpose", contents, perm=[1, 2, 0, 3])
    scale = graph.number("attention.scale", each**-0.5)
    scores = graph.add("MatMul", graph.add("Mul", queries, scale), keys)
    lowest = graph.number("lowest", LOWEST)
    looks = graph.add("Softmax", graph.add("Where", _keys(graph), scores, lowest), axis=-1)
    mixed = graph.add("Transpose", graph.add("MatMul", looks, contents), perm=[2, 0, 1, 3])
    together = graph.add("Reshape", mixed, graph.integers(0, 0, width))
    return linear(graph, weights, f"{layer}.attention.outward", together)


def _keys(graph: Graph) -> str:
    """The mask over what is looked at: bool (B, 1, 1, T)."""
    turned = graph.add("Transpose", "mask", perm=[1, 2, 0])
    return graph.add("Unsqueeze", turned, graph.integers(1))


def _gelu(graph: Graph, values: str) -> str:
    """Gaussian error linear unit, x (1 + erf(x / sqrt 2)) / 2, which torch computes by default."""
    erf = graph.add("Erf", graph.add("Mul", values, graph.number("sqrt_half", 0.5**0.5)))
    twice = graph.add("Mul", values, graph.add("Add", erf, graph.number("unit", 1.0)))
    return graph.add("Mul", twice, graph.number("half", 0.5))
