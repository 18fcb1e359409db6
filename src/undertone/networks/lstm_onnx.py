"""The LSTM classifier as an ONNX graph, built by hand from its weights.

Inputs: ``ids`` int64 (B, T), ``lengths`` int32 (B,). Outputs: ``logits`` float32 (B, K),
``contributions`` float32 (B, T, K) and ``base`` float32 (B, K). For every review the contributions
of its tokens and the base sum to the logits, because pooling and the linear layer are both sums:

* mean: each state counts by its share; * max: a feature belongs to the token that has the largest
  value (shared evenly between ties); * last: each direction's final state belongs to the token it
  stands on; * attention: each state counts by its weight.

LayerNorm divides by the standard deviation of the pooled vector, which is taken as given; its
subtraction of the mean is linear and is folded into the output weights.

torch's exporter is not used: it can freeze the time axis of an LSTM and knows no lengths. The
operators are those of ONNX opset 17.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertone.extras import require
from undertone.networks.shapes import state_width
from undertone.settings import NetworkConfig

OPSET = 17
_LOWEST = -65536.0
_EPSILON = 1e-5  # torch.nn.LayerNorm's default

Weights = Mapping[str, NDArray[np.float32]]


def build(network: NetworkConfig, weights: Weights) -> Any:
    """The graph of a trained classifier.

    Args:
        network: its shape.
        weights: float32 arrays under the names of the torch module's ``state_dict``.

    Returns:
        An ``onnx.ModelProto`` that passes the ONNX checker.
    """
    onnx = require("onnx", "train")
    graph = _Graph(onnx)
    states = _states(graph, network, weights)
    mask = _mask(graph)
    _head(graph, network, weights, _pooling(graph, network, weights, states, mask))
    model = graph.model()
    onnx.checker.check_model(model, full_check=True)
    return model


class _Graph:
    """Collects nodes and constants and names the values in between."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def constant(self, name: str, value: NDArray[Any]) -> str:
        if name not in self.constants:
            array = np.ascontiguousarray(value)
            self.constants[name] = self.onnx.numpy_helper.from_array(array, name)
        return name

    def integers(self, *values: int) -> str:
        name = "i" + "_".join(str(value).replace("-", "m") for value in values)
        return self.constant(name, np.array(values, dtype=np.int64))

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        output = name or f"v{len(self.nodes)}"
        node = self.onnx.helper.make_node(operator, list(inputs), [output], output, **attributes)
        self.nodes.append(node)
        return output

    def model(self) -> Any:
        helper, kinds = self.onnx.helper, self.onnx.TensorProto
        value = helper.make_tensor_value_info
        inputs = [value("ids", kinds.INT64, ["B", "T"]), value("lengths", kinds.INT32, ["B"])]
        outputs = [
            value("logits", kinds.FLOAT, ["B", "K"]),
            value("contributions", kinds.FLOAT, ["B", "T", "K"]),
            value("base", kinds.FLOAT, ["B", "K"]),
        ]
        graph = helper.make_graph(
            self.nodes, "undertone", inputs, outputs, list(self.constants.values())
        )
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(
            graph, opset_imports=opset, ir_version=8, producer_name="undertone"
        )


def _states(graph: _Graph, network: NetworkConfig, weights: Weights) -> str:
    """Token ids to the last layer's states, float32 (T, B, D), zero on padding."""
    table = graph.constant("embedding", weights["embedding.weight"])
    values = graph.add("Gather", table, graph.add("Transpose", "ids", perm=[1, 0]), axis=0)
    for layer in range(network.layers):
        values = _lstm(graph, network, weights, layer, values)
    return values


def _lstm(graph: _Graph, network: NetworkConfig, weights: Weights, layer: int, values: str) -> str:
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


def _mask(graph: _Graph) -> str:
    """Bool (T, B, 1), true where a token stands; names ``positions`` and ``sizes`` on the way."""
    shape = graph.add("Shape", "ids")
    width = graph.add("Squeeze", graph.add("Gather", shape, graph.integers(1)), graph.integers(0))
    zero = graph.constant("zero", np.array(0, dtype=np.int64))
    one = graph.constant("one", np.array(1, dtype=np.int64))
    count = graph.add("Range", zero, width, one)
    graph.add("Unsqueeze", count, graph.integers(1, 2), name="positions")
    lengths = graph.add("Cast", "lengths", to=graph.onnx.TensorProto.INT64)
    graph.add("Unsqueeze", lengths, graph.integers(0, 2), name="sizes")
    return graph.add("Less", "positions", "sizes", name="mask")


def _pooling(
    graph: _Graph, network: NetworkConfig, weights: Weights, states: str, mask: str
) -> tuple[str, str]:
    """The pooled vector (B, P), and each token's share of it (T, B, P) that sums to it."""
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


def _sum_over_time(graph: _Graph, values: str) -> str:
    return graph.add("ReduceSum", values, graph.integers(0), keepdims=0)


def _mean(graph: _Graph, states: str) -> tuple[str, str]:
    sizes = graph.add("Cast", "sizes", to=graph.onnx.TensorProto.FLOAT)
    shares = graph.add("Div", states, sizes)
    total = _sum_over_time(graph, states)
    return graph.add("Div", total, graph.add("Squeeze", sizes, graph.integers(0))), shares


def _max(graph: _Graph, states: str, mask: str) -> tuple[str, str]:
    lowest = graph.constant("lowest", np.array(_LOWEST, dtype=np.float32))
    visible = graph.add("Where", mask, states, lowest)
    pooled = graph.add("ReduceMax", visible, axes=[0], keepdims=0)
    wins = graph.add("Cast", graph.add("Equal", visible, pooled), to=graph.onnx.TensorProto.FLOAT)
    even = graph.add("Div", wins, _sum_over_time(graph, wins))
    return pooled, graph.add("Mul", even, pooled)


def _last(graph: _Graph, network: NetworkConfig, states: str) -> tuple[str, str]:
    one = graph.constant("one", np.array(1, dtype=np.int64))
    zero = graph.constant("zero", np.array(0, dtype=np.int64))
    ends = [graph.add("Equal", "positions", graph.add("Sub", "sizes", one))]
    parts = [states]
    if network.bidirectional:
        hidden = network.hidden_dim
        sizes = graph.constant("halves", np.array([hidden, hidden], dtype=np.int64))
        parts = ["ahead", "back"]
        node = graph.onnx.helper.make_node("Split", [states, sizes], parts, "halve", axis=2)
        graph.nodes.append(node)
        ends.append(graph.add("Equal", "positions", zero))
    kept = [
        graph.add("Mul", part, graph.add("Cast", end, to=graph.onnx.TensorProto.FLOAT))
        for part, end in zip(parts, ends, strict=True)
    ]
    shares = graph.add("Concat", *kept, axis=2)
    return _sum_over_time(graph, shares), shares


def _attention(graph: _Graph, weights: Weights, states: str, mask: str) -> tuple[str, str]:
    column = graph.constant("attention.weight", weights["attention.score.weight"].T)
    offset = graph.constant("attention.bias", weights["attention.score.bias"])
    scores = graph.add("Add", graph.add("MatMul", states, column), offset)
    lowest = graph.constant("lowest", np.array(_LOWEST, dtype=np.float32))
    attention = graph.add("Softmax", graph.add("Where", mask, scores, lowest), axis=0)
    shares = graph.add("Mul", states, attention)
    return _sum_over_time(graph, shares), shares


def _head(
    graph: _Graph, network: NetworkConfig, weights: Weights, pooling: tuple[str, str]
) -> None:
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


def _inverse_deviation(graph: _Graph, pooled: str) -> str:
    """1 / sqrt(variance + epsilon) of each row: (B, P) -> (B, 1)."""
    centred = graph.add("Sub", pooled, graph.add("ReduceMean", pooled, axes=[1]))
    variance = graph.add("ReduceMean", graph.add("Mul", centred, centred), axes=[1])
    epsilon = graph.constant("epsilon", np.array(_EPSILON, dtype=np.float32))
    return graph.add("Reciprocal", graph.add("Sqrt", graph.add("Add", variance, epsilon)))
