"""From float32 to int8: the same graph with 8-bit token vectors and LSTM weights.

``onnxruntime.quantization.quantize_dynamic`` turns LSTM into DynamicQuantizeLSTM only where its
weights are constants, and otherwise does nothing without a word; so the result is inspected and
refused unless every LSTM and every table of token vectors is 8 bits wide. The pooling and the
linear layer stay in float32, so contributions still add up.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from undertone import files
from undertone.errors import ModelFolderError
from undertone.extras import require

_QUANTISED = ("LSTM", "Gather")


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
        quantization.quantize_dynamic(
            source,
            temporary,
            op_types_to_quantize=list(_QUANTISED),
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
        )
        _require_int8(onnx.load(source), onnx.load(temporary), onnx)


def _require_int8(before: Any, after: Any, onnx: Any) -> None:
    wanted = _operators(before)["LSTM"]
    operators = _operators(after)
    wide = [
        constant.name
        for constant in after.graph.initializer
        if constant.data_type == onnx.TensorProto.FLOAT and constant.name in _table_names(before)
    ]
    if wanted == 0 or operators["DynamicQuantizeLSTM"] != wanted or operators["LSTM"] or wide:
        raise ModelFolderError(
            f"the model was not truly quantised: {operators['DynamicQuantizeLSTM']} of {wanted} "
            f"LSTM nodes became int8, {len(wide)} tables of token vectors stayed float32.",
            "Export it again with the onnxruntime version in constraints.txt.",
        )


def _operators(model: Any) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


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
