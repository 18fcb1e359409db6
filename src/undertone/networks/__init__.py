"""The networks: one file an architecture, its ONNX graph beside it, and this list of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from undertone.errors import ConfigError, nearest
from undertone.networks.shapes import count_parameters, outputs

if TYPE_CHECKING:
    from torch import nn

    from undertone.config import RunConfig
    from undertone.networks.lstm_onnx import Weights

__all__ = ["ARCHITECTURES", "build_graph", "build_network", "count_parameters", "outputs"]

ARCHITECTURES = ("lstm",)


def build_network(config: RunConfig, vocabulary: int, labels: int) -> nn.Module:
    """The torch module of a configuration, freshly initialised from torch's random state.

    It is called with token ids int64 (B, T) and lengths int64 (B,) and returns logits (B, K).

    Raises:
        ConfigError: the architecture is unknown.
    """
    _known(config.network.architecture)
    from undertone.networks.lstm import LSTMClassifier

    return LSTMClassifier(config, vocabulary, outputs(labels))


def build_graph(config: RunConfig, weights: Weights) -> Any:
    """The ``onnx.ModelProto`` of trained weights; see ``lstm_onnx`` for its inputs and outputs.

    Raises:
        ConfigError: the architecture is unknown.
    """
    _known(config.network.architecture)
    from undertone.networks import lstm_onnx

    return lstm_onnx.build(config.network, weights)


def _known(name: str) -> None:
    if name not in ARCHITECTURES:
        raise ConfigError(
            f"unknown architecture {name!r}{nearest(name, ARCHITECTURES)}.",
            f"Architectures: {', '.join(ARCHITECTURES)}.",
        )
