"""What the ONNX graphs of all architectures are made with.

torch's exporter is not used: it can freeze the time axis of an LSTM and knows no lengths. The
operators are those of ONNX opset 17.

Every graph has the inputs ``ids`` int64 (B, T) and ``lengths`` int32 (B,), and the outputs
``logits`` float32 (B, K), ``contributions`` float32 (B, T, K) and ``base`` float32 (B, K). In
between, states are (T, B, features).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

OPSET = 17

Weights = Mapping[str, NDArray[np.float32]]
"""Float32 arrays under the names of the torch module's ``state_dict``."""


class Graph:
    """Collects nodes and constants and names the values in between."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """A constant; of two with one name the first counts. Returns the name."""
        if name not in self.constants:
            array = np.ascontiguousarray(value)
            self.constants[name] = self.onnx.numpy_helper.from_array(array, name)
        return name

    def number(self, name: str, value: float) -> str:
        """A float32 scalar."""
        return self.constant(name, np.array(value, dtype=np.float32))

    def integers(self, *values: int) -> str:
        """An int64 vector."""
        name = "i" + "_".join(str(value).replace("-", "m") for value in values)
        return self.constant(name, np.array(values, dtype=np.int64))

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """A node with one output, which bears its name. Returns the name."""
        output = name or f"v{len(self.nodes)}"
        node = self.onnx.helper.make_node(operator, list(inputs), [output], output, **attributes)
        self.nodes.append(node)
        return output

    def split(self, values: str, sizes: list[int], names: list[str]) -> list[str]:
        """Parts of the last of three axes. Returns ``names``."""
        inputs = [values, self.integers(*sizes)]
        node = self.onnx.helper.make_node("Split", inputs, names, f"split.{names[0]}", axis=2)
        self.nodes.append(node)
        return names

    def as_float(self, values: str) -> str:
        """Cast to float32."""
        return self.add("Cast", values, to=self.onnx.TensorProto.FLOAT)

    def model(self) -> Any:
        """The whole as an ``onnx.ModelProto`` that passes the ONNX checker."""
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
        model = helper.make_model(
            graph, opset_imports=opset, ir_version=8, producer_name="undertone"
        )
        self.onnx.checker.check_model(model, full_check=True)
        return model


def token_vectors(graph: Graph, weights: Weights) -> str:
    """Vectors of the token ids, float32 (T, B, E)."""
    table = graph.constant("embedding", weights["embedding.weight"])
    return graph.add("Gather", table, graph.add("Transpose", "ids", perm=[1, 0]), axis=0)


def token_mask(graph: Graph) -> str:
    """Bool (T, B, 1), true where a token stands.

    On the way it names ``count`` int64 (T,), the positions from 0, ``positions``, the same as
    (T, 1, 1), and ``sizes`` int64 (1, B, 1), the lengths.
    """
    shape = graph.add("Shape", "ids")
    width = graph.add("Squeeze", graph.add("Gather", shape, graph.integers(1)), graph.integers(0))
    zero = graph.constant("zero", np.array(0, dtype=np.int64))
    one = graph.constant("one", np.array(1, dtype=np.int64))
    graph.add("Range", zero, width, one, name="count")
    graph.add("Unsqueeze", "count", graph.integers(1, 2), name="positions")
    lengths = graph.add("Cast", "lengths", to=graph.onnx.TensorProto.INT64)
    graph.add("Unsqueeze", lengths, graph.integers(0, 2), name="sizes")
    return graph.add("Less", "positions", "sizes", name="mask")
