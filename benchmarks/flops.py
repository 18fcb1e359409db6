"""Floating-point operations of the networks; a multiplication with its addition counts as two.

Only matrix products are counted, on true tokens: padding that a program also multiplies is waste
and lowers its share of the peak.
"""

from __future__ import annotations

from collections.abc import Iterable


def lstm_token(embedding: int, hidden: int, layers: int, directions: int = 2) -> int:
    """Forward operations of stacked LSTM layers for one token."""
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
