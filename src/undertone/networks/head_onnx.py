"""Pooling and output layer as ONNX nodes, so that the logit is a sum over positions.

For every review the contributions of its positions and the base sum to the logits, because pooling
and the linear layer are both sums:

* mean: each state counts by its share; * max: a feature belongs to the position that has the
  largest value (shared evenly between ties); * last: each direction's final state belongs to the
  token it stands on; * attention: each state counts by its weight.

LayerNorm divides by the standard deviation of the pooled vector, which is taken as given; its
subtraction of the mean is linear and is folded into the output weights.

How far a position's contribution is that of its token depends on the architecture: a state has
read other tokens too, the more so under self-attention.
"""

from __future__ import annotations

import numpy as np

from undertone.networks.graph import Graph, Weights
from undertone.networks.shapes import state_width
from undertone.settings import NetworkConfig

LOWEST = -65536.0
EPSILON = 1e-5  # torch.nn.LayerNorm's default


def finish(graph: Graph, network: NetworkConfig, weights: Weights, states: str, mask: str) -> None:
    """Add the outputs.

    Args:
        graph: to add to.
        network: the shape.
        weights: of the whole network.
        states: float32 (T, B, D) of the last layer, zero on padding.
        mask: from :func:`undertone.networks.graph.token_mask`.
    """
    _head(graph, network, weights, _pooling(graph, network, weights, states, mask))


def _pooling(
    graph: Graph, network: NetworkConfig, weights: Weights, states: str, mask: str
) -> tuple[str, str]:
    """The pooled vector (B, P), and each position's share of it (T, B, P) that sums to it."""
    if network.pooling == "concat":
        parts = [_mean(graph, states), _max(graph, states, mask)]
        pooled = graph.add("Concat", *(part[0] for part in parts), axis=1)
        return pooled, graph.add("Concat", *(part[1] for part in parts), axis=2)
    if network.pooling == "mean":
        return _mean(graph, states)
    if network.pooling == "max":
        return _max(graph, states, mask)
    if network.pooling == "last":
        return _last(graph, network, states)
    return _attention(graph, weights, states, mask)


def _sum_over_time(graph: Graph, values: str) -> str:
    return graph.add("ReduceSum", values, graph.integers(0), keepdims=0)


def _mean(graph: Graph, states: str) -> tuple[str, str]:
    sizes = graph.as_float("sizes")
    shares = graph.add("Div", states, sizes)
    total = _sum_over_time(graph, states)
    return graph.add("Div", total, graph.add("Squeeze", sizes, graph.integers(0))), shares


def _max(graph: Graph, states: str, mask: str) -> tuple[str, str]:
    visible = graph.add("Where", mask, states, graph.number("lowest", LOWEST))
    pooled = graph.add("ReduceMax", visible, axes=[0], keepdims=0)
    wins = graph.as_float(graph.add("Equal", visible, pooled))
    even = graph.add("Div", wins, _sum_over_time(graph, wins))
    return pooled, graph.add("Mul", even, pooled)


def _last(graph: Graph, network: NetworkConfig, states: str) -> tuple[str, str]:
    one = graph.constant("one", np.array(1, dtype=np.int64))
    zero = graph.constant("zero", np.array(0, dtype=np.int64))
    ends = [graph.add("Equal", "positions", graph.add("Sub", "sizes", one))]
    parts, hidden = [states], network.hidden_dim
    if state_width(network) > hidden:
        parts = graph.split(states, [hidden, hidden], ["ahead", "back"])
        ends.append(graph.add("Equal", "positions", zero))
    kept = [
        graph.add("Mul", part, graph.as_float(end)) for part, end in zip(parts, ends, strict=True)
    ]
    shares = graph.add("Concat", *kept, axis=2)
    return _sum_over_time(graph, shares), shares


def _attention(graph: Graph, weights: Weights, states: str, mask: str) -> tuple[str, str]:
    column = graph.constant("attention.weight", weights["attention.score.weight"].T)
    offset = graph.constant("attention.bias", weights["attention.score.bias"])
    scores = graph.add("Add", graph.add("MatMul", states, column), offset)
    lowest = graph.number("lowest", LOWEST)
    attention = graph.add("Softmax", graph.add("Where", mask, scores, lowest), axis=0)
    shares = graph.add("Mul", states, attention)
    return _sum_over_time(graph, shares), shares


def _head(graph: Graph, network: NetworkConfig, weights: Weights, pooling: tuple[str, str]) -> None:
    pooled, shares = pooling
    matrix, bias = weights["output.weight"], weights["output.bias"]
    scale = ""
    if network.layer_norm:
        bias = bias + matrix @ weights["norm.bias"]
        matrix = matrix * weights["norm.weight"]
        # sum_p m_p (x_p - mean(x)) = sum_p (m_p - mean(m)) x_p
        matrix = matrix - matrix.mean(axis=1, keepdims=True)
        scale = _inverse_deviation(graph, pooled)
        pooled = graph.add("Mul", pooled, scale)
    columns = graph.constant("output.weight", matrix.T)
    offset = graph.constant("output.bias", bias)
    graph.add("Add", graph.add("MatMul", pooled, columns), offset, name="logits")
    parts = graph.add("MatMul", shares, columns)
    if scale:
        parts = graph.add("Mul", parts, graph.add("Unsqueeze", scale, graph.integers(0)))
    graph.add("Transpose", parts, perm=[1, 0, 2], name="contributions")
    rows = graph.add("Concat", graph.add("Shape", "lengths"), graph.integers(1), axis=0)
    graph.add("Expand", offset, rows, name="base")


def _inverse_deviation(graph: Graph, pooled: str) -> str:
    """1 / sqrt(variance + epsilon) of each row: (B, P) -> (B, 1)."""
    centred = graph.add("Sub", pooled, graph.add("ReduceMean", pooled, axes=[1]))
    variance = graph.add("ReduceMean", graph.add("Mul", centred, centred), axes=[1])
    epsilon = graph.number("epsilon", EPSILON)
    return graph.add("Reciprocal", graph.add("Sqrt", graph.add("Add", variance, epsilon)))
