"""The figures of an evaluation.

A new figure is one function of :class:`Verdicts` and one entry in :data:`METRICS`; tables, JSON
and reports follow from that. A figure that is undefined for the reviews at hand is None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from undertone.evaluation.curves import confidence_bins, risks
from undertone.evaluation.verdicts import Verdicts


class LabelScores(Struct, frozen=True):
    """How well one label is told from the others; a share of nothing counts as 0.

    Attributes:
        label: its name.
        reviews: how many have it in truth.
        predicted: how many the model gives it.
        precision: of those predicted, the share that has it.
        recall: of those that have it, the share predicted.
        f1: harmonic mean of precision and recall.
    """

    label: str
    reviews: int
    predicted: int
    precision: float
    recall: float
    f1: float


class Metric(Struct, frozen=True):
    """One figure.

    Attributes:
        title: for people.
        measure: the function.
        unit: ``"share"`` of 1, printed as percent, or a plain ``"number"``.
        better: which direction is good.
    """

    title: str
    measure: Callable[[Verdicts], float | None]
    unit: Literal["share", "number"]
    better: Literal["higher", "lower"]


def accuracy(verdicts: Verdicts) -> float:
    """Share of right verdicts among all reviews."""
    return float(verdicts.correct.mean())


def log_loss(verdicts: Verdicts) -> float:
    """Mean negative log-probability of the true label, in nats, after calibration."""
    chosen = verdicts.probabilities[np.arange(len(verdicts.targets)), verdicts.targets]
    return float(-np.log(np.maximum(chosen, np.finfo(np.float64).tiny)).mean())


def brier(verdicts: Verdicts) -> float:
    """Mean squared error of the probabilities (Brier, Monthly Weather Review 78, 1950).

    For two labels that of the second label alone, 0 to 1; for more the sum over all, 0 to 2.
    """
    truth = np.eye(len(verdicts.labels))[verdicts.targets]
    total = float(np.square(verdicts.probabilities - truth).sum(axis=1).mean())
    return total / 2.0 if len(verdicts.labels) == 2 else total


def expected_calibration_error(verdicts: Verdicts) -> float:
    """Mean distance between confidence and accuracy over 15 bins (Guo et al. 2017, eq. 3)."""
    bins = confidence_bins(verdicts)
    gaps = [each.reviews * abs(each.accuracy - each.confidence) for each in bins]
    return sum(gaps) / len(verdicts.targets)


def roc_auc(verdicts: Verdicts) -> float | None:
    """Probability that a review with the label scores above one without; ties count half.

    Of the second label where there are two, else the mean over labels, each against all others.
    None where no label has reviews on both sides.
    """
    count = len(verdicts.labels)
    areas = [
        area_under_roc(verdicts.targets == number, verdicts.probabilities[:, number])
        for number in ([1] if count == 2 else range(count))
    ]
    return _mean([area for area in areas if area is not None])


def area_under_roc(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> float | None:
    """Mann-Whitney statistic over the number of pairs; None where one side is empty.

    Args:
        positive: bool (N,), whether a review has the label.
        scores: float64 (N,), higher for the label.
    """
    positives = int(np.count_nonzero(positive))
    negatives = len(positive) - positives
    if positives == 0 or negatives == 0:
        return None
    _, group, size = np.unique(scores, return_inverse=True, return_counts=True)
    # The mean rank of a group of ties, ranks counting from 1.
    rank = np.cumsum(size) - (size - 1) / 2.0
    surplus = float(rank[group][positive].sum()) - positives * (positives + 1) / 2.0
    return surplus / (positives * negatives)


def confusion_matrix(verdicts: Verdicts) -> NDArray[np.int64]:
    """Reviews by true label (row) and verdict (column), int64 (C, C); no verdict: not counted."""
    count = len(verdicts.labels)
    given = verdicts.predicted >= 0
    cells = verdicts.targets[given] * count + verdicts.predicted[given]
    return np.bincount(cells, minlength=count * count).reshape(count, count)


def label_scores(verdicts: Verdicts) -> tuple[LabelScores, ...]:
    """Precision, recall and F1 of every label, in the model's order."""
    matrix = confusion_matrix(verdicts)
    reviews = np.bincount(verdicts.targets, minlength=len(verdicts.labels))
    return tuple(
        _label_scores(label, int(matrix[i, i]), int(reviews[i]), int(matrix[:, i].sum()))
        for i, label in enumerate(verdicts.labels)
    )


def macro(verdicts: Verdicts, part: Literal["precision", "recall", "f1"]) -> float | None:
    """Mean over the labels that occur, in truth or in verdicts."""
    scores = label_scores(verdicts)
    return _mean([getattr(each, part) for each in scores if each.reviews or each.predicted])


def area_under_risk(verdicts: Verdicts) -> float:
    """Mean risk over all coverages (AURC; Geifman et al., ICLR 2019, section 2), as a share."""
    return float(risks(verdicts).mean())


def share_read(verdicts: Verdicts) -> float | None:
    """Tokens read over tokens in all; None where the reviews have none."""
    total = int(verdicts.tokens_total.sum())
    return int(verdicts.tokens_read.sum()) / total if total else None


def _label_scores(label: str, right: int, reviews: int, predicted: int) -> LabelScores:
    return LabelScores(
        label,
        reviews,
        predicted,
        precision=right / predicted if predicted else 0.0,
        recall=right / reviews if reviews else 0.0,
        f1=2.0 * right / (predicted + reviews) if predicted + reviews else 0.0,
    )


def _positive(verdicts: Verdicts, part: Literal["precision", "recall", "f1"]) -> float | None:
    """Of the second label; None where there are more than two."""
    scores = label_scores(verdicts)
    return float(getattr(scores[1], part)) if len(scores) == 2 else None


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "accuracy": Metric("Accuracy", accuracy, "share", "higher"),
        "loss": Metric("Log loss (nats)", log_loss, "number", "lower"),
        "precision": Metric("Precision", lambda v: _positive(v, "precision"), "share", "higher"),
        "recall": Metric("Recall", lambda v: _positive(v, "recall"), "share", "higher"),
        "f1": Metric("F1", lambda v: _positive(v, "f1"), "share", "higher"),
        "precision_macro": Metric(
            "Precision, macro", lambda v: macro(v, "precision"), "share", "higher"
        ),
        "recall_macro": Metric("Recall, macro", lambda v: macro(v, "recall"), "share", "higher"),
        "f1_macro": Metric("F1, macro", lambda v: macro(v, "f1"), "share", "higher"),
        "roc_auc": Metric("ROC-AUC", roc_auc, "number", "higher"),
        "ece": Metric("Expected calibration error", expected_calibration_error, "share", "lower"),
        "aurc": Metric("Risk over all coverages", area_under_risk, "share", "lower"),
        "brier": Metric("Brier score", brier, "number", "lower"),
        "share_read": Metric("Text read", share_read, "share", "higher"),
    }
)
"""Every figure by the name it has in JSON, in the order of reports."""


def measure(verdicts: Verdicts) -> dict[str, float | None]:
    """All figures of :data:`METRICS`."""
    return {name: metric.measure(verdicts) for name, metric in METRICS.items()}


def shown(name: str, value: float | None) -> str:
    """A figure of :data:`METRICS` as people read it: ``"90.12%"``, ``"0.2412"`` or ``"–"``."""
    if value is None:
        return "–"
    return f"{100.0 * value:.2f}%" if METRICS[name].unit == "share" else f"{value:.4f}"
