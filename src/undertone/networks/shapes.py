"""Widths and parameter counts of the networks, without importing torch."""

from __future__ import annotations

from undertone.config import RunConfig
from undertone.settings import BAG, NetworkConfig


def outputs(labels: int) -> int:
    """Logits for that many labels: two labels share one, the log-odds of the second."""
    return 1 if labels == 2 else labels


def state_width(network: NetworkConfig) -> int:
    """Features of one token after the last layer."""
    two = network.bidirectional and network.architecture != "transformer"
    return network.hidden_dim * (2 if two else 1)


def pooled_width(network: NetworkConfig) -> int:
    """Features of one review after pooling."""
    return state_width(network) * (2 if network.pooling == "concat" else 1)


def column_stretches(name: str, network: NetworkConfig) -> int:
    """Equal runs of columns in a weight of an LSTM classifier, each as wide as one direction.

    A layer above the first reads the states below, one direction after the other; the output layer
    reads one such run for every direction and every kind of pooling.

    Args:
        name: of the parameter in the ``state_dict``.
        network: the shape.
    """
    if name == "output.weight":
        return pooled_width(network) // network.hidden_dim
    above = "weight_ih" in name and not name.startswith("layers.0.")
    if name == "attention.score.weight" or above:
        return state_width(network) // network.hidden_dim
    return 1


def count_parameters(config: RunConfig, vocabulary: int, labels: int) -> int | None:
    """Exact number of trainable numbers in the network of ``config``; None for a bag of n-grams.

    How many n-grams a bag weighs depends on the reviews, and its ``metrics.json`` says it.

    Args:
        config: the run whose network is counted.
        vocabulary: number of distinct tokens.
        labels: number of labels.
    """
    network, logits = config.network, outputs(labels)
    if network.architecture == BAG:
        return None
    width, pooled = state_width(network), pooled_width(network)
    total = vocabulary * network.embedding_dim + _LAYERS[network.architecture](config)
    total += width + 1 if network.pooling == "attention" else 0
    total += 2 * pooled if network.layer_norm else 0
    return total + pooled * logits + logits


def sinusoid_frequencies(width: int) -> list[float]:
    """Radians a token of sinusoidal positions: width / 2 of them, from 1 down towards 0.0001."""
    return [10_000.0 ** (-2 * number / width) for number in range(width // 2)]


def _lstm_layers(config: RunConfig) -> int:
    network = config.network
    hidden, directions = network.hidden_dim, 2 if network.bidirectional else 1
    inputs = [network.embedding_dim] + [state_width(network)] * (network.layers - 1)
    return sum(directions * (4 * hidden * (size + hidden) + 8 * hidden) for size in inputs)


def _encoder_layers(network: NetworkConfig, layers: int) -> int:
    """Encoder layers and the LayerNorm after the last."""
    width, wide = state_width(network), network.feedforward_dim
    attention = 4 * width * (width + 1)
    feedforward = 2 * width * wide + wide + width
    return layers * (attention + feedforward + 4 * width) + 2 * width


def _transformer_layers(config: RunConfig) -> int:
    network, width = config.network, config.network.hidden_dim
    total = _encoder_layers(network, network.layers) + 2 * width
    total += (network.embedding_dim + 1) * width if network.embedding_dim != width else 0
    return total + (config.text.max_tokens * width if network.positions == "learned" else 0)


def _hybrid_layers(config: RunConfig) -> int:
    return _lstm_layers(config) + _encoder_layers(config.network, config.network.attention_layers)


_LAYERS = {
    "lstm": _lstm_layers,
    "transformer": _transformer_layers,
    "hybrid": _hybrid_layers,
}
