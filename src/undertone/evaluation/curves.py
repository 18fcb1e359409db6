"""What the plots of an evaluation are drawn from: bins of confidence, ROC curves, length bands."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from undertone.evaluation.intervals import Interval, wilson
from undertone.evaluation.verdicts import Verdicts

CONFIDENCE_BINS = 15
LENGTH_EDGES = (25, 50, 100, 200, 400, 800)

_ROC_POINTS = 200
_RISK_POINTS = 100


class ConfidenceBin(Struct, frozen=True):
    """Reviews whose likeliest label has a probability in (``low``, ``high``].

    ``confidence`` is the mean of that probability, ``accuracy`` the share that is right.
    """

    low: float
    high: float
    reviews: int
    confidence: float
    accuracy: float


class RocCurve(Struct, frozen=True):
    """True against false positive rate of one label, from (0, 0) to (1, 1)."""

    label: str
    false_positive_rate: tuple[float, ...]
    true_positive_rate: tuple[float, ...]


class RiskCurve(Struct, frozen=True):
    """Share of wrong verdicts among the surest reviews, from the surest one alone to all."""

    coverage: tuple[float, ...]
    risk: tuple[float, ...]


class LengthBand(Struct, frozen=True):
    """Reviews of ``low`` to ``high`` tokens (both included, before any cut; None: no limit).

    ``share_read`` is tokens read over tokens in all.
    """

    low: int
    high: int | None
    reviews: int
    accuracy: float
    accuracy_interval: Interval
    share_read: float | None

    @property
    def title(self) -> str:
        """``"101–200"`` or ``"over 800"``."""
        return f"{self.low}–{self.high}" if self.high is not None else f"over {self.low - 1}"


def confidence_bins(verdicts: Verdicts) -> tuple[ConfidenceBin, ...]:
    """Reviews by confidence in 15 bins of equal width; bins without reviews are left out.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 2.
    """
    confidence, correct = verdicts.confidence, verdicts.correct
    edges = np.linspace(0.0, 1.0, CONFIDENCE_BINS + 1)
    places = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, CONFIDENCE_BINS - 1)
    return tuple(
        ConfidenceBin(
            low=float(edges[place]),
            high=float(edges[place + 1]),
            reviews=int(np.count_nonzero(places == place)),
            confidence=float(confidence[places == place].mean()),
            accuracy=float(correct[places == place].mean()),
        )
        for place in np.unique(places)
    )


def roc_curves(verdicts: Verdicts) -> tuple[RocCurve, ...]:
    """The curve of the second of two labels, or of each of many against all others.

    A label that all reviews have, or none, has no curve. Each keeps at most about 200 points,
    evenly spaced along the curve.
    """
    count = len(verdicts.labels)
    curves = []
    for number in [1] if count == 2 else range(count):
        positive = verdicts.targets == number
        if positive.any() and not positive.all():
            points = _thinned(_roc_points(positive, verdicts.probabilities[:, number]))
            false_rates, true_rates = points.round(6).T.tolist()
            curves.append(RocCurve(verdicts.labels[number], tuple(false_rates), tuple(true_rates)))
    return tuple(curves)


def risk_curve(verdicts: Verdicts) -> RiskCurve:
    """The risk-coverage curve at 1%, 2%, to 100% of the reviews; fewer points of fewer reviews."""
    found = risks(verdicts)
    count = len(found)
    shares = np.linspace(1 / _RISK_POINTS, 1.0, _RISK_POINTS)
    last = np.unique(np.ceil(shares * count - 1e-9).astype(np.int64)) - 1
    coverage = (last + 1) / count
    return RiskCurve(tuple(coverage.round(6).tolist()), tuple(found[last].round(6).tolist()))


def risks(verdicts: Verdicts) -> NDArray[np.float64]:
    """Share of wrong verdicts among the k surest reviews, float64 (N,), for k from 1 to N.

    Reviews that are equally sure each count as wrong with the share of them that is wrong, as if
    drawn at random. A review without a verdict counts as wrong and is the least sure.
    """
    order = np.argsort(-verdicts.confidence, kind="stable")
    wrong = 1.0 - verdicts.correct[order]
    _, group, size = np.unique(-verdicts.confidence, return_inverse=True, return_counts=True)
    means = np.bincount(group[order], weights=wrong) / size
    found: NDArray[np.float64] = np.cumsum(means[group[order]]) / np.arange(1, len(order) + 1)
    return found


def length_bands(verdicts: Verdicts) -> tuple[LengthBand, ...]:
    """Accuracy by the number of tokens of the whole review; bands without reviews are left out."""
    return tuple(_length_bands(verdicts))


def _length_bands(verdicts: Verdicts) -> Iterator[LengthBand]:
    total, correct = verdicts.tokens_total, verdicts.correct
    for low, high in zip((0, *LENGTH_EDGES), (*LENGTH_EDGES, None), strict=True):
        above = total >= 0 if low == 0 else total > low
        inside = above if high is None else above & (total <= high)
        reviews, right = int(np.count_nonzero(inside)), int(np.count_nonzero(correct[inside]))
        if reviews:
            tokens = int(total[inside].sum())
            yield LengthBand(
                low=low + 1 if low else 0,
                high=high,
                reviews=reviews,
                accuracy=right / reviews,
                accuracy_interval=wilson(right, reviews),
                share_read=int(verdicts.tokens_read[inside].sum()) / tokens if tokens else None,
            )


def _roc_points(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rates at every threshold, float64 (M, 2); tied scores are one step."""
    order = np.argsort(-scores, kind="stable")
    last_of_tie = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum(positive[order])[last_of_tie]
    alarms = last_of_tie + 1 - hits
    rates = np.stack([alarms / np.count_nonzero(~positive), hits / np.count_nonzero(positive)])
    return np.concatenate([np.zeros((1, 2)), rates.T])


def _thinned(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """At most about ``_ROC_POINTS`` points, the first and the last among them."""
    along = points.sum(axis=1)
    wanted = np.linspace(along[0], along[-1], _ROC_POINTS)
    return points[np.unique(np.searchsorted(along, wanted))]
