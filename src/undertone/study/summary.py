"""From finished runs and their verdicts to the figures of every model."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from undertone.evaluation import Interval, Verdicts, student_t
from undertone.evaluation.curves import (
    LENGTH_EDGES,
    ConfidenceBin,
    RocCurve,
    confidence_bins,
    roc_curves,
)
from undertone.evaluation.metrics import confusion_matrix, expected_calibration_error, log_loss
from undertone.study.comparisons import Comparison
from undertone.study.measured import Run
from undertone.study.plan import Contender
from undertone.study.steps import Speed
from undertone.study.tricky import TrickyResult


class Mean(Struct, frozen=True):
    """A figure over seeds: mean, 95% interval (Student's t; None of one seed), and each value."""

    mean: float
    interval: Interval | None
    values: tuple[float, ...]


class MeanEpoch(Struct, frozen=True):
    """Means over the seeds that reached this epoch; ``seeds`` says how many did."""

    epoch: int
    seeds: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float


class LengthBand(Struct, frozen=True):
    """Test reviews of ``low`` to ``high`` words, set apart by white space (None: no limit)."""

    low: int
    high: int | None
    reviews: int
    accuracy: Mean

    @property
    def title(self) -> str:
        """``"101–200"`` or ``"over 800"``."""
        return f"{self.low}–{self.high}" if self.high is not None else f"over {self.low - 1}"


class Tested(Struct, frozen=True, eq=False):
    """One run on the test reviews."""

    run: Run
    verdicts: Verdicts
    uncalibrated: Verdicts
    reviews_per_second: float


class ModelResult(Struct, frozen=True):
    """One row of the table.

    Attributes:
        contender: what was trained.
        architecture: name.
        steps: the model was trained for so many steps only, and minutes and operations are
            extrapolated from these; 0: trained in full.
        parameters: numbers that were learnt.
        bytes: of the file that prediction reads.
        figures: by name, see :data:`FIGURES`; those that are not known are left out.
        runs: each seed.
        history: means over seeds.
        confidence_bins: of all seeds together.
        roc: of all seeds together.
        confusion: test reviews by true label (row) and verdict (column), of all seeds together.
        by_length: accuracy by words of the review.
    """

    contender: Contender
    architecture: str
    steps: int
    parameters: int
    bytes: int
    figures: dict[str, Mean]
    runs: tuple[Run, ...] = ()
    history: tuple[MeanEpoch, ...] = ()
    confidence_bins: tuple[ConfidenceBin, ...] = ()
    roc: tuple[RocCurve, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    by_length: tuple[LengthBand, ...] = ()

    @property
    def name(self) -> str:
        """Of its row."""
        return self.contender.name

    def mean(self, figure: str) -> float | None:
        """Mean of a figure; None where it is not known."""
        found = self.figures.get(figure)
        return None if found is None else found.mean


class StudyResult(Struct, frozen=True):
    """All that ``study.json`` holds.

    Attributes:
        source: of the reviews, as the user named it.
        protocol: how they were divided.
        settings: overrides of all models.
        seeds: that were asked for.
        labels: in the order of the outputs.
        train: training reviews.
        validation: validation reviews.
        test: test reviews.
        test_digest: hex SHA-256 of names, labels and texts of the test reviews.
        train_digest: the same of training and validation reviews.
        intervals: what kind they are.
        flops: how operations are counted.
        method: of the comparisons.
        models: rows of the table.
        comparisons: every pair of models that were trained in full.
        tricky: each tricky review.
        missing: why runs are not there, by name of the run.
        provenance: command, commit, date, machine and versions.
    """

    source: str
    protocol: str
    settings: tuple[str, ...]
    seeds: tuple[int, ...]
    labels: tuple[str, ...]
    train: int
    validation: int
    test: int
    test_digest: str
    train_digest: str
    intervals: str
    flops: str
    method: str
    models: tuple[ModelResult, ...]
    comparisons: tuple[Comparison, ...]
    tricky: tuple[TrickyResult, ...]
    missing: dict[str, str]
    provenance: dict[str, Any]

    @property
    def full(self) -> tuple[ModelResult, ...]:
        """The models that were trained in full."""
        return tuple(each for each in self.models if not each.steps)


FIGURES: Mapping[str, Callable[[Tested], float | None]] = MappingProxyType(
    {
        "train_loss": lambda each: each.run.kept_epoch.train_loss,
        "train_accuracy": lambda each: each.run.kept_epoch.train_accuracy,
        "validation_loss": lambda each: each.run.kept_epoch.validation_loss,
        "validation_accuracy": lambda each: each.run.kept_epoch.validation_accuracy,
        "test_loss": lambda each: log_loss(each.uncalibrated),
        "test_accuracy": lambda each: float(each.verdicts.correct.mean()),
        "test_loss_calibrated": lambda each: log_loss(each.verdicts),
        "test_ece": lambda each: expected_calibration_error(each.verdicts),
        "best_epoch": lambda each: float(each.run.best),
        "last_epoch": lambda each: float(each.run.history[-1].epoch),
        "minutes": lambda each: each.run.minutes,
        "reviews_per_second": lambda each: each.reviews_per_second,
        "train_reviews_per_second": lambda each: statistics.median(
            epoch.reviews_per_second for epoch in each.run.history
        ),
        "flops": lambda each: each.run.flops,
    }
)
"""Every figure of a run by the name it has in JSON; losses in nats, shares of 1."""


def mean_of(values: Sequence[float]) -> Mean:
    """Mean and 95% interval over seeds."""
    known = tuple(float(each) for each in values)
    return Mean(statistics.fmean(known), student_t(known), known)


def trained(
    contender: Contender, architecture: str, tested: Sequence[Tested], words: NDArray[np.int64]
) -> ModelResult:
    """The row of a model that was trained in full.

    Args:
        contender: what was trained.
        architecture: its name.
        tested: each finished seed, at least one.
        words: of every test review.
    """
    pooled = _pooled([each.verdicts for each in tested])
    runs = tuple(each.run for each in tested)
    return ModelResult(
        contender=contender,
        architecture=architecture,
        steps=0,
        parameters=round(statistics.fmean(run.parameters for run in runs)),
        bytes=round(statistics.fmean(run.bytes for run in runs)),
        figures=_figures(tested),
        runs=runs,
        history=_history(runs),
        confidence_bins=confidence_bins(pooled),
        roc=roc_curves(pooled),
        confusion=tuple(tuple(row) for row in confusion_matrix(pooled).tolist()),
        by_length=_by_length([each.verdicts.correct for each in tested], words),
    )


def timed(contender: Contender, speed: Speed) -> ModelResult:
    """The row of a model that was trained for some steps only."""
    known = {
        "minutes": speed.minutes,
        "train_reviews_per_second": speed.reviews_per_second,
        "last_epoch": float(speed.epochs),
        "flops": speed.flops,
    }
    return ModelResult(
        contender=contender,
        architecture=speed.config.network.architecture,
        steps=speed.steps,
        parameters=speed.parameters,
        bytes=speed.bytes,
        figures={name: mean_of([value]) for name, value in known.items() if value is not None},
    )


def _figures(tested: Sequence[Tested]) -> dict[str, Mean]:
    found = {}
    for name, measure in FIGURES.items():
        values = [value for each in tested if (value := measure(each)) is not None]
        if values:
            found[name] = mean_of(values)
    return found


def _history(runs: Sequence[Run]) -> tuple[MeanEpoch, ...]:
    longest = max(len(run.history) for run in runs)
    parts = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    found = []
    for place in range(longest):
        lines = [run.history[place] for run in runs if place < len(run.history)]
        means = {part: statistics.fmean(getattr(each, part) for each in lines) for part in parts}
        found.append(MeanEpoch(place + 1, len(lines), **means))
    return tuple(found)


def _pooled(verdicts: Sequence[Verdicts]) -> Verdicts:
    names = ("targets", "predicted", "probabilities", "tokens_read", "tokens_total")
    return Verdicts(
        verdicts[0].labels,
        *(np.concatenate([getattr(each, name) for each in verdicts]) for name in names),
    )


def _by_length(
    right: Sequence[NDArray[np.bool_]], words: NDArray[np.int64]
) -> tuple[LengthBand, ...]:
    found = []
    for low, high in zip((0, *LENGTH_EDGES), (*LENGTH_EDGES, None), strict=True):
        inside = (words > low) if low else (words >= 0)
        inside = inside if high is None else inside & (words <= high)
        if inside.any():
            accuracy = mean_of([float(each[inside].mean()) for each in right])
            count = int(np.count_nonzero(inside))
            found.append(LengthBand(low + 1 if low else 0, high, count, accuracy))
    return tuple(found)
