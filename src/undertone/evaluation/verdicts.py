"""What a model says of every review, beside what is true: the one input of all figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from undertone import calibration
from undertone.data.examples import Example
from undertone.errors import DataError, nearest

NO_VERDICT = -1
"""Stands in ``Verdicts.predicted`` for a review in which the model finds nothing to read."""

# Texts given to the model at once: large enough to sort by length, small enough to see progress.
_BLOCK = 2048

Progress = Callable[[int, int], None]


class Logits(Protocol):
    """What a model answers."""

    @property
    def logits(self) -> NDArray[np.float32]:
        """float32 (N, K); K=1: the log-odds of the second label."""

    @property
    def tokens_read(self) -> NDArray[np.int32]:
        """int32 (N,)."""

    @property
    def tokens_total(self) -> NDArray[np.int32]:
        """int32 (N,), before long reviews are cut."""


class Classifier(Protocol):
    """What a model must offer to be measured; :class:`undertone.Model` does."""

    @property
    def labels(self) -> tuple[str, ...]:
        """In the order of the outputs."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def folder(self) -> Path:
        """The model folder."""

    @property
    def precision(self) -> str:
        """``"float32"`` or ``"int8"``."""

    @property
    def temperature(self) -> float:
        """Divisor of the logits."""

    @property
    def thresholds(self) -> Sequence[float]:
        """Of doubt, by coverage; none where the model cannot abstain."""

    def logits(self, texts: Sequence[str], /) -> Logits:
        """Read the texts."""


class Verdicts(Struct, frozen=True, eq=False):
    """Truth and verdict for N reviews and C labels.

    A review without any token to read gets no verdict: it counts as wrong, with the same
    probability for every label.

    Attributes:
        labels: C names, in the order of the model's outputs.
        targets: int64 (N,), index of the true label.
        predicted: int64 (N,), index of the likeliest label, or :data:`NO_VERDICT`.
        probabilities: float64 (N, C), calibrated, rows summing to 1.
        tokens_read: int32 (N,), tokens the model saw.
        tokens_total: int32 (N,), tokens of the whole review.
    """

    labels: tuple[str, ...]
    targets: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    tokens_read: NDArray[np.int32]
    tokens_total: NDArray[np.int32]

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Where the verdict is true, bool (N,); never where there is none."""
        right: NDArray[np.bool_] = self.targets == self.predicted
        return right

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Probability of the likeliest label, float64 (N,)."""
        highest: NDArray[np.float64] = self.probabilities.max(axis=1)
        return highest


def collect_verdicts(
    model: Classifier, examples: Sequence[Example], on_progress: Progress | None = None
) -> Verdicts:
    """Let the model read labelled reviews.

    Args:
        model: what to measure.
        examples: reviews with a label that the model knows.
        on_progress: told (reviews read, reviews in all) from time to time.

    Raises:
        DataError: no reviews, or a label that is missing or unknown to the model.
    """
    targets = _targets(examples, model.labels)
    logits, read, total = [], [], []
    for start in range(0, len(examples), _BLOCK):
        texts = [example.text for example in examples[start : start + _BLOCK]]
        result = model.logits(texts)
        logits.append(result.logits)
        read.append(result.tokens_read)
        total.append(result.tokens_total)
        if on_progress is not None:
            on_progress(start + len(texts), len(examples))
    return verdicts_from_logits(
        model.labels,
        targets,
        np.concatenate(logits),
        model.temperature,
        tokens=(np.concatenate(read), np.concatenate(total)),
    )


def timed_verdicts(
    model: Classifier, examples: Sequence[Example], on_progress: Progress | None = None
) -> tuple[Verdicts, float]:
    """As :func:`collect_verdicts`, and how many seconds it took, tokenising included."""
    start = time.perf_counter()
    verdicts = collect_verdicts(model, examples, on_progress)
    return verdicts, time.perf_counter() - start


def verdicts_from_logits(
    labels: tuple[str, ...],
    targets: NDArray[np.int64],
    logits: NDArray[np.floating],
    temperature: float,
    *,
    tokens: tuple[NDArray[np.int32], NDArray[np.int32]],
) -> Verdicts:
    """Verdicts from what a network put out.

    Args:
        labels: C names, in the order of the outputs.
        targets: int64 (N,), index of the true label.
        logits: float (N, K); K=1: the log-odds of the second label.
        temperature: positive divisor of the logits.
        tokens: int32 (N,) twice: tokens read, and tokens of the whole review.
    """
    read, total = tokens
    empty = np.asarray(read) == 0
    silenced = np.where(empty[:, None], 0.0, np.asarray(logits, dtype=np.float64))
    probabilities = calibration.probabilities(silenced, temperature)
    predicted = np.where(empty, NO_VERDICT, probabilities.argmax(axis=1))
    return Verdicts(labels, targets, predicted, probabilities, read, total)


def _targets(examples: Sequence[Example], labels: tuple[str, ...]) -> NDArray[np.int64]:
    if not examples:
        raise DataError("there are no reviews to evaluate.", "Name another source or split.")
    index = {label: number for number, label in enumerate(labels)}
    return np.array([_target(example, index) for example in examples], dtype=np.int64)


def _target(example: Example, index: dict[str, int]) -> int:
    if example.label in index:
        return index[example.label]
    known = f"The model knows: {', '.join(index)}."
    if example.label is None:
        raise DataError(f"{example.name} has no label.", known)
    hint = nearest(example.label, index)
    raise DataError(
        f"{example.name} has the label {example.label!r}, unknown to the model{hint}.", known
    )
