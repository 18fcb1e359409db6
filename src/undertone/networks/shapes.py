"""Widths and parameter counts of the networks, without importing torch."""

from __future__ import annotations

from undertone.config import RunConfig
from undertone.settings import NetworkConfig


def outputs(labels: int) -> int:
    """Logits for that many labels: two labels share one, the log-odds of the second."""
    return 1 if labels == 2 else labels


def state_width(network: NetworkConfig) -> int:
    """Features of one token after the last layer."""
    return network.hidden_dim * (2 if network.bidirectional else 1)


def pooled_width(network: NetworkConfig) -> int:
    """Features of one review after pooling."""
    return state_width(network) * (2 if network.pooling == "concat" else 1)


def count_parameters(config: RunConfig, vocabulary: int, labels: int) -> int:
    """Exact number of trainable numbers in the network of ``config``.

    Args:
        config: the run whose network is counted.
        vocabulary: number of distinct tokens.
        labels: number of labels.
    """
    name = config.network.architecture
    return _COUNTERS[name](config.network, vocabulary, outputs(labels))


def _count_lstm(network: NetworkConfig, vocabulary: int, logits: int) -> int:
    hidden, width = network.hidden_dim, state_width(network)
    directions = 2 if network.bidirectional else 1
    total = vocabulary * network.embedding_dim
    for layer in range(network.layers):
        inputs = network.embedding_dim if layer == 0 else width
        total += directions * (4 * hidden * (inputs + hidden) + 8 * hidden)
    pooled = pooled_width(network)
    total += width + 1 if network.pooling == "attention" else 0
    total += 2 * pooled if network.layer_norm else 0
    return total + pooled * logits + logits


_COUNTERS = {"lstm": _count_lstm}
