"""The fastest matrix product this machine computes, the yardstick for every network here."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np


def measure(size: int = 2048, seconds: float = 1.0) -> dict[str, float]:
    """GFLOP/s of square products by number format: the best call within ``seconds`` each.

    float32 and bfloat16 are torch's, int8 is onnxruntime's MatMulInteger, which is what int8
    models run on there. Threads are those of the process.
    """
    return {
        "float32": _best(_torch_product(size, "float32"), size, seconds),
        "bfloat16": _best(_torch_product(size, "bfloat16"), size, seconds),
        "int8": _best(_integer_product(size), size, seconds),
    }


def best_of(*peaks: dict[str, float]) -> dict[str, float]:
    """The highest of several measurements, format by format."""
    return {name: max(peak[name] for peak in peaks) for name in peaks[0]}


def _best(product: Callable[[], Any], size: int, seconds: float) -> float:
    product()
    fastest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        product()
        fastest = min(fastest, time.perf_counter() - started)
    return 2 * size**3 / fastest / 1e9


def _torch_product(size: int, dtype: str) -> Callable[[], Any]:
    import torch

    left, right = torch.randn(2, size, size).to(getattr(torch, dtype))
    return lambda: left @ right


def _integer_product(size: int) -> Callable[[], Any]:
    import onnxruntime
    import torch
    from onnx import TensorProto, helper, numpy_helper

    generator = np.random.default_rng(0)
    right = generator.integers(-64, 64, (size, size)).astype(np.int8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["left", "right"], ["product"])],
        "product",
        [helper.make_tensor_value_info("left", TensorProto.UINT8, [size, size])],
        [helper.make_tensor_value_info("product", TensorProto.INT32, [size, size])],
        [numpy_helper.from_array(right, "right")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    left = generator.integers(0, 255, (size, size)).astype(np.uint8)
    return lambda: session.run(None, {"left": left})
