"""Whether a model that may abstain keeps its word: promised coverage against coverage found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from undertone import calibration
from undertone.evaluation.intervals import Interval, wilson
from undertone.evaluation.verdicts import Verdicts

PROMISES = (0.8, 0.9, 0.95, 0.98, 0.99)


class Promise(Struct, frozen=True):
    """One coverage that a user may ask for, and what came of it.

    Attributes:
        coverage: what was asked.
        found: share of the reviews whose set of possible labels holds the true one.
        interval: Wilson interval of ``found``, 95%.
        answered: share of the reviews on which the model does not abstain.
        accuracy: share of right verdicts among these; None where there is none.
    """

    coverage: float
    found: float
    interval: Interval
    answered: float
    accuracy: float | None


def promises(verdicts: Verdicts, thresholds: Sequence[float]) -> tuple[Promise, ...]:
    """What became of :data:`PROMISES`.

    A review without a verdict has every label in its set: the model abstains on it.

    Args:
        verdicts: of reviews that neither training nor the thresholds have seen.
        thresholds: of the model, see :func:`undertone.calibration.conformal_thresholds`; none, and
            there is no promise.
    """
    return tuple(_promise(verdicts, each, thresholds) for each in PROMISES if thresholds)


def _promise(verdicts: Verdicts, coverage: float, thresholds: Sequence[float]) -> Promise:
    threshold = calibration.threshold_for(coverage, thresholds)
    sets = calibration.prediction_sets(verdicts.probabilities, threshold)
    sets |= (verdicts.predicted < 0)[:, None]
    count = len(verdicts.targets)
    holds = sets[np.arange(count), verdicts.targets]
    held = int(np.count_nonzero(holds))
    single = sets.sum(axis=1) == 1
    answered = int(np.count_nonzero(single))
    return Promise(
        coverage,
        held / count,
        wilson(held, count),
        answered / count,
        int(np.count_nonzero(holds & single)) / answered if answered else None,
    )
