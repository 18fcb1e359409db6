"""From an int8 graph back to the float32 weights of its network, rounded as the graph rounds them.

A model that was made for use alone, such as the one inside the package, has no other weights. They
can be read back because the graphs are made here: their constants bear the names that
:mod:`undertone.networks.graph` and its neighbours gave them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertone.errors import ModelFolderError
from undertone.extras import require
from undertone.networks.graph import Weights
from undertone.settings import NetworkConfig

Floats = NDArray[np.float32]


def weights_of(path: Path, network: NetworkConfig) -> Weights:
    """The weights of an LSTM classifier from its int8 graph.

    A LayerNorm comes back with the weight 1 and the bias 0, since its own are part of the output
    layer's in every graph.

    Args:
        path: ``model.int8.onnx``.
        network: the shape of the network.

    Returns:
        Float32 arrays under the names of the torch module's ``state_dict``.

    Raises:
        MissingExtraError: the ``onnx`` package is not installed.
        ModelFolderError: another architecture, or not a graph of that shape.
    """
    if network.architecture != "lstm":
        raise ModelFolderError(
            f"{path.parent} has int8 weights alone, and those of the architecture "
            f"{network.architecture} cannot be gone on from.",
            "Start from the folder that it was exported from.",
        )
    onnx = require("onnx", "train")
    try:
        graph = onnx.load(path).graph
        constants = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
        return _named(constants, network)
    except Exception as error:  # onnx's exceptions share no base class
        raise ModelFolderError(
            f"{path} does not hold the weights of such a network: {error!r}.",
            "Copy the folder again.",
        ) from error


def _named(constants: dict[str, NDArray[Any]], network: NetworkConfig) -> Weights:
    weights: dict[str, Floats] = {"embedding.weight": _table(constants)}
    for layer in range(network.layers):
        weights |= _layer(constants, layer, network)
    matrix = constants["output.weight"].T.copy()
    weights |= {"output.weight": matrix, "output.bias": constants["output.bias"]}
    if network.pooling == "attention":
        weights["attention.score.weight"] = constants["attention.weight"].T.copy()
        weights["attention.score.bias"] = constants["attention.bias"]
    if network.layer_norm:
        weights["norm.weight"] = np.ones(matrix.shape[1], dtype=np.float32)
        weights["norm.bias"] = np.zeros(matrix.shape[1], dtype=np.float32)
    return weights


def _table(constants: dict[str, NDArray[Any]]) -> Floats:
    return _wide(*(constants[f"embedding_{part}"] for part in ("quantized", "scale", "zero_point")))


def _wide(values: NDArray[Any], scale: NDArray[Any], zero: NDArray[Any]) -> Floats:
    """What 8-bit numbers stand for: ``(value - zero) * scale``."""
    wide: Floats = ((values.astype(np.float32) - zero.astype(np.float32)) * scale).astype(
        np.float32
    )
    return wide


def _layer(
    constants: dict[str, NDArray[Any]], layer: int, network: NetworkConfig
) -> dict[str, Floats]:
    """One layer; the quantiser turns its matrices over: (directions, inputs, 4H), scales (.., 4H).

    ONNX orders the gates i, o, f, c; torch i, f, g, o.
    """
    found = {}
    for number in range(2 if network.bidirectional else 1):
        prefix = f"layers.{layer}.{('forward_lstm', 'backward_lstm')[number]}"
        for kind, name in (("W", "ih"), ("R", "hh")):
            values, scale, zero = (
                constants[f"lstm{layer}.{kind}_{part}"][number]
                for part in ("quantized", "scale", "zero_point")
            )
            found[f"{prefix}.weight_{name}_l0"] = _reordered(_wide(values, scale, zero).T)
        biases = np.split(constants[f"lstm{layer}.B"][number], 2)
        for bias, name in zip(biases, ("ih", "hh"), strict=True):
            found[f"{prefix}.bias_{name}_l0"] = _reordered(bias)
    return found


def _reordered(array: NDArray[np.float32]) -> Floats:
    entry, out, forget, cell = np.split(array, 4)
    ordered: Floats = np.concatenate([entry, forget, cell, out])
    return ordered
