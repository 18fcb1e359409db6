"""From a model and labelled reviews to everything that is said about the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from undertone import files, modelfolder, provenance
from undertone.data.examples import Example
from undertone.evaluation import curves, metrics
from undertone.evaluation.curves import ConfidenceBin, LengthBand, RiskCurve, RocCurve
from undertone.evaluation.doubt import Promise, promises
from undertone.evaluation.intervals import Interval, wilson
from undertone.evaluation.metrics import LabelScores
from undertone.evaluation.verdicts import Classifier, Progress, Verdicts, timed_verdicts


class MeasuredModel(Struct, frozen=True):
    """Which model it was.

    Attributes:
        name: of its folder.
        digest: hex SHA-256 of its manifest, which holds the digests of all its files.
        precision: ``"float32"`` or ``"int8"``.
        temperature: divisor of the logits.
    """

    name: str
    digest: str
    precision: str
    temperature: float


class Evaluation(Struct, frozen=True):
    """One model on one set of labelled reviews.

    Attributes:
        source: where the reviews come from, as the user named it.
        split: which part of it.
        reviews: how many.
        empty: of these, how many hold no token to read. They have no verdict: each counts as
            wrong, with the same probability for every label.
        labels: in the order of the model's outputs.
        figures: every figure of :data:`undertone.evaluation.METRICS` by name.
        accuracy_interval: Wilson interval of the accuracy, 95%.
        by_label: precision, recall and F1 of every label.
        confusion: reviews by true label (row) and verdict (column); empty ones are in none.
        by_length: accuracy by tokens of the whole review.
        confidence_bins: what the reliability diagram shows.
        roc: the ROC curves, thinned.
        risk: wrong verdicts among the surest reviews, see :func:`.curves.risk_curve`.
        promises: what abstaining came to; none of a model that cannot abstain.
        tokens_read: in all reviews together.
        tokens_total: the same, before long reviews are cut.
        seconds: from texts to logits, tokenising included.
        reviews_per_second: ``reviews / seconds``.
        model: which model it was.
        provenance: command, commit, date, machine and versions.
    """

    source: str
    split: str
    reviews: int
    empty: int
    labels: tuple[str, ...]
    figures: dict[str, float | None]
    accuracy_interval: Interval
    by_label: tuple[LabelScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    by_length: tuple[LengthBand, ...]
    confidence_bins: tuple[ConfidenceBin, ...]
    roc: tuple[RocCurve, ...]
    risk: RiskCurve
    promises: tuple[Promise, ...]
    tokens_read: int
    tokens_total: int
    seconds: float
    reviews_per_second: float
    model: MeasuredModel
    provenance: dict[str, Any]

    @property
    def accuracy(self) -> float:
        """Share of right verdicts."""
        return self.figures["accuracy"] or 0.0

    @property
    def loss(self) -> float:
        """Mean negative log-probability of the true label, in nats, after calibration."""
        return self.figures["loss"] or 0.0

    @property
    def ece(self) -> float:
        """Expected calibration error, as a share."""
        return self.figures["ece"] or 0.0

    @property
    def roc_auc(self) -> float | None:
        """Area under the ROC curve; None where the reviews have one label only."""
        return self.figures["roc_auc"]


def evaluate(
    model: Classifier,
    examples: Sequence[Example],
    *,
    source: str = "",
    split: str = "test",
    on_progress: Progress | None = None,
) -> Evaluation:
    """Measure a model on labelled reviews.

    Args:
        model: what :func:`undertone.load` returns.
        examples: reviews with a label that the model knows.
        source: recorded in the result.
        split: recorded in the result.
        on_progress: told (reviews read, reviews in all) from time to time.

    Raises:
        DataError: no reviews, or a label that is missing or unknown to the model.
    """
    verdicts, seconds = timed_verdicts(model, examples, on_progress)
    return summarise(verdicts, model, source=source, split=split, seconds=seconds)


def summarise(
    verdicts: Verdicts, model: Classifier, *, source: str, split: str, seconds: float
) -> Evaluation:
    """All figures of the verdicts that ``model`` took ``seconds`` to give."""
    count = len(verdicts.targets)
    return Evaluation(
        source=source,
        split=split,
        reviews=count,
        empty=int(np.count_nonzero(verdicts.predicted < 0)),
        labels=tuple(verdicts.labels),
        figures=metrics.measure(verdicts),
        accuracy_interval=wilson(int(np.count_nonzero(verdicts.correct)), count),
        by_label=metrics.label_scores(verdicts),
        confusion=tuple(tuple(row) for row in metrics.confusion_matrix(verdicts).tolist()),
        by_length=curves.length_bands(verdicts),
        confidence_bins=curves.confidence_bins(verdicts),
        roc=curves.roc_curves(verdicts),
        risk=curves.risk_curve(verdicts),
        promises=promises(verdicts, model.thresholds),
        tokens_read=int(verdicts.tokens_read.sum()),
        tokens_total=int(verdicts.tokens_total.sum()),
        seconds=seconds,
        reviews_per_second=count / max(seconds, 1e-9),
        model=identity(model),
        provenance=provenance.collect(),
    )


def identity(model: Classifier) -> MeasuredModel:
    """What a report records of a model."""
    digest = files.sha256(model.folder / modelfolder.MANIFEST)
    return MeasuredModel(model.name, digest, model.precision, model.temperature)
