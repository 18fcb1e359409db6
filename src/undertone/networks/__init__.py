"""The networks: one file an architecture, its ONNX graph beside it, and this list of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from undertone.errors import ConfigError, nearest
from undertone.networks.shapes import count_parameters, outputs
from undertone.settings import BAG

if TYPE_CHECKING:
    from torch import nn

    from undertone.config import RunConfig
    from undertone.networks.graph import Weights

__all__ = ["ARCHITECTURES", "build_graph", "build_network", "count_parameters", "outputs"]

ARCHITECTURES = ("lstm", "transformer", "hybrid")


def build_network(config: RunConfig, vocabulary: int, labels: int) -> nn.Module:
    """The torch module of a configuration, freshly initialised from torch's random state.

    It is called with token ids int64 (B, T) and lengths int64 (B,) and returns logits (B, K).

    Raises:
        ConfigError: the architecture is unknown.
    """
    _known(config.network.architecture)
    from undertone.networks.hybrid import HybridClassifier
    from undertone.networks.lstm import LSTMClassifier
    from undertone.networks.transformer import TransformerClassifier

    classes: dict[str, type[nn.Module]] = {
        "lstm": LSTMClassifier,
        "transformer": TransformerClassifier,
        "hybrid": HybridClassifier,
    }
    return classes[config.network.architecture](config, vocabulary, outputs(labels))


def build_graph(config: RunConfig, weights: Weights) -> Any:
    """The ``onnx.ModelProto`` of trained weights; see ``graph`` for its inputs and outputs.

    Raises:
        ConfigError: the architecture is unknown.
    """
    _known(config.network.architecture)
    from undertone.networks import hybrid_onnx, lstm_onnx, transformer_onnx

    builders = {
        "lstm": lstm_onnx.build,
        "transformer": transformer_onnx.build,
        "hybrid": hybrid_onnx.build,
    }
    return builders[config.network.architecture](config.network, weights)


def _known(name: str) -> None:
    if name not in ARCHITECTURES:
        raise ConfigError(
            f"unknown architecture {name!r}{nearest(name, (*ARCHITECTURES, BAG))}.",
            f"Architectures: {', '.join((*ARCHITECTURES, BAG))}.",
        )
