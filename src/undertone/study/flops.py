"""Floating-point operations of the networks; a multiplication with its addition counts as two.

Only matrix products are counted, on true tokens: padding that a program also multiplies is waste
and lowers its share of the peak.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from undertone.settings import NetworkConfig


def lstm_token(embedding: int, hidden: int, layers: int, directions: int = 2) -> int:
    """Forward operations of stacked LSTM layers for one token.

    Gates i, f, g, o of Hochreiter and Schmidhuber 1997 with a forget gate.
    """
    inputs = [embedding] + [hidden * directions] * (layers - 1)
    return sum(directions * 2 * 4 * hidden * (size + hidden) for size in inputs)


def training(forward: float) -> float:
    """Operations of a training step: backward makes two products for each one of forward."""
    return 3 * forward


def transformer(tokens: Iterable[int], width: int, inner: int, layers: int) -> float:
    """Mean forward operations of an encoder over texts with these numbers of tokens."""
    each = [
        layers * (2 * n * (4 * width * width + 2 * width * inner) + 4 * n * n * width)
        for n in tokens
    ]
    return sum(each) / len(each)


def forward(network: NetworkConfig, tokens: float) -> float | None:
    """Forward operations of one review of ``tokens`` tokens; None for a bag of n-grams.

    Self-attention grows with the square of the length; where reviews differ in length, their mean
    length understates it a little.
    """
    count = _REVIEW.get(network.architecture)
    return None if count is None else count(network, tokens)


def _lstm(network: NetworkConfig, tokens: float) -> float:
    directions = 2 if network.bidirectional else 1
    shape = network.embedding_dim, network.hidden_dim, network.layers
    return tokens * lstm_token(*shape, directions)


def _encoder(network: NetworkConfig, tokens: float, width: int, layers: int) -> float:
    products = 4 * width * width + 2 * width * network.feedforward_dim
    return layers * (2 * tokens * products + 4 * tokens * tokens * width)


def _transformer(network: NetworkConfig, tokens: float) -> float:
    width = network.hidden_dim
    widening = network.embedding_dim * width if network.embedding_dim != width else 0
    return 2 * tokens * widening + _encoder(network, tokens, width, network.layers)


def _hybrid(network: NetworkConfig, tokens: float) -> float:
    width = network.hidden_dim * (2 if network.bidirectional else 1)
    return _lstm(network, tokens) + _encoder(network, tokens, width, network.attention_layers)


_REVIEW: Mapping[str, Callable[[NetworkConfig, float], float]] = MappingProxyType(
    {"lstm": _lstm, "transformer": _transformer, "hybrid": _hybrid}
)
