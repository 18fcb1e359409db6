"""How sure a figure is: intervals of shares, and tests of paired differences."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from undertone.errors import ConfigError
from undertone.extras import require

McNemarMethod = Literal["auto", "exact", "mid-p", "continuity"]

_EXACT_UP_TO = 10_000
# Above so many distinct differences, resampling their counts saves nothing.
_DISTINCT = 64
_DRAWS_AT_ONCE = 4_000_000


class Interval(NamedTuple):
    """Lower and upper end."""

    low: float
    high: float


class McNemarTest(Struct, frozen=True):
    """Two classifiers on the same reviews.

    Attributes:
        only_first: reviews that only the first one gets right.
        only_second: reviews that only the second one gets right.
        method: ``"exact"``, ``"mid-p"`` or ``"continuity"``.
        p_value: two-sided, of the hypothesis that both are equally often right.
    """

    only_first: int
    only_second: int
    method: str
    p_value: float


class BootstrapTest(Struct, frozen=True):
    """A mean difference between two systems on the same reviews.

    Attributes:
        difference: mean of the first minus mean of the second.
        interval: percentile interval of the difference.
        p_value: two-sided, of the hypothesis that the difference is zero.
        resamples: how many times the reviews were drawn anew.
    """

    difference: float
    interval: Interval
    p_value: float
    resamples: int


def wilson(successes: float, trials: int, confidence: float = 0.95) -> Interval:
    """Score interval of a share (Wilson, JASA 22, 1927, p. 209-212); (0, 1) without trials.

    Args:
        successes: 0 to ``trials``; where ties count one half, it need not be whole.
        trials: number of independent trials.
        confidence: coverage, e.g. 0.95.
    """
    if trials == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1.0 + confidence) / 2.0)
    share = successes / trials
    denominator = 1.0 + z * z / trials
    centre = (share + z * z / (2.0 * trials)) / denominator
    variance = share * (1.0 - share) / trials + z * z / (4.0 * trials * trials)
    reach = z * math.sqrt(variance) / denominator
    # At the ends the formula gives exactly 0 and 1, up to rounding.
    low = 0.0 if successes == 0 else centre - reach
    high = 1.0 if successes == trials else centre + reach
    return Interval(low, high)


def mcnemar(first: ArrayLike, second: ArrayLike, method: McNemarMethod = "auto") -> McNemarTest:
    """McNemar's test of two classifiers on the same reviews (Psychometrika 12, 1947).

    Args:
        first: bool (N,), whether the first classifier is right.
        second: bool (N,), the same for the second.
        method: ``exact``: binomial, never too small; ``mid-p``: binomial, with half the
            probability of what was observed (Fagerland et al., BMC Med. Res. Methodol. 13, 2013,
            eq. 6); ``continuity``: chi-squared with Edwards' correction; ``auto``: exact up to
            10,000 reviews that the two disagree on, else continuity.

    Raises:
        ConfigError: the two are of different length.
    """
    one, other = np.asarray(first, dtype=np.bool_), np.asarray(second, dtype=np.bool_)
    _require_paired(one.shape, other.shape)
    only_first = int(np.count_nonzero(one & ~other))
    only_second = int(np.count_nonzero(other & ~one))
    chosen = method
    if method == "auto":
        chosen = "exact" if only_first + only_second <= _EXACT_UP_TO else "continuity"
    p_value = _mcnemar_p(min(only_first, only_second), only_first + only_second, chosen)
    return McNemarTest(only_first, only_second, chosen, p_value)


def paired_bootstrap(
    first: ArrayLike,
    second: ArrayLike,
    *,
    seed: int,
    resamples: int = 10_000,
    confidence: float = 0.95,
) -> BootstrapTest:
    """Bootstrap the mean difference of two systems over reviews.

    Reviews are drawn with replacement and both systems are read on the same draw (Efron and
    Tibshirani, An Introduction to the Bootstrap, 1993, chapters 13 and 16).

    Args:
        first: (N,), a value of each review under the first system: right or wrong, or its loss.
        second: (N,), the same under the second.
        seed: of the draws; equal seeds give equal results.
        resamples: number of draws.
        confidence: coverage of the percentile interval.

    Raises:
        ConfigError: the two are empty or of different length.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    _require_paired(one.shape, other.shape)
    if len(one) == 0:
        raise ConfigError("there are no reviews to compare.", "Give at least one.")
    differences = one - other
    means = _resampled_means(differences, np.random.default_rng(seed), resamples)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    # One is added so that no finite number of draws claims a probability of zero.
    below = (1 + np.count_nonzero(means <= 0.0)) / (resamples + 1)
    above = (1 + np.count_nonzero(means >= 0.0)) / (resamples + 1)
    return BootstrapTest(
        float(differences.mean()),
        Interval(float(low), float(high)),
        min(1.0, 2.0 * min(below, above)),
        resamples,
    )


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values of several tests, corrected so that all of them together err as often as one.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6, 1979: the k-th smallest of m is multiplied by m - k + 1, none becomes smaller than
    the one before it, and none exceeds 1.

    Args:
        p_values: of m tests, in any order.

    Returns:
        The corrected ones, in the same order; each is to be compared with the level itself.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[place]))
        corrected[place] = highest
    return tuple(corrected)


def student_t(values: Sequence[float], confidence: float = 0.95) -> Interval | None:
    """Interval of a mean by Student's t (Biometrika 6, 1908); None of fewer than two values.

    Args:
        values: independent measurements, such as one of each seed.
        confidence: coverage, e.g. 0.95.

    Raises:
        MissingExtraError: scipy is not installed.
    """
    if len(values) < 2:
        return None
    quantile = require("scipy.stats", "train").t.ppf((1.0 + confidence) / 2.0, len(values) - 1)
    reach = float(quantile) * statistics.stdev(values) / math.sqrt(len(values))
    mean = statistics.fmean(values)
    return Interval(mean - reach, mean + reach)


def _require_paired(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    if first != second or len(first) != 1:
        raise ConfigError(
            f"a paired comparison needs two equally long rows, not {first} and {second}.",
            "Measure both models on the same reviews in the same order.",
        )


def _mcnemar_p(fewer: int, disagreements: int, method: str) -> float:
    if disagreements == 0:
        return 1.0
    if method == "continuity":
        distance = max(0, disagreements - 2 * fewer - 1)
        # The upper tail of chi-squared with one degree of freedom.
        return math.erfc(math.sqrt(distance * distance / (2.0 * disagreements)))
    observed = _binomial_half(fewer, disagreements)
    tail = math.fsum(_binomial_half(count, disagreements) for count in range(fewer + 1))
    if method == "mid-p":
        return min(1.0, 2.0 * tail - observed)
    return min(1.0, 2.0 * tail)


def _binomial_half(successes: int, trials: int) -> float:
    """Probability of so many successes in fair coin tosses."""
    ways = math.lgamma(trials + 1) - math.lgamma(successes + 1)
    return math.exp(ways - math.lgamma(trials - successes + 1) - trials * math.log(2.0))


def _resampled_means(
    values: NDArray[np.float64], generator: np.random.Generator, resamples: int
) -> NDArray[np.float64]:
    """Means of ``resamples`` draws with replacement, float64 (resamples,).

    Where the values are few (right or wrong gives -1, 0 and 1), how often each one is drawn is
    multinomial, which is the same distribution at a thousandth of the cost.
    """
    distinct, counts = np.unique(values, return_counts=True)
    size = len(values)
    if len(distinct) <= _DISTINCT:
        drawn = generator.multinomial(size, counts / size, size=resamples)
        means: NDArray[np.float64] = drawn @ distinct / size
        return means
    block = max(1, _DRAWS_AT_ONCE // size)
    parts = []
    for start in range(0, resamples, block):
        rows = generator.integers(0, size, size=(min(block, resamples - start), size))
        parts.append(values[rows].mean(axis=1))
    return np.concatenate(parts)
