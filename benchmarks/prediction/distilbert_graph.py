"""DistilBERT as an ONNX graph of onnxruntime's fused transformer operators, built by hand.

These are the operators that onnxruntime's own optimiser makes out of an exported BERT, so the
graph is the fast form of it; the exporter's version and its constants play no part.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from benchmarks.prediction.face import Unavailable

Weights = dict[str, NDArray[np.float32]]
_FUSED = "com.microsoft"
_EPSILON = 1e-12


def build(weights: Weights, layers: int, heads: int) -> onnx.ModelProto:
    """The graph: ids int64 (B, T) and lengths int32 (B,) to logits float32 (B, 2).

    Args:
        weights: ``state_dict`` of ``DistilBertForSequenceClassification`` as arrays.
        layers: encoder layers.
        heads: attention heads.
    """
    graph = _Graph(weights)
    states = _embedded(graph)
    for number in range(layers):
        states = _layer(graph, f"distilbert.transformer.layer.{number}.", states, heads)
    _head(graph, states)
    return graph.model()


def quantise(source: Path, target: Path, layers: int) -> None:
    """int8 by onnxruntime's dynamic quantisation, refused unless it truly took place.

    Raises:
        Unavailable: a matrix product or the embedding stayed in float32.
    """
    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["Attention", "MatMul", "Gather"],
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": TensorProto.FLOAT},
    )
    operators = Counter(node.op_type for node in onnx.load(target).graph.node)
    # A layer has one attention and three products; two more products stand in the head.
    products = operators["MatMulInteger"] + operators["DynamicQuantizeMatMul"]
    wide = operators["MatMul"] + operators["Attention"]
    if wide or operators["QAttention"] != layers or products != 3 * layers + 2:
        raise Unavailable(f"DistilBERT was not truly quantised: {dict(operators)}")


class _Graph:
    """Collects nodes and constants."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def weight(self, name: str, value: NDArray[Any] | None = None) -> str:
        """A constant: the weight of that name, or ``value``."""
        array = self.weights[name] if value is None else value
        self.constants[name] = numpy_helper.from_array(np.array(array, order="C"), name)
        return name

    def add(self, kind: str, inputs: list[str], outputs: int = 1, **settings: Any) -> str:
        """A node of a standard operator; the name of its first output."""
        return self._add("", kind, inputs, outputs, settings)

    def fused(self, kind: str, inputs: list[str], outputs: int = 1, **settings: Any) -> str:
        """A node of one of onnxruntime's own operators."""
        return self._add(_FUSED, kind, inputs, outputs, settings)

    def product(self, values: str, layer: str) -> str:
        """``values`` times the weights of a torch linear layer, without its bias."""
        matrix = self.weight(f"{layer}.weight", self.weights[f"{layer}.weight"].T)
        return self.add("MatMul", [values, matrix])

    def model(self) -> onnx.ModelProto:
        """The finished model."""
        graph = helper.make_graph(
            self.nodes,
            "distilbert",
            [
                helper.make_tensor_value_info("ids", TensorProto.INT64, ["B", "T"]),
                helper.make_tensor_value_info("lengths", TensorProto.INT32, ["B"]),
            ],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["B", 2])],
            list(self.constants.values()),
        )
        versions = [helper.make_opsetid("", 17), helper.make_opsetid(_FUSED, 1)]
        return helper.make_model(graph, opset_imports=versions, ir_version=8)

    def _add(
        self, domain: str, kind: str, inputs: list[str], outputs: int, settings: dict[str, Any]
    ) -> str:
        name = f"{kind}_{len(self.nodes)}"
        names = [name, *(f"{name}_{number}" for number in range(1, outputs))]
        self.nodes.append(
            helper.make_node(kind, inputs, names, name=name, domain=domain, **settings)
        )
        return name


def _embedded(graph: _Graph) -> str:
    """Token and position vectors, added and normalised: (B, T, D)."""
    place = "distilbert.embeddings."
    tokens = graph.add("Gather", [graph.weight(f"{place}word_embeddings.weight"), "ids"])
    width = graph.add("Shape", ["ids"], start=1, end=2)
    start = graph.weight("zero", np.zeros(1, np.int64))
    positions = graph.add(
        "Slice", [graph.weight(f"{place}position_embeddings.weight"), start, width]
    )
    scale, shift = _norm(graph, f"{place}LayerNorm")
    total = graph.add("Add", [tokens, positions])
    return graph.add("LayerNormalization", [total, scale, shift], axis=-1, epsilon=_EPSILON)


def _layer(graph: _Graph, name: str, states: str, heads: int) -> str:
    parts = [f"{name}attention.{part}_lin" for part in "qkv"]
    joined = np.concatenate([graph.weights[f"{part}.weight"].T for part in parts], axis=1)
    biases = np.concatenate([graph.weights[f"{part}.bias"] for part in parts])
    attended = graph.fused(
        "Attention",
        [
            states,
            graph.weight(f"{name}qkv.weight", joined),
            graph.weight(f"{name}qkv.bias", biases),
            "lengths",
        ],
        num_heads=heads,
    )
    states = _residual(graph, attended, states, f"{name}attention.out_lin", f"{name}sa_layer_norm")
    inner = graph.product(states, f"{name}ffn.lin1")
    inner = graph.fused("BiasGelu", [inner, graph.weight(f"{name}ffn.lin1.bias")])
    return _residual(graph, inner, states, f"{name}ffn.lin2", f"{name}output_layer_norm")


def _residual(graph: _Graph, values: str, states: str, linear: str, norm: str) -> str:
    """LayerNorm of a linear layer's result plus what stood before it."""
    product = graph.product(values, linear)
    inputs = [product, states, *_norm(graph, norm), graph.weight(f"{linear}.bias")]
    return graph.fused("SkipLayerNormalization", inputs, epsilon=_EPSILON)


def _norm(graph: _Graph, name: str) -> tuple[str, str]:
    return graph.weight(f"{name}.weight"), graph.weight(f"{name}.bias")


def _head(graph: _Graph, states: str) -> None:
    """From the first token's state to the logits."""
    first = graph.add("Gather", [states, graph.weight("first", np.array(0, np.int64))], axis=1)
    hidden = graph.add(
        "Add", [graph.product(first, "pre_classifier"), _bias(graph, "pre_classifier")]
    )
    hidden = graph.add("Relu", [hidden])
    graph.nodes.append(
        helper.make_node(
            "Add", [graph.product(hidden, "classifier"), _bias(graph, "classifier")], ["logits"]
        )
    )


def _bias(graph: _Graph, layer: str) -> str:
    return graph.weight(f"{layer}.bias")
