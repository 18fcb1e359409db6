"""A tiny model folder built by hand, whose logits can be worked out on paper.

Every word has a weight for each output; the logit is the mean weight of the words plus a bias.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from undertone import modelfolder
from undertone.config import RunConfig
from undertone.settings import NetworkConfig, TextConfig
from undertone.text.tokenizer import TextEncoder

Weights = Mapping[str, float | tuple[float, ...]]

WEIGHTS: Weights = {
    "good": 2.0,
    "great": 4.0,
    "bad": -2.0,
    "awful": -4.0,
    "not": -1.0,
    "but": 0.5,
    "film": 0.0,
    ".": 0.0,
    "!": 0.25,
}


@dataclass(frozen=True)
class Recipe:
    """What a tiny model is made of."""

    labels: tuple[str, ...] = ("negative", "positive")
    weights: tuple[tuple[str, float | tuple[float, ...]], ...] = tuple(WEIGHTS.items())
    bias: float | tuple[float, ...] = 0.125
    temperature: float = 1.0
    max_tokens: int = 400
    head: float = 0.5
    int8_shift: float | None = None  # writes a second graph whose bias is moved by this


def logit(text: str, bias: float = 0.125) -> float:
    """Log-odds of "positive" of the default recipe for words divided by spaces."""
    values = [WEIGHTS.get(word, 0.0) for word in text.split()]
    return float(np.mean(values)) + bias  # type: ignore[arg-type]


def sigmoid(value: float) -> float:
    return float(1.0 / (1.0 + np.exp(-value)))


def write_model(folder: Path, recipe: Recipe) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = TextConfig(max_tokens=recipe.max_tokens, head=recipe.head)
    words = " ".join(word for word, _ in recipe.weights)
    encoder = TextEncoder.train([words] * 2, text)
    encoder.save(folder / modelfolder.TOKENIZER)
    table = table_of(encoder, dict(recipe.weights))
    bias = np.atleast_1d(np.array(recipe.bias, dtype=np.float32))
    graphs = {modelfolder.GRAPH: bias}
    if recipe.int8_shift is not None:
        graphs[modelfolder.GRAPH_INT8] = bias + np.float32(recipe.int8_shift)
    for name, offset in graphs.items():
        (folder / name).write_bytes(bag_of_words(table, offset).SerializeToString())
    calibration = {"temperature": recipe.temperature}
    (folder / modelfolder.CALIBRATION).write_text(json.dumps(calibration))
    config = RunConfig(text=text, network=NetworkConfig(pooling="mean"))
    modelfolder.write(folder, modelfolder.Manifest(labels=recipe.labels, config=config))
    return folder


def table_of(encoder: TextEncoder, weights: Weights) -> NDArray[np.float32]:
    """float32 (V, K); zero for the unknown token."""
    outputs = len(np.atleast_1d(next(iter(weights.values()))))
    rows = [
        np.atleast_1d(weights.get(token, (0.0,) * outputs))
        for token in encoder.tokens(range(encoder.size))
    ]
    return np.array(rows, dtype=np.float32)


def bag_of_words(table: NDArray[np.float32], bias: NDArray[np.float32]) -> onnx.ModelProto:
    """Gather -> masked mean -> Gemm, with contributions and base beside the logits."""
    helper, kinds = onnx.helper, onnx.TensorProto
    outputs = table.shape[1]
    constants = {
        "table": table,
        "matrix": np.eye(outputs, dtype=np.float32),
        "bias": bias,
        "zero": np.array(0, dtype=np.int64),
        "one": np.array(1, dtype=np.int64),
        "axis0": np.array([0], dtype=np.int64),
        "axis1": np.array([1], dtype=np.int64),
        "axis2": np.array([2], dtype=np.int64),
        "outputs": np.array([outputs], dtype=np.int64),
    }
    steps: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Gather", ["table", "ids"], "vectors", {"axis": 0}),
        ("Shape", ["ids"], "shape", {}),
        ("Gather", ["shape", "one"], "width", {"axis": 0}),
        ("Range", ["zero", "width", "one"], "positions", {}),
        ("Unsqueeze", ["positions", "axis0"], "row", {}),
        ("Cast", ["lengths"], "long", {"to": kinds.INT64}),
        ("Unsqueeze", ["long", "axis1"], "column", {}),
        ("Less", ["row", "column"], "mask", {}),
        ("Cast", ["mask"], "ones", {"to": kinds.FLOAT}),
        ("Unsqueeze", ["ones", "axis2"], "visible", {}),
        ("Cast", ["column"], "sizes", {"to": kinds.FLOAT}),
        ("Unsqueeze", ["sizes", "axis2"], "deep", {}),
        ("Mul", ["vectors", "visible"], "seen", {}),
        ("Div", ["seen", "deep"], "shares", {}),
        ("MatMul", ["shares", "matrix"], "contributions", {}),
        ("ReduceSum", ["shares", "axis1"], "mean", {"keepdims": 0}),
        ("Gemm", ["mean", "matrix", "bias"], "logits", {}),
        ("Shape", ["lengths"], "rows", {}),
        ("Concat", ["rows", "outputs"], "square", {"axis": 0}),
        ("Expand", ["bias", "square"], "base", {}),
    ]
    nodes = [
        helper.make_node(operator, inputs, [name], name, **attributes)
        for operator, inputs, name, attributes in steps
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "bag of words",
        [value("ids", kinds.INT64, ["B", "T"]), value("lengths", kinds.INT32, ["B"])],
        [
            value("logits", kinds.FLOAT, ["B", "K"]),
            value("contributions", kinds.FLOAT, ["B", "T", "K"]),
            value("base", kinds.FLOAT, ["B", "K"]),
        ],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(built, full_check=True)
    return built
