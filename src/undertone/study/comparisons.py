"""Which of two models is better, and whether the test reviews can tell."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Literal

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from undertone.evaluation import Interval, holm, mcnemar, paired_bootstrap

Right = NDArray[np.bool_]
LEVEL = 0.05
METHOD = (
    "McNemar: exact test of each pair of seeds, the largest of these p-values, 1 where the seeds "
    "do not agree on who is better. Bootstrap: the share of seeds that is right of each review, "
    "10,000 draws of reviews, percentile interval. Holm: over all pairs, for each test. Better or "
    "worse: both corrected p-values are below 0.05 and the difference has that sign."
)


class Comparison(Struct, frozen=True):
    """Two models on the same test reviews.

    Attributes:
        first: name.
        second: name.
        difference: accuracy of the first less that of the second, means over seeds.
        interval: 95%, over reviews.
        mcnemar: p-value.
        mcnemar_holm: the same, corrected for the number of pairs.
        bootstrap: p-value.
        bootstrap_holm: the same, corrected for the number of pairs.
        verdict: what the first one is.
    """

    first: str
    second: str
    difference: float
    interval: Interval
    mcnemar: float
    mcnemar_holm: float
    bootstrap: float
    bootstrap_holm: float
    verdict: Literal["better", "worse", "not distinguishable"]

    @property
    def words(self) -> str:
        """``"a is better than b"``, or that they are not distinguishable."""
        if self.verdict == "not distinguishable":
            return f"{self.first} and {self.second} are not distinguishable"
        return f"{self.first} is {self.verdict} than {self.second}"


def compare(right: Mapping[str, Right], seed: int) -> tuple[Comparison, ...]:
    """Every pair of models, in the order of ``right``.

    Args:
        right: by name, bool (S, N): which of N reviews each of S seeds judges rightly. A model
            with one seed is compared with every seed of the other; else seeds are paired in their
            order, as far as both have them.
        seed: of the draws.
    """
    found = [_pair(*names, right, seed) for names in combinations(right, 2)]
    exact = holm([each.mcnemar for each in found])
    drawn = holm([each.bootstrap for each in found])
    return tuple(
        structs.replace(
            each,
            mcnemar_holm=one,
            bootstrap_holm=other,
            verdict=_verdict(each.difference, one, other),
        )
        for each, one, other in zip(found, exact, drawn, strict=True)
    )


def _pair(first: str, second: str, right: Mapping[str, Right], seed: int) -> Comparison:
    one, other = right[first], right[second]
    drawn = paired_bootstrap(one.mean(axis=0), other.mean(axis=0), seed=seed)
    exact = _mcnemar(one, other)
    return Comparison(
        first,
        second,
        difference=drawn.difference,
        interval=drawn.interval,
        mcnemar=exact,
        mcnemar_holm=exact,
        bootstrap=float(drawn.p_value),
        bootstrap_holm=float(drawn.p_value),
        verdict="not distinguishable",
    )


def _mcnemar(one: Right, other: Right) -> float:
    """Largest p-value over pairs of seeds.

    Each seed must show the difference (an intersection-union test: Berger, Technometrics 24,
    1982), so a lucky one cannot carry the others.
    """
    pairs = (
        min(len(one), len(other)) if min(len(one), len(other)) > 1 else max(len(one), len(other))
    )
    tests = [mcnemar(one[k % len(one)], other[k % len(other)]) for k in range(pairs)]
    signs = {np.sign(each.only_first - each.only_second) for each in tests}
    return 1.0 if len(signs) > 1 else max(each.p_value for each in tests)


def _verdict(
    difference: float, exact: float, drawn: float
) -> Literal["better", "worse", "not distinguishable"]:
    if max(exact, drawn) >= LEVEL or difference == 0.0:
        return "not distinguishable"
    return "better" if difference > 0 else "worse"
