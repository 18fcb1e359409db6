"""Smaller graphs: the same one with 8-bit token vectors and weights of its layers, or 16-bit ones.

``onnxruntime.quantization.quantize_dynamic`` turns LSTM into DynamicQuantizeLSTM only where its
weights are constants, and otherwise does nothing without a word; so the result is inspected and
refused unless every LSTM, every linear layer of an encoder and every table of token vectors is 8
bits wide. Pooling and the output layer stay in float32, so contributions still add up; so do the
products of two computed values inside self-attention.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from undertone import files
from undertone.errors import ModelFolderError
from undertone.extras import require

_QUANTISED = ("LSTM", "Gather", "MatMul")
# Constants of pooling and of the output layer, whose products stay float32.
_HEAD = {"attention.weight", "output.weight"}
_LARGE = 1024  # numbers in a constant that is worth storing in half its size


def quantise(source: Path, target: Path) -> None:
    """Write the int8 form of a float32 graph.

    Weights are rounded per output channel to 7 bits of range, which costs little accuracy and
    keeps the integer sums of processors without VNNI from saturating: the model then scores the
    same on every machine.

    Args:
        source: ``model.onnx``.
        target: the file to write, whole or not at all.

    Raises:
        MissingExtraError: the ``onnx`` package is not installed.
        ModelFolderError: the LSTM or the token vectors did not become int8.
    """
    onnx = require("onnx", "train")
    quantization = require("onnxruntime.quantization", "train")
    with files.replacing(target) as temporary, _quiet():
        before = onnx.load(source)
        quantization.quantize_dynamic(
            source,
            temporary,
            op_types_to_quantize=list(_QUANTISED),
            nodes_to_exclude=_float_products(before),
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
        )
        _require_int8(before, onnx.load(temporary), onnx)


def store_in_float16(source: Path, target: Path) -> None:
    """Write a float32 graph whose large constants are stored in 16 bits: half the size.

    Every sum is still in float32: a Cast stands behind each constant, and onnxruntime makes it when
    it opens the graph. Scores differ by what 11 bits of a weight leave away.

    Args:
        source: ``model.onnx``.
        target: the file to write, whole or not at all.

    Raises:
        MissingExtraError: the ``onnx`` package is not installed.
        ModelFolderError: a weight is beyond the range of float16.
    """
    onnx = require("onnx", "train")
    model = onnx.load(source)
    graph, casts = model.graph, []
    for constant in graph.initializer:
        if constant.data_type != onnx.TensorProto.FLOAT or math.prod(constant.dims) < _LARGE:
            continue
        with np.errstate(over="ignore"):  # looked at in the next line
            narrow = onnx.numpy_helper.to_array(constant).astype(np.float16)
        if not np.isfinite(narrow).all():
            raise ModelFolderError(
                f"{constant.name} in {source} holds numbers beyond 65,504.", "Keep float32."
            )
        name = constant.name
        constant.CopyFrom(onnx.numpy_helper.from_array(narrow, f"{name}.float16"))
        casts.append(
            onnx.helper.make_node(
                "Cast", [f"{name}.float16"], [name], f"{name}.cast", to=onnx.TensorProto.FLOAT
            )
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    files.write_bytes(target, model.SerializeToString())


def _require_int8(before: Any, after: Any, onnx: Any) -> None:
    wanted, operators = _operators(before), _operators(after)
    layers = wanted["LSTM"]
    products = wanted["MatMul"] - len(_float_products(before))
    done = operators["DynamicQuantizeLSTM"], operators["MatMulInteger"]
    wide = [
        constant.name
        for constant in after.graph.initializer
        if constant.data_type == onnx.TensorProto.FLOAT and constant.name in _table_names(before)
    ]
    if layers + products == 0 or done != (layers, products) or operators["LSTM"] or wide:
        raise ModelFolderError(
            f"the model was not truly quantised: {done[0]} of {layers} LSTM nodes and {done[1]} of "
            f"{products} linear layers became int8, {len(wide)} tables of token vectors stayed "
            "float32.",
            "Export it again with the onnxruntime version in constraints.txt.",
        )


def _operators(model: Any) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def _float_products(model: Any) -> list[str]:
    """Names of the matrix products that stay float32: the head's, and those without a constant."""
    constants = {constant.name for constant in model.graph.initializer} - _HEAD
    return [
        node.name
        for node in model.graph.node
        if node.op_type == "MatMul" and node.input[1] not in constants
    ]


def _table_names(model: Any) -> set[str]:
    """Float tables that a Gather looks tokens up in."""
    constants = {constant.name for constant in model.graph.initializer}
    return {
        node.input[0]
        for node in model.graph.node
        if node.op_type == "Gather" and node.input[0] in constants
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantiser's advice about pre-processing, which does not apply, off the terminal."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
