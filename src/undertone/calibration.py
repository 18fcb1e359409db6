"""From logits to probabilities, the temperature that makes them honest, and honest doubt.

Two labels share one logit, the log-odds of the second label; more labels have one logit each.
Temperature scaling divides the logits by one number fitted on validation data (Guo et al., "On
Calibration of Modern Neural Networks", ICML 2017, section 4.2). It changes no decision.

Split conformal prediction gives every text a set of labels that holds the true one as often as was
asked (Vovk et al., "Algorithmic Learning in a Random World", 2005; Angelopoulos and Bates, "A
Gentle Introduction to Conformal Prediction", 2021, section 1.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from undertone.errors import ConfigError

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]

Thresholds = Annotated[
    tuple[Annotated[float, Meta(ge=0.0, le=1.0)], ...], Meta(min_length=500, max_length=500)
]
"""What :func:`conformal_thresholds` returns, as it stands in a model folder."""

_SMALLEST, _LARGEST = 0.05, 20.0
# Coverages, in thousandths, that thresholds are kept for.
_LEAST, _MOST = 500, 999


def probabilities(logits: Floats, temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities of all labels.

    Args:
        logits: float (N, K); K=1 means two labels and holds the log-odds of the second.
        temperature: positive divisor of the logits.

    Returns:
        float64 (N, C), rows summing to 1; C=2 for K=1, else C=K.
    """
    scaled = two_sided(np.asarray(logits, dtype=np.float64)) / temperature
    shifted = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    result: NDArray[np.float64] = shifted / shifted.sum(axis=1, keepdims=True)
    return result


def log_loss(logits: Floats, targets: Integers, temperature: float = 1.0) -> float:
    """Mean negative log-likelihood, in nats, of ``targets`` int (N,) under ``logits`` (N, K)."""
    scaled = two_sided(np.asarray(logits, dtype=np.float64)) / temperature
    top = scaled.max(axis=1)
    normaliser = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
    chosen = scaled[np.arange(len(targets)), targets]
    return float(np.mean(normaliser - chosen))


def fit_temperature(logits: Floats, targets: Integers) -> float:
    """The temperature with the smallest log loss on held-out data.

    The loss is convex in the inverse temperature, so a golden-section search over its logarithm
    between 1/20 and 20 finds the minimum; 60 steps narrow it to a relative 1e-11.

    Args:
        logits: float (N, K), not seen in training.
        targets: int (N,), indices of the true labels.

    Returns:
        The temperature, 1.0 where there are no rows to fit on.
    """
    if len(targets) == 0:
        return 1.0
    ratio = (np.sqrt(5.0) - 1.0) / 2.0
    low, high = np.log(_SMALLEST), np.log(_LARGEST)
    for _ in range(60):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if log_loss(logits, targets, np.exp(left)) <= log_loss(logits, targets, np.exp(right)):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2.0))


def conformal_thresholds(
    logits: Floats, targets: Integers, temperature: float = 1.0
) -> list[float]:
    """Thresholds of :func:`prediction_sets` for the coverages 0.500, 0.501, to 0.999.

    Of n held-out texts, a threshold is the ceil((n + 1) · coverage)-th smallest value of one minus
    the probability of the true label; 1, which every label passes, where n is too small for it.

    Args:
        logits: float (N, K), not seen in training.
        targets: int (N,), indices of the true labels.
        temperature: positive divisor of the logits.
    """
    chosen = probabilities(logits, temperature)[np.arange(len(targets)), targets]
    scores = [*np.sort(1.0 - chosen).tolist(), 1.0]
    count = len(targets)
    # Whole numbers: a coverage of 0.9 as a float could round the rank up by one.
    ranks = (-(-(count + 1) * parts // 1000) for parts in range(_LEAST, _MOST + 1))
    return [scores[min(rank, count + 1) - 1] for rank in ranks]


def threshold_for(coverage: float, thresholds: Sequence[float]) -> float:
    """The threshold of a coverage, which is rounded up to thousandths.

    Args:
        coverage: 0.5 to 0.999.
        thresholds: what :func:`conformal_thresholds` returns.

    Raises:
        ConfigError: another coverage.
    """
    # 0.95 times 1000 is a little more than 950.
    parts = math.ceil(round(coverage * 1000.0, 6)) if math.isfinite(coverage) else 0
    if not _LEAST <= parts <= _MOST:
        raise ConfigError(f"a coverage of {coverage:g} is out of range.", "Choose 0.5 to 0.999.")
    return thresholds[parts - _LEAST]


def prediction_sets(rows: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """Which labels stay possible: those whose probability is at least one minus the threshold.

    Args:
        rows: probabilities float64 (N, C).
        threshold: what :func:`threshold_for` returns.

    Returns:
        bool (N, C); a row may have no label, or several.
    """
    sets: NDArray[np.bool_] = 1.0 - rows <= threshold
    return sets


def two_sided(logits: Floats) -> Floats:
    """One log-odds column (N, 1) becomes two columns [0, logit]; wider input stays as it is."""
    if logits.shape[1] > 1:
        return logits
    return np.concatenate([np.zeros_like(logits), logits], axis=1)
